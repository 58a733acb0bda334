"""A memory bank over days: what is near to it stays near."""

import numpy as np
import pytest
from sources import HOUR_MS

from processors.normality.memory_bank import BankShape, MemoryBank

_WINDOWS_AN_HOUR = 900


def _vectors(rng, hour):
    """By day things move at random, by night nothing does."""
    moves = 7 <= hour % 24 < 19 and rng.random() < 0.6
    return rng.normal(0, 1, (1, 4)).astype(np.float32) if moves else np.zeros((1, 4), np.float32)


def test_the_morning_after_a_quiet_night_is_as_near_as_the_day_before():
    rng = np.random.default_rng(11)
    bank = MemoryBank(BankShape(1, 4, 48, 4, 2.0))
    place = np.zeros(1, np.intp)
    ratios = {}
    for hour in range(7, 32):
        for number in range(_WINDOWS_AN_HOUR):
            at_ms = hour * HOUR_MS + number * HOUR_MS // _WINDOWS_AN_HOUR
            vectors = _vectors(rng, hour)
            measured = bank.measure(vectors, place, at_ms)
            ratios.setdefault(hour, []).append(measured.ratios[0])
            bank.learn(vectors, place, at_ms, distances=measured.distances)

    evening, morning = (np.quantile(ratios[hour], 0.9) for hour in (18, 31))
    assert morning < 2 * evening


def _bank_with_a_rare_visitor():
    """What comes once an hour, in one of a hundred windows, for eight hours."""
    bank = MemoryBank(BankShape(1, 4, 16, 4, 2.0))
    place = np.zeros(1, np.intp)
    rng = np.random.default_rng(3)
    for hour in range(8):
        for number in range(100):
            vectors = rng.normal(0, 0.1, (1, 4)).astype(np.float32)
            bank.learn(vectors if number else vectors + 5, place, hour * HOUR_MS + number * HOUR_MS // 100)
    return bank, place


def _ratio_of_the_visitor(bank, place, at_ms):
    return bank.measure(np.full((1, 4), 5, np.float32), place, at_ms).ratios[0]


@pytest.mark.parametrize(("days", "is_normal"), [(1, True), (14, True), (16, False)])
def test_what_was_rare_and_is_gone_for_fifteen_days_has_to_come_back(days, is_normal):
    bank, place = _bank_with_a_rare_visitor()
    later_ms = 8 * HOUR_MS + days * 24 * HOUR_MS
    for number in range(32):
        bank.learn(np.zeros((1, 4), np.float32), place, later_ms + 1000 * number)

    ratio = _ratio_of_the_visitor(bank, place, later_ms + 60_000)

    assert (ratio < 1) == is_normal


def test_a_vector_of_tiny_numbers_goes_through_a_state_to_the_bit():
    bank = MemoryBank(BankShape(1, 4, 16, 4, 2.0))
    place = np.zeros(1, np.intp)
    tiny = np.array([[1.9e-4, -1.9e-4, 1e-5, 0]], np.float32)
    bank.learn(tiny, place, HOUR_MS)
    bank.learn(tiny, place, HOUR_MS + 1000)

    again = MemoryBank.from_state(bank.shape, bank.state())

    assert np.array_equal(
        again.measure(tiny, place, 2 * HOUR_MS).distances, bank.measure(tiny, place, 2 * HOUR_MS).distances
    )

"""A memory bank over days: what is near to it stays near."""

import numpy as np
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

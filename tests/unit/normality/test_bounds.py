"""The least and the most that is normal: what is rare does not move them, what stays does."""

import numpy as np
import pytest

from processors.normality.bounds import Bounds

_REACH = np.array([1.0], np.float32)
_NOT_LATE = np.zeros(1, np.float32)


def _bounds(late=_NOT_LATE):
    return Bounds(_REACH, 30, late)


def _learn(bounds, values, **options):
    for value in values:
        bounds.learn(np.array([value], np.float32), **options)


@pytest.mark.parametrize("when", ["first", "in the warm-up", "last", "scattered"])
@pytest.mark.parametrize("count", [130, 450])
def test_five_percent_of_far_values_do_not_move_the_bounds(when, count):
    odd = {
        "first": range(count // 20),
        "in the warm-up": range(10, 10 + count // 20),
        "last": range(count - count // 20, count),
        "scattered": range(0, count, 20),
    }[when]
    rng = np.random.default_rng(1)
    bounds = _bounds()
    _learn(bounds, [rng.uniform(9, 20) if number in odd else rng.uniform(-1, 1) for number in range(count)])

    assert -1 <= bounds.low[0] < -0.7
    assert 0.7 < bounds.high[0] <= 1


def test_what_began_later_is_normal_after_450_windows_and_stays_so():
    bounds = _bounds()
    _learn(bounds, [0.0] * 100)
    _learn(bounds, [9.0] * 440)
    assert bounds.high[0] == 0
    _learn(bounds, [9.0] * 20)
    assert bounds.high[0] == 9
    _learn(bounds, [0.0] * 8_000)
    assert bounds.high[0] == 9


def test_two_kinds_of_values_from_the_first_window_on_are_both_normal():
    bounds = _bounds()
    _learn(bounds, [0.0, 0.0, 9.0] * 20)
    assert (bounds.low[0], bounds.high[0]) == (0, 9)


def test_what_is_vouched_for_is_normal_at_once():
    bounds = _bounds()
    _learn(bounds, [0.0] * 1_000)
    _learn(bounds, [9.0], trusted=True)
    assert bounds.high[0] == 9


def test_values_that_come_nearer_and_nearer_become_one():
    bounds = _bounds()
    _learn(bounds, [*np.linspace(0, 5, 26), *np.linspace(10, 5, 26)] * 20)
    assert bounds.low[0] < 0.5
    assert bounds.high[0] > 9.5


def test_what_is_measured_late_is_as_rare_as_what_was_measured_from_the_first():
    bounds = _bounds(np.array([60], np.float32))
    _learn(bounds, [9.0] * 7 + [0.0] * 63)
    assert bounds.high[0] == 0


def test_it_goes_on_from_its_state():
    rng = np.random.default_rng(2)
    values = rng.normal(0, 5, 200)
    bounds, again = _bounds(), _bounds()
    _learn(bounds, values)
    again.take_up(bounds.state())
    for each in (bounds, again):
        _learn(each, values)
    assert (again.low, again.high) == (bounds.low, bounds.high)

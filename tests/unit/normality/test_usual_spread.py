"""What distances are measured in: the spread of late, and what lasts of a wider one."""

import numpy as np
import pytest

from processors.errors import ModelError
from processors.normality.usual_spread import UsualSpread

_AN_HOUR = 900


class _Followed:
    """A spread that follows a part of one place and two dimensions, hour by hour."""

    def __init__(self):
        self.spread = UsualSpread(1, 2, 0.0)
        self._rng = np.random.default_rng(0)
        self._learned = 0

    def hours(self, count, deviation):
        for _ in range(count):
            self.spread.begin_hour(self._learned)
            self.windows(_AN_HOUR, deviation)
        return self.spread

    def windows(self, count, deviation):
        for _ in range(count):
            away = (deviation * self._rng.normal(0, 1, (1, 2))).astype(np.float32)
            distances = np.sqrt(np.mean((away / self.spread.deviation) ** 2, axis=1))
            self._learned += 1
            self.spread.follow(np.ones_like(away), away, distances, self._learned)

    def width(self):
        """What a distance of one unit is in the vectors' own unit."""
        return float(self.spread.unit[0] * self.spread.deviation.mean())


def test_a_place_that_is_always_the_same_is_measured_by_its_own_spread():
    followed = _Followed()

    spread = followed.hours(12, 0.5)

    assert spread.deviation == pytest.approx([0.5, 0.5], rel=0.1)
    assert spread.reach == pytest.approx([np.sqrt(np.pi) / 2], rel=0.1)


def test_what_is_usual_by_day_is_still_usual_after_a_quiet_night():
    followed = _Followed()
    followed.hours(12, 0.5)
    by_day = followed.width()

    followed.hours(12, 0.005)

    assert followed.width() > 0.6 * by_day


def test_what_is_usual_narrows_within_weeks():
    followed = _Followed()
    followed.hours(12, 0.5)
    by_day = followed.width()

    followed.hours(12, 0.005)
    for hour in range(3 * 168):
        followed.spread.begin_hour(24 * _AN_HOUR + hour)

    assert followed.width() < 0.2 * by_day


def test_one_wild_hour_widens_what_is_usual_for_that_hour_alone():
    followed = _Followed()
    followed.hours(12, 0.5)
    before = followed.width()

    followed.hours(1, 1.5)
    during = followed.width()
    followed.hours(6, 0.5)

    assert during > 1.5 * before
    assert followed.width() < 1.5 * before


def test_what_a_young_bank_found_far_does_not_last():
    followed = _Followed()
    followed.windows(100, 50.0)

    followed.hours(12, 0.5)

    assert followed.spread.deviation == pytest.approx([0.5, 0.5], rel=0.1)


def test_a_spread_goes_on_from_its_state():
    followed = _Followed()
    spread = followed.hours(6, 0.5)

    again = UsualSpread.from_state(spread.state(), 1, 2, 0.0)
    followed.hours(2, 0.01)

    assert again.unit != spread.unit, "it goes on by itself"
    once_more = UsualSpread.from_state(spread.state(), 1, 2, 0.0)
    assert once_more.unit == spread.unit
    np.testing.assert_array_equal(once_more.deviation, spread.deviation)


@pytest.mark.parametrize(("name", "array"), [("late", None), ("lasting", np.zeros(2, np.float16))])
def test_a_state_that_does_not_fit_is_refused_by_name(name, array):
    state = UsualSpread(1, 2, 0.0).state()
    state = {key: each for key, each in state.items() if key != name} | ({} if array is None else {name: array})

    with pytest.raises(ModelError, match=f"{name} of a spread"):
        UsualSpread.from_state(state, 1, 2, 0.0)


def test_what_never_differs_is_measured_by_a_hundredth_of_its_size():
    spread = UsualSpread(1, 2, 0.0)
    vectors = np.array([[10, 1000]], np.float32)

    spread.begin(vectors)
    for learned in range(1, 100):
        spread.follow(vectors, np.zeros((1, 2), np.float32), np.zeros(1, np.float32), learned)
        if learned == 50:
            vectors = 2 * vectors

    assert spread.deviation == pytest.approx([0.2, 20], rel=0.05)

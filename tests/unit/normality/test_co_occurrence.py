"""What is usual together, and what is usual apart alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.normality.baseline import SourceBaseline
from processors.normality.co_occurrence import pointwise_mutual_information
from processors.normality.features import Part, PartFeatures, WindowFeatures

_SIDE = 8


def _squares(values, prototypes):
    return np.square(np.subtract.outer(np.asarray(values, np.float32), np.asarray(prototypes, np.float32)))


def test_sides_that_keep_to_each_other_tell_more_than_sides_that_do_not():
    # 0 came with 0 and 10 with 10, each as often; 20 came with both.
    pairs = [(0, 0), (10, 10), (20, 0), (20, 10)]
    first, second = (
        np.array([pair[side] for pair in pairs for _ in range(6)]) + np.tile(np.arange(6) / 10, 4) for side in (0, 1)
    )
    weights = np.full(24, 20, np.float32)

    def information(one, other):
        return pointwise_mutual_information(_squares([one], first), _squares([other], second), weights)[0]

    assert information(0, 0) > 0.5
    assert information(10, 10) > 0.5
    assert information(20, 0) == pytest.approx(0, abs=0.5)
    assert information(20, 10) == pytest.approx(0, abs=0.5)
    assert information(0, 10) < -2
    assert information(10, 0) < -2


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_of_what_was_never_seen_nothing_counts(seed, count):
    rng = np.random.default_rng(seed)
    first, second = (rng.random((3, count + 4), np.float32) for _ in range(2))
    weights = np.concatenate([rng.random(count, np.float32) + 0.1, np.zeros(4, np.float32)])
    told = pointwise_mutual_information(first, second, weights)
    assert np.isfinite(told).all()
    assert np.allclose(
        told, pointwise_mutual_information(first[:, :count], second[:, :count], weights[:count]), atol=1e-4
    )


def test_the_longer_two_sides_kept_apart_the_more_it_tells():
    first, second = _squares([0], [0] * 6 + [10] * 6), _squares([10], [0] * 6 + [10] * 6)
    told = [pointwise_mutual_information(first, second, np.full(12, each, np.float32))[0] for each in (1, 10, 100)]
    assert 0 > told[0] > told[1] > told[2] > -20


def test_one_pair_that_always_comes_tells_nothing():
    nothing = np.zeros((2, 1), np.float32)
    assert np.allclose(pointwise_mutual_information(nothing, nothing, np.ones(1, np.float32)), 0)


def _window(rng, number, picture, sound):
    """Pictures and sounds of a kind differ a little; those of different kinds no more than four times as much."""
    sides = [np.full(_SIDE, 4.0 * kind) + rng.normal(0, 1, _SIDE) for kind in (picture, sound)]
    start_ms = 2_000 * number
    pair = PartFeatures(np.concatenate(sides)[None].astype(np.float32), None, (start_ms,))
    return WindowFeatures(start_ms, start_ms + 2_000, {Part.AGREEMENT: pair})


def test_a_picture_and_a_sound_that_never_came_together_are_unusual_where_each_alone_is_usual():
    rng = np.random.default_rng(3)
    baseline = SourceBaseline()
    for number in range(600):
        kind = number // 7 % 4
        baseline.learn(f"yard/{2_000 * number}/2000", _window(rng, number, kind, kind))

    together = [baseline.judge(_window(rng, 600, kind, kind)).anomaly_p for kind in range(4) for _ in range(10)]
    apart = [
        baseline.judge(_window(rng, 600, kind, other)).anomaly_p
        for kind in range(4)
        for other in range(4)
        if kind != other
    ]
    assert np.median(together) > 0.2
    assert max(apart) < min(0.01, np.quantile(together, 0.05))


def test_where_every_picture_comes_with_every_sound_no_pair_is_unusual():
    rng = np.random.default_rng(4)
    baseline = SourceBaseline()
    for number in range(600):
        baseline.learn(f"yard/{2_000 * number}/2000", _window(rng, number, rng.integers(4), rng.integers(4)))

    judged = [baseline.judge(_window(rng, 600, kind, other)).anomaly_p for kind in range(4) for other in range(4)]
    assert np.mean(np.array(judged) < 0.05) < 0.2

import math

import numpy as np
import pytest

from processors.normality.calibration import Calibrator
from processors.normality.fusing import fuse


def test_no_part_is_nothing_unusual():
    assert fuse([]) == 0.0
    assert fuse([1.0, 1.0]) == 0.0


def test_one_very_unlikely_part_is_not_outvoted_by_usual_ones():
    assert fuse([1e-8, 0.5, 0.9, 1.0]) > 6


def test_parts_that_are_a_little_unlikely_add_up():
    assert fuse([0.03, 0.03, 0.03, 1.0]) > fuse([0.01, 1.0, 1.0, 1.0])


@pytest.mark.parametrize("dependence", [0.0, 0.6, 1.0])
def test_fused_and_calibrated_it_is_uniform_whatever_the_dependence(dependence):
    rng = np.random.default_rng(11)
    calibrator = Calibrator()
    told = []
    few, many = (_dependent_p_values(rng, dependence, 3_000, count) for count in (2, 4))
    for window in range(3_000):
        figure = fuse((many if window % 3 else few)[window].tolist())
        if window >= 1_000:
            told.append(calibrator.p_of(figure))
        calibrator.add(figure)
    told = np.sort(told)
    ranks = np.arange(1, len(told) + 1) / len(told)
    assert np.abs(ranks - told).max() <= 0.05


def _dependent_p_values(rng, dependence, windows, count):
    drawn = np.sqrt(dependence) * rng.normal(size=(windows, 1)) + np.sqrt(1 - dependence) * rng.normal(
        size=(windows, count)
    )
    return np.vectorize(math.erfc)(drawn / np.sqrt(2)) / 2

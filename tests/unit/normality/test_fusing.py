import math

import numpy as np
import pytest

from processors.normality.calibration import Calibrator
from processors.normality.features import Part
from processors.normality.fusing import fuse

PICTURE = (Part.APPEARANCE, Part.MOTION, Part.SCENE, Part.LIGHT)
ALL = (*PICTURE, Part.SOUND, Part.WORDS)


def told(parts, *p_values, **kept):
    return fuse(dict(zip(parts, p_values, strict=True)), **kept)


def test_no_part_is_nothing_unusual():
    assert fuse({}) == 0.0
    assert told(PICTURE[:2], 1.0, 1.0) == 0.0


def test_every_part_has_a_voice():
    assert all(fuse({part: 0.01}) == pytest.approx(2) for part in Part)


def test_what_is_only_heard_is_not_outvoted_by_what_is_seen():
    assert told(ALL, 0.5, 0.9, 1.0, 0.7, 1e-4, 0.8) > 3.5


def test_parts_of_a_picture_that_are_a_little_unlikely_add_up():
    assert told(PICTURE, 0.03, 0.03, 0.03, 1.0) > told(PICTURE, 0.01, 1.0, 1.0, 1.0)


def test_what_passes_counts_more_than_the_light_in_which_it_does():
    picture = (Part.APPEARANCE, Part.THINGS, Part.LIGHT)
    assert told(picture, 1.0, 0.01, 1.0) > 1.2 * told(picture, 1.0, 1.0, 0.01)


def test_beyond_what_a_part_can_vouch_for_it_counts_little_more_and_keeps_its_order():
    known, beyond, far = (told(ALL, 0.5, 0.5, 0.5, 0.5, p, 0.5, vouched=4.0) for p in (1e-4, 1e-12, 1e-60))
    assert known < beyond < far < known + 2


@pytest.mark.parametrize("dependence", [0.0, 0.6, 1.0])
def test_fused_and_calibrated_it_is_uniform_whatever_the_dependence(dependence):
    rng = np.random.default_rng(11)
    calibrator = Calibrator()
    p_values = []
    few, many = (_dependent_p_values(rng, dependence, 3_000, count) for count in (2, 4))
    for window in range(3_000):
        figure = told(ALL[1:5], *many[window]) if window % 3 else told(ALL[3:5], *few[window])
        if window >= 1_000:
            p_values.append(calibrator.p_of(figure))
        calibrator.add(figure)
    p_values = np.sort(p_values)
    ranks = np.arange(1, len(p_values) + 1) / len(p_values)
    assert np.abs(ranks - p_values).max() <= 0.05


def _dependent_p_values(rng, dependence, windows, count):
    drawn = np.sqrt(dependence) * rng.normal(size=(windows, 1)) + np.sqrt(1 - dependence) * rng.normal(
        size=(windows, count)
    )
    return np.vectorize(math.erfc)(drawn / np.sqrt(2)) / 2

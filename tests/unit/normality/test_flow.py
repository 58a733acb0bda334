from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from processors.normality.flow import measure_flow
from processors.normality.observation import THUMBNAIL_SHAPE


def _picture(seed, shift_px=0):
    grain = np.random.default_rng(seed).integers(0, 255, THUMBNAIL_SHAPE).astype(np.uint8)
    return np.roll(cv2.GaussianBlur(grain, (0, 0), 2), shift_px, axis=1)


PAIRS = [(_picture(seed), _picture(seed, shift_px=1 + seed % 3)) for seed in range(12)]


def _said(flow):
    return flow.velocity.tobytes(), flow.moving.tobytes(), flow.pixels.tobytes()


def _measure(pair):
    return _said(measure_flow(*pair, 0.1))


def _measure_alone(pair):
    with ThreadPoolExecutor(1) as fresh:
        return fresh.submit(_measure, pair).result()


def test_flow_says_the_same_whatever_was_measured_before():
    assert [_measure(pair) for pair in PAIRS] == [_measure_alone(pair) for pair in PAIRS]


def test_threads_that_measure_at_once_do_not_disturb_each_other():
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(_measure, PAIRS * 4)) == [_measure(pair) for pair in PAIRS] * 4


def test_a_flow_that_is_kept_stays_as_it_was():
    kept = measure_flow(*PAIRS[0], 0.1)
    said = _said(kept)
    measure_flow(*PAIRS[1], 0.1)
    assert _said(kept) == said


def test_what_moves_is_told_by_mask_number_and_velocity_alike():
    flow = measure_flow(*PAIRS[1], 0.1)
    assert 0 < len(flow.pixels) < flow.moving.size
    assert np.array_equal(np.flatnonzero(flow.moving), flow.pixels)
    assert np.array_equal(flow.velocities, flow.velocity[flow.moving])
    assert np.median(flow.velocities, axis=0) == pytest.approx([20, 0], abs=1)


@pytest.mark.parametrize("shift_px", [1, 2, 4])
def test_a_walker_of_fifteen_pixels_is_followed(shift_px):
    walker = cv2.GaussianBlur(np.random.default_rng(3).normal(60, 60, (15, 6)), (0, 0), 1)
    frames = []
    for left in (70, 70 + shift_px):
        frame = 0.2 * PAIRS[0][0] + 110
        frame[50:65, left : left + 6] = walker
        frames.append(frame.astype(np.uint8))

    flow = measure_flow(*frames, 1.0)

    assert np.median(flow.velocity[52:63, 71:75], axis=(0, 1)) == pytest.approx([shift_px, 0], abs=0.35 * shift_px)


def test_nothing_moves_in_a_picture_that_repeats():
    flow = measure_flow(PAIRS[0][0], PAIRS[0][0], 0.1)
    assert not len(flow.pixels)
    assert not flow.moving.any()
    assert not flow.velocity.any()

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


def _walker(seed, shift_px):
    """Fifteen pixels high, before ground with a texture."""
    rng = np.random.default_rng(seed)
    ground = 100 + 200 * cv2.GaussianBlur(rng.normal(0, 1, THUMBNAIL_SHAPE), (0, 0), 2)
    walker = cv2.GaussianBlur(rng.normal(60, 60, (15, 6)), (0, 0), 1)
    frames = []
    for left in (70, 70 + shift_px):
        frame = ground.copy()
        frame[50:65, left : left + 6] = walker
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
    return frames


@pytest.mark.parametrize("shift_px", [1, 2])
def test_walkers_of_fifteen_pixels_are_followed_for_more_than_half_of_their_way(shift_px):
    """With patches of eight pixels at half the size, or at a quarter as preset, they are off by 0.5 to 0.8 of it."""
    off = []
    for seed in range(20):
        flow = measure_flow(*_walker(seed, shift_px), 1.0)
        velocity = np.median(flow.velocity[52:63, 71:75], axis=(0, 1))
        off.append(np.hypot(velocity[0] - shift_px, velocity[1]) / shift_px)

    assert np.mean(off) < 0.47


def test_nothing_moves_in_a_picture_that_repeats():
    flow = measure_flow(PAIRS[0][0], PAIRS[0][0], 0.1)
    assert not len(flow.pixels)
    assert not flow.moving.any()
    assert not flow.velocity.any()

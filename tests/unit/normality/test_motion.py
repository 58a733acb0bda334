import cv2
import numpy as np
import pytest

from processors.normality.extraction import extract
from processors.normality.features import Part, WindowFeatures
from processors.normality.motion import MOTION_GRID, MOTION_MEASURES, RecentMotion, frame_motion, pair_frames
from processors.normality.observation import THUMBNAIL_SHAPE, Observation, SeenFrame
from processors.normality.things import THING_MEASURES

ROWS, COLUMNS = THUMBNAIL_SHAPE
BEHIND = cv2.GaussianBlur(np.random.default_rng(1).integers(60, 120, THUMBNAIL_SHAPE).astype(np.uint8), (0, 0), 2)
COAT = cv2.GaussianBlur(np.random.default_rng(2).integers(100, 255, (64, 64)).astype(np.uint8), (0, 0), 1.5)
FOOT, WIDTH, HEIGHT, SPEED = range(len(THING_MEASURES))


def _picture(*things):
    """Things of (left, top, width, height) before a still background."""
    picture = BEHIND.copy()
    for left, top, width, height in things:
        picture[top : top + height, left : left + width] = COAT[:height, :width]
    return picture


def _frame(at_ms, thumbnail, seed=0):
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(5, 5, 40)).astype(np.float16)
    return SeenFrame(at_ms, rng.normal(size=1280).astype(np.float32), cells, thumbnail)


def _walk(pixels, *, every_ms=100, count=5, size=(8, 16), start=(40, 50)):
    left, top = start
    return [_frame(number * every_ms, _picture((left + round(pixels * number), top, *size))) for number in range(count)]


def _features(frames, **more):
    return extract(Observation(0, 1000, frames), **more)


def _one_thing(frames):
    features = _features(frames).parts[Part.THINGS]
    assert len(features.vectors) == 1
    return features.vectors[0]


def test_a_speed_is_in_pixels_per_second_at_any_frame_rate():
    for pixels, every_ms in ((2, 100), (4, 200), (8, 400)):
        assert _one_thing(_walk(pixels, every_ms=every_ms))[SPEED] ** 2 == pytest.approx(20, rel=0.2)


def test_faster_larger_and_lower_show_in_the_measures_of_a_thing():
    walking = _one_thing(_walk(2))
    assert _one_thing(_walk(4))[SPEED] > walking[SPEED] + 1.5
    assert _one_thing(_walk(2, size=(24, 16)))[WIDTH] > walking[WIDTH] + 1.5
    assert _one_thing(_walk(2, size=(8, 32)))[HEIGHT] > walking[HEIGHT] + 1
    assert _one_thing(_walk(2, start=(40, 90)))[FOOT] > walking[FOOT] + 2


def _moving_cells(frames):
    part = _features(frames).parts[Part.MOTION]
    assert part.vectors.shape[1] == len(MOTION_MEASURES)
    return part.vectors


def test_velocity_has_the_sign_of_its_direction():
    for right, down in ((1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1)):
        frames = [_frame(100 * n, _picture((70 + 2 * right * n, 60 + 2 * down * n, 12, 12))) for n in range(4)]
        velocity = _moving_cells(frames)[:, -2:].sum(axis=0)
        assert list(np.sign(np.round(velocity / np.abs(velocity).max()))) == [right, down]


def test_motion_is_where_the_thing_is():
    part = _features(_walk(2, start=(5, 100))).parts[Part.MOTION]
    assert {6.0} <= set(part.vectors[:, 0]) <= {5.0, 6.0}
    assert {1.0} <= set(part.vectors[:, 1]) <= {1.0, 2.0}
    rows, columns = MOTION_GRID
    np.testing.assert_allclose(part.boxes[:, 1], (part.vectors[:, 0] - 1) / rows, atol=1e-6)
    np.testing.assert_allclose(part.boxes[:, 0], (part.vectors[:, 1] - 1) / columns, atol=1e-6)
    np.testing.assert_allclose(part.boxes[:, 2:], [[1 / columns, 1 / rows]] * len(part.boxes), rtol=1e-6)


def test_a_thing_in_one_frame_of_ten_shows_in_the_fastest_spot():
    frames = [_frame(100 * number, _picture()) for number in range(10)]
    frames[5] = _frame(500, _picture((60, 60, 10, 10)))
    fastest = _moving_cells(frames)[:, MOTION_MEASURES.index("fastest")]
    assert fastest.max() > 2


def test_two_that_meet_stay_two():
    frames = [
        _frame(100 * number, _picture((60 + 3 * number, 50, 10, 16), (71 - 3 * number, 58, 10, 16)))
        for number in range(3)
    ]
    assert len(_features(frames).parts[Part.THINGS].vectors) == 2


def test_boxes_are_around_the_things():
    part = _features(_walk(2, size=(10, 16), start=(40, 48))).parts[Part.THINGS]
    left, top, width, height = part.boxes[0] * (COLUMNS, ROWS, COLUMNS, ROWS)
    assert left == pytest.approx(43, abs=5)
    assert top == pytest.approx(48, abs=5)
    assert width == pytest.approx(12, abs=8)
    assert height == pytest.approx(16, abs=8)
    assert part.starts_ms[0] in range(100, 500)


def test_what_looks_different_differs_in_its_look():
    striped = COAT.copy()
    striped[::2] = 0

    def look(coat):
        frames = [_frame(100 * number, BEHIND.copy()) for number in range(5)]
        for number, frame in enumerate(frames):
            frame.thumbnail[50:74, 40 + 2 * number : 60 + 2 * number] = coat[:24, :20]
        return _features(frames).parts[Part.LOOKS].vectors[0]

    assert np.abs(look(COAT) - look(np.repeat(np.repeat(striped, 4, 0), 4, 1)[:64, :64])).max() > 1


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param([_frame(0, _picture())], id="one frame"),
        pytest.param([_frame(100, _picture()), _frame(100, _picture((60, 50, 8, 16)))], id="two at the same time"),
        pytest.param([_frame(0, _picture()), _frame(5_000, _picture((60, 50, 8, 16)))], id="a gap"),
    ],
)
def test_without_time_between_frames_there_is_no_motion_to_judge(frames):
    assert not {Part.MOTION, Part.THINGS, Part.LOOKS} & _features(frames).parts.keys()
    assert Part.APPEARANCE in _features(frames).parts


def test_a_picture_that_repeats_moves_nowhere():
    for thumbnail in (_picture((40, 50, 8, 16)), np.zeros(THUMBNAIL_SHAPE, np.uint8)):
        parts = _features([_frame(100 * number, thumbnail) for number in range(5)]).parts
        assert len(parts[Part.MOTION].vectors) == 1
        assert not parts[Part.MOTION].vectors.any()
        assert Part.THINGS not in parts


def test_noise_and_flicker_of_the_light_are_no_motion():
    rng = np.random.default_rng(0)
    noisy = [np.clip(BEHIND + rng.normal(3 * (n % 2), 1.5, THUMBNAIL_SHAPE), 0, 255).astype(np.uint8) for n in range(5)]
    parts = _features([_frame(100 * number, each) for number, each in enumerate(noisy)]).parts
    assert not parts[Part.MOTION].vectors.any()
    assert Part.THINGS not in parts


def test_overlapping_windows_compare_the_same_frames_once():
    frames = [_frame(1000 * number // 25, _picture((20 + number, 50, 8, 16))) for number in range(75)]
    measured = []

    def counting(previous, current):
        measured.append((previous.at_ms, current.at_ms))
        return frame_motion(previous, current)

    starts_ms = range(0, 2001, 100)
    seen = [[each for each in frames if start_ms <= each.at_ms < start_ms + 1000] for start_ms in starts_ms]
    pairs = {(before.at_ms, after.at_ms) for window in seen for before, after in pair_frames(window)}
    # At 25 frames a second fifteen are compared, and one more where a window cuts a slot in two.
    assert len(pairs) <= 3 * 15 + len(seen)
    recent = RecentMotion()
    for window in seen[:3]:
        once, again = (_features(window, motion_of=each) for each in (frame_motion, recent))
        assert once.to_bytes() == again.to_bytes()
    recent = RecentMotion(size=1)
    first, second, third = frames[:3]
    assert recent(first, second) is recent(first, second)
    recent(second, third)
    assert recent(first, second).at_ms == second.at_ms


def test_features_survive_the_way_through_bytes_in_half_precision():
    features = _features(_walk(2))
    again = WindowFeatures.from_bytes(features.to_bytes())
    assert again.parts.keys() == features.parts.keys()
    for part, each in features.parts.items():
        np.testing.assert_allclose(again.parts[part].vectors, each.vectors, rtol=2e-3, atol=2e-3)
        assert again.parts[part].starts_ms == each.starts_ms
        assert (again.parts[part].boxes is None) == (each.boxes is None)
    np.testing.assert_allclose(again.parts[Part.THINGS].boxes, features.parts[Part.THINGS].boxes, atol=1e-3)


def test_what_a_cell_shows_in_one_frame_of_many_is_kept():
    frames = [_frame(100 * number, _picture()) for number in range(5)]
    usual = _features(frames).parts[Part.APPEARANCE].vectors
    frames[2].cells[3, 4] += 10
    odd = _features(frames).parts[Part.APPEARANCE].vectors
    assert np.abs(odd - usual).max(axis=1).argmax() == 3 * 5 + 4
    assert np.abs(odd - usual)[3 * 5 + 4].max() > 8

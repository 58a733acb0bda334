import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from processors.scenes.real.things import cut_things

_HEIGHT, _WIDTH = 60, 80
_BOX = (18, 24)


def _wall(rng: np.random.Generator) -> NDArray[np.uint8]:
    """Of different colours, so that the wall is no plain backdrop."""
    blocks = rng.integers((70, 70, 120), (100, 100, 220), size=(_HEIGHT // 10, _WIDTH // 10, 3))
    blocks[0, ::2] = (120, 60, 60)
    return cv2.resize(blocks.astype(np.uint8), (_WIDTH, _HEIGHT), interpolation=cv2.INTER_LINEAR)


def _box(rng: np.random.Generator) -> NDArray[np.uint8]:
    box = rng.integers(180, 255, size=(*_BOX, 3)).astype(np.uint8)
    box[..., 2] = 20
    return box


@pytest.fixture
def passing_box() -> NDArray[np.uint8]:
    """A box that crosses a picture of a still camera."""
    rng = np.random.default_rng(5)
    wall, box = _wall(rng), _box(rng)
    frames = np.stack([wall] * 24)
    for index, left in enumerate(range(0, _WIDTH - _BOX[1], 6)):
        frames[index + 4, 20 : 20 + _BOX[0], left : left + _BOX[1]] = box
    return frames


def test_what_moves_before_a_still_background_is_cut_out_with_its_pixels(passing_box: NDArray[np.uint8]) -> None:
    [thing] = cut_things("yard.mp4", passing_box)
    assert thing.clip == "yard.mp4"
    frame = thing.frames[len(thing.frames) // 2]
    solid = frame[frame[..., 3] > 200]
    assert abs(len(solid) - _BOX[0] * _BOX[1]) < 0.25 * _BOX[0] * _BOX[1]
    assert (solid[:, 0] > 150).mean() > 0.95
    assert (solid[:, 2] < 60).mean() > 0.95


def test_a_still_picture_gives_no_thing() -> None:
    assert cut_things("wall.mp4", np.stack([_wall(np.random.default_rng(1))] * 12)) == []


def test_a_moving_camera_gives_no_thing() -> None:
    rng = np.random.default_rng(2)
    frames = rng.integers(0, 255, size=(12, _HEIGHT, _WIDTH, 3)).astype(np.uint8)
    assert cut_things("shaky.mp4", frames) == []


def test_the_ghost_of_what_stood_still_for_most_of_the_clip_is_no_thing(passing_box: NDArray[np.uint8]) -> None:
    rng = np.random.default_rng(3)
    wall, box = _wall(rng), _box(rng)
    frames = np.stack([wall] * 24)
    frames[:18, 20 : 20 + _BOX[0], 30 : 30 + _BOX[1]] = box
    assert cut_things("waiting.mp4", frames) == []


def test_who_talks_before_a_plain_backdrop_is_cut_out() -> None:
    rng = np.random.default_rng(4)
    frames = np.zeros((12, _HEIGHT, _WIDTH, 3), np.uint8)
    frames[...] = (40, 120, 220)
    head = rng.integers(120, 200, size=(40, 30, 3)).astype(np.uint8)
    head[..., 2] = 60
    for index, frame in enumerate(frames):
        left = 25 + index % 2
        frame[20:60, left : left + 30] = head
    [thing] = cut_things("face.mp4", frames)
    assert thing.frames.shape[1:3] == (40, 30)

"""What moves in a window: where and how in each cell of the picture, and which things.

Flow is measured once for each pair of frames that follow each other, and may be kept for the next window.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.normality.features import Part, PartFeatures
from processors.normality.flow import Flow, measure_flow
from processors.normality.observation import THUMBNAIL_SHAPE, SeenFrame
from processors.normality.things import Sighting, find_things, follow_things

__all__ = [
    "MOTION_GRID",
    "MOTION_MEASURES",
    "FrameMotion",
    "MotionOf",
    "RecentMotion",
    "describe_motion",
    "frame_motion",
    "pair_frames",
]

MOTION_GRID: Final = (6, 8)
"""Rows and columns of cells."""

MOTION_MEASURES: Final = ("row", "column", "share", "fastest", "fast", "right", "down")
"""Of each cell in which something moves: where it is, counted from 1; how much of it moves, in sixteenths; the speed of
its fastest spot in the fastest frame and in the mean over the frames; mean velocity. Speeds are in pixels of the
thumbnail per second; all but the place are square roots, and a velocity keeps its sign. All 0: nothing moves."""

_SLOT_MS: Final = 66
"""At most one frame in so much event time: fifteen a second."""
_MOST_APART_MS: Final = 1_000
"""Frames that are further apart say nothing of motion."""
_SPOT_PX: Final = 4
"""Side of the spots whose mean speed is taken, so that a single pixel is none."""
_LEAST_FASTEST: Final = 1.0
"""Square root of the speed of the fastest spot, from which on something moves in a cell."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class FrameMotion:
    """What moved from one frame to the next.

    Attributes:
        at_ms: event time of the later frame.
        cells: float32 [48, 4], mean velocity to the right and down, share and fastest spot of each; before roots.
        sightings: of things.
    """

    at_ms: int
    cells: Floats
    sightings: tuple[Sighting, ...]


MotionOf = Callable[[SeenFrame, SeenFrame], FrameMotion]
"""From two frames that follow each other to what moved between them."""


def frame_motion(previous: SeenFrame, current: SeenFrame) -> FrameMotion:
    """Measure what moved from one frame to a later one. Pure.

    Args:
        previous: at an earlier event time.
        current: the later one.
    """
    flow = measure_flow(previous.thumbnail, current.thumbnail, (current.at_ms - previous.at_ms) / 1000)
    return FrameMotion(current.at_ms, _measure_cells(flow), tuple(find_things(flow, current.thumbnail)))


class RecentMotion:
    """`frame_motion` that remembers what it measured last, for windows that share frames. For one thread.

    Args:
        size: pairs of frames remembered.
    """

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._measured: OrderedDict[tuple[int, int], tuple[SeenFrame, SeenFrame, FrameMotion]] = OrderedDict()

    def __call__(self, previous: SeenFrame, current: SeenFrame) -> FrameMotion:
        """What `frame_motion` says."""
        key = (id(previous), id(current))
        held = self._measured.get(key)
        if held is None:
            # The frames are held too: as long as they are, no other can have their ids.
            held = (previous, current, frame_motion(previous, current))
            self._measured[key] = held
            if len(self._measured) > self._size:
                self._measured.popitem(last=False)
        return held[2]


def pair_frames(frames: Sequence[SeenFrame]) -> list[tuple[SeenFrame, SeenFrame]]:
    """Which frames are compared: each with the next, thinned to at most fifteen a second.

    The slots are of event time, so that overlapping windows compare the same frames. A frame at the same time as the
    one before it is left out, and nothing is compared over a gap of more than a second.

    Args:
        frames: in order of time.
    """
    kept: list[SeenFrame] = []
    for frame in frames:
        if not kept or frame.at_ms // _SLOT_MS != kept[-1].at_ms // _SLOT_MS:
            kept.append(frame)
    return [(before, after) for before, after in pairwise(kept) if 0 < after.at_ms - before.at_ms <= _MOST_APART_MS]


def describe_motion(motions: Sequence[FrameMotion]) -> dict[Part, PartFeatures]:
    """The parts of a window that tell of motion.

    Args:
        motions: of its pairs of frames in order of time.

    Returns:
        The cells in which something moves, or one vector over the whole picture that says that nothing does; things and
        their looks, where there are any. Nothing where no frames were compared.
    """
    if not motions:
        return {}
    parts = {Part.MOTION: _describe_cells(np.stack([motion.cells for motion in motions]), motions[-1].at_ms)}
    things = follow_things(
        [motion.sightings for motion in motions], [motion.at_ms for motion in motions], THUMBNAIL_SHAPE
    )
    if things:
        boxes = np.array([thing.box for thing in things], np.float32)
        times_ms = tuple(thing.at_ms for thing in things)
        parts[Part.THINGS] = PartFeatures(np.stack([thing.measures for thing in things]), None, times_ms, boxes)
        parts[Part.LOOKS] = PartFeatures(np.stack([thing.look for thing in things]), None, times_ms, boxes)
    return parts


def _describe_cells(cells: Floats, at_ms: int) -> PartFeatures:
    """Only cells that move: where motion is rare, stillness would fill what is known of a cell."""
    rows, columns = MOTION_GRID
    velocity, share, fast = cells[..., :2].mean(axis=0), cells[..., 2].mean(axis=0), cells[..., 3].mean(axis=0)
    fastest = np.sqrt(cells[..., 3].max(axis=0))
    places = np.indices(MOTION_GRID, np.float32).reshape(2, -1).T
    signed = np.copysign(np.sqrt(np.abs(velocity)), velocity)
    vectors = np.column_stack([places + 1, np.sqrt(share), fastest, np.sqrt(fast), signed])
    moving = fastest >= _LEAST_FASTEST
    if not moving.any():
        still = np.zeros((1, len(MOTION_MEASURES)), np.float32)
        return PartFeatures(still, None, (at_ms,), np.array([[0, 0, 1, 1]], np.float32))
    boxes = np.column_stack([places[:, ::-1] / (columns, rows), np.full((len(places), 2), (1 / columns, 1 / rows))])
    count = int(moving.sum())
    return PartFeatures(vectors[moving].astype(np.float32), None, (at_ms,) * count, boxes[moving].astype(np.float32))


def _measure_cells(flow: Flow) -> Floats:
    count = MOTION_GRID[0] * MOTION_GRID[1]
    velocity = flow.velocities
    cell, spot = (of.take(flow.pixels) for of in _cells_and_spots(*flow.moving.shape))
    spots = np.bincount(spot, np.hypot(velocity[:, 0], velocity[:, 1]))
    fastest = np.zeros(count)
    np.maximum.at(fastest, cell, spots.take(spot) / _SPOT_PX**2)
    pixels = flow.moving.size / count
    right, down = (np.bincount(cell, velocity[:, axis], count) / pixels for axis in (0, 1))
    share = 16 * np.bincount(cell, minlength=count) / pixels
    return np.column_stack([right, down, share, fastest]).astype(np.float32)


@lru_cache(maxsize=1)
def _cells_and_spots(height: int, width: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """In which cell and which spot each pixel of a thumbnail is, by row."""
    rows, columns = MOTION_GRID
    at_y, at_x = np.divmod(np.arange(height * width), width)
    cells = at_y * rows // height * columns + at_x * columns // width
    return cells, at_y // _SPOT_PX * -(-width // _SPOT_PX) + at_x // _SPOT_PX

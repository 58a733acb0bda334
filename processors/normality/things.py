"""Things that move: found in each flow, followed over the frames of a window, described by size, speed and look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from processors.normality.flow import Flow
from processors.normality.median import median

__all__ = ["LOOK_DIM", "THING_MEASURES", "Sighting", "Thing", "find_things", "follow_things"]

THING_MEASURES: Final = ("foot", "width", "height", "speed")
"""How far down it stands, in eighths of the picture, for what is nearer is larger and faster; log2 of width and height
in pixels of the thumbnail, in halves; square root of the speed in pixels of the thumbnail per second."""

_DIRECTIONS: Final = 3
_QUARTERS: Final = 4
LOOK_DIM: Final = 2 + _QUARTERS * _DIRECTIONS
"""Width and height as among `THING_MEASURES`, and how strong edges of three directions are in each quarter."""

_LEAST_AREA_PX: Final = 10
_MOST_SIGHTINGS: Final = 16
_MOST_THINGS: Final = 12
_SMOOTH: Final = (5, 5)
_CLOSE: Final = np.ones((3, 3), np.uint8)
_CROP_PX: Final = 16
_LEAST_REACH_PX: Final = 3.0
_REACH_SHARE: Final = 0.5
"""Of its size, by which a thing may be away from where its velocity takes it."""
_MOST_GROWTH: Final = 3.0
_UNSEEN_EDGE: Final = 20.0
"""Strength of edges, in grey levels, below which a look fades to nothing instead of being scaled up."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A patch that moves as one, in one frame.

    Attributes:
        box_px: left, top, width, height in the thumbnail.
        centre_px: x and y of its middle of mass.
        area_px: of the pixels that move.
        speed: median over them, in pixels per second.
        velocity: mean over them, right and down, in pixels per second.
        crop: uint8 [16, 16], what the thumbnail shows in the box.
    """

    box_px: tuple[int, int, int, int]
    centre_px: tuple[float, float]
    area_px: int
    speed: float
    velocity: tuple[float, float]
    crop: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """What was followed over some frames.

    Attributes:
        measures: float32 [4], in the order of `THING_MEASURES`.
        look: float32 [`LOOK_DIM`].
        box: left, top, width and height in shares of the picture, in the middle of its way.
        at_ms: event time of that.
    """

    measures: Floats
    look: Floats
    box: tuple[float, float, float, float]
    at_ms: int


def find_things(flow: Flow, picture: npt.NDArray[np.uint8]) -> list[Sighting]:
    """The largest patches that move, at most 16.

    Along the axis of most of the motion, what moves one way is parted from the rest: two that meet stay two.

    Args:
        flow: to the picture.
        picture: uint8 [H, W] grey.
    """
    moving = flow.moving
    if not len(flow.pixels):
        return []
    axis = int(np.abs(flow.velocities).sum(axis=0).argmax())
    forward = cv2.blur(np.ascontiguousarray(flow.velocity[..., axis]), _SMOOTH) > 0
    found: list[_Patch] = []
    for one_way in (moving & forward, moving & ~forward):
        closed = cv2.morphologyEx(one_way.view(np.uint8), cv2.MORPH_CLOSE, _CLOSE)
        _, labels, stats, centres = cv2.connectedComponentsWithStats(closed, connectivity=8, ltype=cv2.CV_16U)
        large = 1 + np.flatnonzero(stats[1:, cv2.CC_STAT_AREA] >= _LEAST_AREA_PX)
        found += [_Patch(labels, label, tuple(stats[label].tolist()), centres[label]) for label in large.tolist()]
    found.sort(key=lambda patch: -patch.area_px)
    return [_sight(flow, picture, patch) for patch in found[:_MOST_SIGHTINGS]]


def follow_things(
    sightings: Sequence[Sequence[Sighting]], times_ms: Sequence[int], shape: tuple[int, int]
) -> list[Thing]:
    """Follow what was sighted from frame to frame; what flickers up and is gone is nothing.

    Args:
        sightings: of each frame in order of time.
        times_ms: event time of each frame.
        shape: rows and columns of the thumbnail.

    Returns:
        At most 12 things, those that are seen longest first.
    """
    least = min(3, (len(sightings) + 1) // 2)
    ways: list[_Way] = []
    open_: list[_Way] = []
    for index, (seen, at_ms) in enumerate(zip(sightings, times_ms, strict=True)):
        seconds = (at_ms - times_ms[index - 1]) / 1000 if index else 0.0
        going_on: list[_Way] = []
        new = set(range(len(seen)))
        for way, number in _match(open_, seen, seconds):
            way.append((at_ms, seen[number]))
            going_on.append(way)
            new.discard(number)
        begun: list[_Way] = [[(at_ms, seen[number])] for number in sorted(new)]
        ways += begun
        open_ = going_on + begun
    ways = [way for way in ways if len(way) >= least]
    ways.sort(key=lambda way: (-len(way), -max(sighting.area_px for _, sighting in way)))
    ways = ways[:_MOST_THINGS]
    looks = _looks([sighting for way in ways for _, sighting in way])
    things = []
    for way in ways:
        things.append(_describe(way, looks[: len(way)], shape))
        looks = looks[len(way) :]
    return things


_Way = list[tuple[int, Sighting]]
"""Times and sightings of one thing."""


@dataclass(frozen=True, slots=True, eq=False)
class _Patch:
    """A component of what moves.

    Attributes:
        labels: uint16 [H, W], of all components.
        label: its own.
        stats: left, top, width, height and area.
        centre: float64 [2], x and y of its middle of mass.
    """

    labels: npt.NDArray[np.uint16]
    label: int
    stats: tuple[int, int, int, int, int]
    centre: npt.NDArray[np.float64]

    @property
    def area_px(self) -> int:
        return self.stats[cv2.CC_STAT_AREA]


def _sight(flow: Flow, picture: npt.NDArray[np.uint8], patch: _Patch) -> Sighting:
    left, top, width, height, area = patch.stats
    inside = (slice(top, top + height), slice(left, left + width))
    velocity = flow.velocity[inside][patch.labels[inside] == patch.label]
    mean = velocity.mean(axis=0)
    return Sighting(
        (left, top, width, height),
        (float(patch.centre[0]), float(patch.centre[1])),
        area,
        median(np.hypot(velocity[:, 0], velocity[:, 1])),
        (float(mean[0]), float(mean[1])),
        np.asarray(cv2.resize(picture[inside], (_CROP_PX, _CROP_PX), interpolation=cv2.INTER_LINEAR), np.uint8),
    )


def _match(ways: list[_Way], seen: Sequence[Sighting], seconds: float) -> list[tuple[_Way, int]]:
    """Which sighting goes on with which way: the nearest pairs first, each once."""
    if not ways or not seen:
        return []
    last = [way[-1][1] for way in ways]
    expected = np.array([each.centre_px for each in last]) + seconds * np.array([each.velocity for each in last])
    away = np.abs(expected[:, None] - np.array([each.centre_px for each in seen]))
    sizes = np.maximum(
        np.array([each.box_px[2:] for each in last])[:, None], np.array([each.box_px[2:] for each in seen])
    )
    growth = np.abs(
        np.log(np.array([each.area_px for each in last])[:, None] / np.array([each.area_px for each in seen]))
    )
    fits = (away <= np.maximum(_REACH_SHARE * sizes, _LEAST_REACH_PX)).all(axis=2) & (growth <= np.log(_MOST_GROWTH))
    costs = away.sum(axis=2) + 5 * growth
    pairs = sorted((float(costs[way, number]), int(way), int(number)) for way, number in np.argwhere(fits))
    matched: list[tuple[_Way, int]] = []
    taken_ways: set[int] = set()
    taken: set[int] = set()
    for _, way, number in pairs:
        if way not in taken_ways and number not in taken:
            taken_ways.add(way)
            taken.add(number)
            matched.append((ways[way], number))
    return matched


def _describe(way: _Way, looks: Floats, shape: tuple[int, int]) -> Thing:
    rows, columns = shape
    boxes = np.array([sighting.box_px for _, sighting in way], np.float32)
    foot = 8 * median(boxes[:, 1] + boxes[:, 3]) / rows
    # The lower quartile: for a few frames a box takes in whatever passes by.
    width, height = 2 * np.log2(np.percentile(boxes[:, 2:], 25, axis=0))
    speed = np.sqrt(median(np.array([sighting.speed for _, sighting in way])))
    at_ms, middle = way[len(way) // 2]
    left, top, wide, high = middle.box_px
    return Thing(
        np.array([foot, width, height, speed], np.float32),
        np.concatenate([[width, height], looks.mean(axis=0)]).astype(np.float32),
        (left / columns, top / rows, wide / columns, high / rows),
        at_ms,
    )


def _looks(sightings: Sequence[Sighting]) -> Floats:
    """Histograms of oriented edges (Dalal and Triggs, 2005), coarse: float32 [N, 12]."""
    if not sightings:
        return np.zeros((0, _QUARTERS * _DIRECTIONS), np.float32)
    crops = np.stack([sighting.crop for sighting in sightings]).astype(np.float32)
    down, right = np.gradient(crops, axis=(1, 2))
    strength = np.hypot(right, down)
    direction = np.minimum((np.arctan2(down, right) / np.pi % 1 * _DIRECTIONS).astype(np.intp), _DIRECTIONS - 1)
    halves = np.arange(_CROP_PX) // (_CROP_PX // 2)
    quarter = 2 * halves[:, None] + halves
    number = np.arange(len(crops))[:, None, None] * _QUARTERS * _DIRECTIONS + quarter * _DIRECTIONS + direction
    sums = np.bincount(number.ravel(), strength.ravel(), len(crops) * _QUARTERS * _DIRECTIONS)
    edges = sums.reshape(len(crops), -1) / (_CROP_PX // 2) ** 2
    looks: Floats = 8 * (edges / (np.linalg.norm(edges, axis=1, keepdims=True) + _UNSEEN_EDGE / 4))
    return looks.astype(np.float32)

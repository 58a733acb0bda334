"""The places of the bench: a clip whose camera stands still, cut into what is learned and what is held out."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from processors.scenes.clip import read_clip
from processors.scenes.real.clips import find_clips
from processors.scenes.real.things import Thing, cut_things
from processors.scenes.settings import SceneError

__all__ = ["HEIGHT_PX", "WIDTH_PX", "Place", "Span", "read_places"]

WIDTH_PX: Final = 256
HEIGHT_PX: Final = 192
_RATES_HZ: Final = (12.5, 30.0)
"""At which a clip is read, and one that is shorter than `_SHORT_S`."""
_SHORT_S: Final = 20.0
_MOST_FRAMES: Final = 2000
_THING_FPS: Final = 4.0
_PERIOD_S: Final = 35.0
_LEARNED_SHARE: Final = 0.3
"""Of each period, at its beginning and at its end; what is between is held out."""
_SHUTTLE_BELOW_S: Final = 8.0
"""A held-out span that is shorter than this is played forth and back."""
_LEAST_S: Final = 2.0
_DIFFERENCE: Final = 18
"""Of 255: a pixel that changes by more within 0.2 s moves."""
_FAR: Final = 40
_BACKGROUND_FRAMES: Final = 48
_MOVING_SHARE: Final = 0.004
_MOST_STRANGE: Final = 0.2
"""Where so much of what is held out has another background than what is learned, camera or scene has changed."""
_LEAST_FLOW_PX: Final = 0.7
_DIRECTED: Final = 0.4
_GAP_S: Final = 0.5
_LEAST_RUN_S: Final = 1.5

Span = tuple[int, int]
"""First frame, and the one after the last."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """What a camera sees.

    Attributes:
        name: of the clip.
        footage: uint8 [N, H, W, 3] RGB, a margin larger than the frames that are made of it.
        rate_hz: frames of the footage a second.
        learned: spans that normal stretches for learning are played from.
        held_out: spans that everything else is played from.
        is_shuttled: whether spans are played forth and back, being short; a thing then has no direction.
        runs: spans, all held out, in which something moves.
        is_directed: whether what moves mostly goes one way at each spot.
        activity: float32 [H, W] 0-1, how often each pixel of the learned spans changes.
        own_things: cut out of the held-out spans.
        foreign_things: cut out of other clips.
    """

    name: str
    footage: NDArray[np.uint8]
    rate_hz: float
    learned: tuple[Span, ...]
    held_out: tuple[Span, ...]
    is_shuttled: bool
    runs: tuple[Span, ...]
    is_directed: bool
    activity: NDArray[np.float32]
    own_things: tuple[Thing, ...]
    foreign_things: tuple[Thing, ...]


def read_places(folder: Path, most: int) -> list[Place]:
    """Make places of the clips of a folder, the longest first.

    Args:
        folder: of video files; those whose camera moves are only cut things from.
        most: so many places at most.

    Raises:
        SceneError: there are no clips, no camera stands still, or nothing can be cut out of any clip but one.
    """
    paths = sorted(find_clips(folder), key=lambda path: (-_duration_s(path), path.name))
    places: list[Place] = []
    things: dict[str, list[Thing]] = {}
    for path in paths:
        if len(places) == most and len(things) > 2:
            break
        try:
            fps = _RATES_HZ[_duration_s(path) < _SHORT_S]
            footage = read_clip(path, width_px=WIDTH_PX, height_px=HEIGHT_PX, fps=fps, most_frames=_MOST_FRAMES)
        except SceneError:
            continue
        rate_hz = min(len(footage) / max(_duration_s(path), 0.1), 30.0)
        step = max(1, round(rate_hz / _THING_FPS))
        cut = cut_things(path.name, footage[::step])
        if cut:
            things[path.name] = cut
        if len(places) < most:
            place = _make_place(path.name, footage, rate_hz)
            places += [] if place is None else [place]
    if not places:
        raise SceneError(f"scene: no camera stands still in the clips of {folder}; add a clip of a fixed camera")
    return [_with_foreign(place, things) for place in places]


def _with_foreign(place: Place, things: dict[str, list[Thing]]) -> Place:
    foreign = tuple(thing for name, own in things.items() if name != place.name for thing in own)
    if not foreign:
        raise SceneError(
            f"scene: no thing that is foreign to {place.name} can be cut out of the other clips; add a clip of a fixed "
            "camera before which something moves"
        )
    return replace(place, foreign_things=foreign)


def _make_place(name: str, footage: NDArray[np.uint8], rate_hz: float) -> Place | None:
    """The place, or None where the camera moves."""
    if len(footage) < _LEAST_S * rate_hz:
        return None
    learned, held_out = _split(len(footage), rate_hz)
    if (cv2.absdiff(_background(footage, learned), _background(footage, held_out)) > _FAR).mean() > _MOST_STRANGE:
        return None
    is_shuttled = min(last - first for first, last in held_out) < _SHUTTLE_BELOW_S * rate_hz
    step = max(1, round(rate_hz / _THING_FPS))
    things = [thing for first, last in held_out for thing in cut_things(name, footage[first:last:step])]
    return Place(
        name=name,
        footage=footage,
        rate_hz=rate_hz,
        learned=learned,
        held_out=held_out,
        is_shuttled=is_shuttled,
        runs=() if is_shuttled else tuple(_find_runs(footage, rate_hz, held_out)),
        is_directed=not is_shuttled and _is_directed(footage, rate_hz, learned),
        activity=_measure_activity(footage, rate_hz, learned),
        own_things=tuple(things),
        foreign_things=(),
    )


def _split(frames: int, rate_hz: float) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    periods = max(1, round(frames / rate_hz / _PERIOD_S))
    learned: list[Span] = []
    held_out: list[Span] = []
    for number in range(periods):
        first, last = frames * number // periods, frames * (number + 1) // periods
        share = round(_LEARNED_SHARE * (last - first))
        learned += [(first, first + share), (last - share, last)]
        held_out.append((first + share, last - share))
    return tuple(learned), tuple(held_out)


def _background(footage: NDArray[np.uint8], spans: Sequence[Span]) -> NDArray[np.uint8]:
    frames = np.concatenate([footage[first:last] for first, last in spans])
    return np.median(frames[:: max(1, len(frames) // _BACKGROUND_FRAMES)], axis=0).astype(np.uint8)


def _measure_activity(footage: NDArray[np.uint8], rate_hz: float, spans: Sequence[Span]) -> NDArray[np.float32]:
    step = max(1, round(0.2 * rate_hz))
    moving = [
        cv2.absdiff(one, other).max(axis=2) > _DIFFERENCE
        for first, last in spans
        for one, other in itertools.pairwise(footage[first:last:step])
    ]
    return np.mean(moving, axis=0).astype(np.float32)


def _find_runs(footage: NDArray[np.uint8], rate_hz: float, spans: Sequence[Span]) -> list[Span]:
    step, gap = max(1, round(0.2 * rate_hz)), round(_GAP_S * rate_hz)
    runs: list[Span] = []
    for first, last in spans:
        grey = [cv2.blur(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), (5, 5)) for frame in footage[first:last]]
        moving = [
            first + step + index
            for index, (one, other) in enumerate(zip(grey, grey[step:], strict=False))
            if (cv2.absdiff(one, other) > _DIFFERENCE).mean() > _MOVING_SHARE
        ]
        begins = [frame for before, frame in itertools.pairwise([-gap - 2, *moving]) if frame - before > gap]
        for begin, end in itertools.pairwise([*begins, last + gap]):
            inside = [frame for frame in moving if begin <= frame < end]
            if inside and inside[-1] - begin >= _LEAST_RUN_S * rate_hz:
                runs.append((begin, inside[-1]))
    return runs


def _is_directed(footage: NDArray[np.uint8], rate_hz: float, spans: Sequence[Span]) -> bool:
    """Whether the flow at a spot adds up over time instead of cancelling out."""
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    step = max(1, round(0.2 * rate_hz))
    sums = np.zeros((HEIGHT_PX // 2, WIDTH_PX // 2, 2))
    amounts = np.zeros(sums.shape[:2])
    for first, last in spans:
        small = [cv2.resize(frame, (WIDTH_PX // 2, HEIGHT_PX // 2)) for frame in footage[first:last:step]]
        grey = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in small]
        for one, other in itertools.pairwise(grey):
            flow = flow_of.calc(one, other, None)
            amount = np.hypot(flow[..., 0], flow[..., 1])
            is_moving = amount > _LEAST_FLOW_PX
            sums += flow * is_moving[..., None]
            amounts += amount * is_moving
    return bool(np.hypot(sums[..., 0], sums[..., 1]).sum() > _DIRECTED * max(amounts.sum(), 1e-9))


def _duration_s(path: Path) -> float:
    try:
        with av.open(str(path)) as container:
            return float(container.duration or 0) / av.time_base
    except (OSError, av.FFmpegError):
        return 0.0

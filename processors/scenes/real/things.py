"""Real moving things cut out of clips: what differs from the still picture behind it."""

import itertools
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Thing", "cut_things"]

_BACKGROUND_FRAMES: Final = 48
_DIFFERENCE: Final = 26.0
"""Of 255, in the colour channel that differs most: from here on a pixel is not background."""
_MOVING_CAMERA_SHARE: Final = 0.45
"""Where so much of the typical frame differs from the background, the camera moves, and there is none."""
_AREA_SHARES: Final = (0.012, 0.45)
_LEAST_SOLID: Final = 0.35
"""Of the box around it, a thing fills at least so much: shadows and reflections are slivers."""
_LEAST_CHANGE: Final = 3.0
"""Of 255, by which a thing's pixels change from frame to frame: what stands like a post does not move."""
_MOST_THINGS: Final = 24
_LONGEST_FRAMES: Final = 20
_LEAST_FRAMES: Final = 3
_WHOLE_SHARE: Final = 0.7
_OVERLAP: Final = 0.2
_PLAIN_SPREAD: Final = 10.0
"""Standard deviation of a border's colour (a* and b* of CIELAB, of 255) up to which it is one plain backdrop."""
_PLAIN_DIFFERENCE: Final = 20.0
"""Of 255, in a* or b*: from here on a pixel is not backdrop. Lightness does not count: walls are lit unevenly."""
_PLAIN_MOTION_SHARE: Final = 0.003


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """A thing as it moved.

    Attributes:
        clip: name of the file that it was cut from.
        frames: uint8 [N, H, W, 4] RGB and how solid it is, 0-255; all of one size, the thing in the middle.
    """

    clip: str
    frames: NDArray[np.uint8]


def cut_things(clip: str, footage: NDArray[np.uint8]) -> list[Thing]:
    """Find the things that move before a still background, or before a plain one.

    The background is the median of the frames. What differs from it is grouped, and followed from frame to frame by
    overlap. Of a clip without any such thing, the foreground before a plain backdrop is taken where it moves.

    Args:
        clip: name of the file.
        footage: uint8 [N, H, W, 3] RGB frames of a clip in order, about four a second.

    Returns:
        At most 24 things, the largest first; none where the camera moves or nothing does.
    """
    background = np.median(footage[:: max(1, len(footage) // _BACKGROUND_FRAMES)], axis=0).astype(np.uint8)
    tracks = [
        track
        for track in _follow(_differing(footage, background))
        if _is_solid(track) and _is_moving(footage, track) and not _is_ghost(footage, background, track)
    ]
    if not tracks:
        tracks = [track for track in _follow(_before_plain_backdrop(footage)) if _is_solid(track)]
    tracks.sort(key=lambda track: -max(int(mask.sum()) for _, mask in track))
    return [_cut(clip, footage, track) for track in tracks[:_MOST_THINGS]]


_Track = list[tuple[int, NDArray[np.bool_]]]
"""Frame numbers, each with the pixels of the thing."""


def _differing(footage: NDArray[np.uint8], background: NDArray[np.uint8]) -> list[NDArray[np.bool_]]:
    """Per frame the pixels that differ from the background; nothing where the camera moves."""
    still = cv2.blur(background, (3, 3))
    masks = [cv2.absdiff(cv2.blur(frame, (3, 3)), still).max(axis=2) > _DIFFERENCE for frame in footage]
    if np.median([mask.mean() for mask in masks]) > _MOVING_CAMERA_SHARE:
        return []
    return masks


def _before_plain_backdrop(footage: NDArray[np.uint8]) -> list[NDArray[np.bool_]]:
    """Per frame the pixels that are not of the border's colour, where the border is plain and the rest moves."""
    height, width = footage.shape[1:3]
    masks = []
    for frame in footage:
        colours = cv2.cvtColor(frame, cv2.COLOR_RGB2LAB)[..., 1:].astype(np.int16)
        top, side = colours[: height // 12], colours[: height // 2, : width // 12]
        border = np.concatenate([top.reshape(-1, 2), side.reshape(-1, 2)])
        if border.std(axis=0).max() > _PLAIN_SPREAD:
            return []
        masks.append(np.abs(colours - np.median(border, axis=0)).max(axis=2) > _PLAIN_DIFFERENCE)
    motion = max(((first ^ second).mean() for first, second in itertools.pairwise(masks)), default=0.0)
    return masks if motion >= _PLAIN_MOTION_SHARE else []


def _follow(masks: list[NDArray[np.bool_]]) -> list[_Track]:
    finished: list[_Track] = []
    open_: list[_Track] = []
    for index, mask in enumerate(masks):
        found = _components(mask)
        going_on: list[_Track] = []
        for track in open_:
            last = track[-1][1]
            overlaps = [(last & each).sum() / max(1, (last | each).sum()) for each in found]
            best = int(np.argmax(overlaps)) if overlaps else -1
            if best >= 0 and overlaps[best] >= _OVERLAP and len(track) < _LONGEST_FRAMES:
                track.append((index, found.pop(best)))
                going_on.append(track)
            else:
                finished.append(track)
        open_ = going_on + [[(index, each)] for each in found]
    return [track for track in finished + open_ if len(track) >= _LEAST_FRAMES]


def _components(mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    wide = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (11, 11))
    solid = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, wide)
    contours, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        filled = np.zeros(mask.shape, np.uint8)
        cv2.drawContours(filled, [contour], -1, 1, thickness=cv2.FILLED)
        if _AREA_SHARES[0] <= filled.mean() <= _AREA_SHARES[1]:
            found.append(filled.astype(np.bool_))
    return found


def _is_solid(track: _Track) -> bool:
    shares = []
    for _, mask in track:
        _, _, width, height = cv2.boundingRect(mask.astype(np.uint8))
        shares.append(mask.sum() / (width * height))
    return bool(np.median(shares) >= _LEAST_SOLID)


def _is_moving(footage: NDArray[np.uint8], track: _Track) -> bool:
    changes = [
        cv2.absdiff(footage[first], footage[second])[mask].mean()
        for (first, mask), (second, _) in itertools.pairwise(track)
    ]
    return bool(np.mean(changes) >= _LEAST_CHANGE)


def _is_ghost(footage: NDArray[np.uint8], background: NDArray[np.uint8], track: _Track) -> bool:
    """Whether the background shows a thing here that stood still for most of the clip, and the frame what is behind.

    The outline of what is really there is an edge of the frame; that of a ghost is one of the background.
    """
    ring = np.ones((5, 5), np.uint8)
    index, mask = track[len(track) // 2]
    outline = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, ring) > 0
    return bool(_edges(footage[index])[outline].mean() < _edges(background)[outline].mean())


def _edges(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    edges: NDArray[np.float32] = cv2.magnitude(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return edges


def _cut(clip: str, footage: NDArray[np.uint8], track: _Track) -> Thing:
    """The thing where it is seen as a whole: not yet at the edge of the picture, not half behind something."""
    areas = [int(mask.sum()) for _, mask in track]
    track = [each for each, area in zip(track, areas, strict=True) if area >= _WHOLE_SHARE * max(areas)]
    boxes = [cv2.boundingRect(mask.astype(np.uint8)) for _, mask in track]
    width, height = max(box[2] for box in boxes), max(box[3] for box in boxes)
    frames = np.zeros((len(track), height, width, 4), np.uint8)
    for frame, (index, mask), (left, top, own_width, own_height) in zip(frames, track, boxes, strict=True):
        at_y, at_x = (height - own_height) // 2, (width - own_width) // 2
        inside = (slice(at_y, at_y + own_height), slice(at_x, at_x + own_width))
        source = (slice(top, top + own_height), slice(left, left + own_width))
        soft = cv2.GaussianBlur(mask.astype(np.float32), (3, 3), 0)
        frame[*inside, :3] = footage[index][source]
        frame[*inside, 3] = (255 * (soft * mask)[source]).astype(np.uint8)
    return Thing(clip, frames)

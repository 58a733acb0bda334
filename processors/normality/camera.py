"""How the camera is, whatever it shows: light, sharpness, stillness and shake, and a small picture to know it by."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from processors.normality.median import median
from processors.normality.observation import THUMBNAIL_SHAPE, SeenFrame

__all__ = [
    "LIGHT_MEASURES",
    "PICTURE_SHAPE",
    "STEADINESS_MEASURES",
    "measure_exposure",
    "measure_light",
    "measure_steadiness",
    "small_picture",
]

LIGHT_MEASURES: Final = ("brightness", "contrast", "sharpness", "plain")
"""Mean brightness, in steps of 16 grey levels; log2 of its standard deviation, in grey levels; log2 of the strength of
fine detail to that; how much of the picture shows nothing, in eighths. One unit of each is what a person would see."""

STEADINESS_MEASURES: Final = ("change", "change_max", "still", "shake")
"""log2 of how much a frame differs from the one before it, in grey levels, in the middle and at most; how many frames
are equal to the one before, in eighths; log2 of 1 + how unevenly the whole picture moves, in pixels of the
thumbnail."""

PICTURE_SHAPE: Final = (30, 40)
"""Rows and columns of the small picture."""

_FLOOR: Final = 0.5
"""Grey levels that are lost in rounding."""
_LEAST_CHANGE: Final = 2.0**-7
"""Below the difference that one grey level in one pixel of a hundred makes."""
_EQUAL: Final = 2
"""A codec repeats a frame to within this many grey levels."""
_BLOCK_PX: Final = 8
_PLAIN: Final = 2.0
"""Standard deviation of a block, in grey levels, below which nothing is seen in it."""
_TILE_SHAPE: Final = (30, 40)
_LEAST_RESPONSE: Final = 0.1
"""Below it two pictures have no common shift."""


def measure_light(frames: Sequence[SeenFrame]) -> npt.NDArray[np.float32]:
    """Measure the middle frame of a window.

    Args:
        frames: at least one, in order of time.

    Returns:
        float32 [4], in the order of `LIGHT_MEASURES`.
    """
    pixels = frames[len(frames) // 2].thumbnail
    brightness, contrast = _exposure(pixels)
    detail = cv2.norm(cv2.Laplacian(pixels, cv2.CV_16S), cv2.NORM_L1) / pixels.size
    return np.array([brightness, contrast, np.log2(detail + _FLOOR) - contrast, 8 * _plain_share(pixels)], np.float32)


def measure_exposure(frames: Sequence[SeenFrame]) -> npt.NDArray[np.float32]:
    """The first two of `measure_light`: float32 [2], brightness and contrast.

    Args:
        frames: at least one, in order of time.
    """
    return np.array(_exposure(frames[len(frames) // 2].thumbnail), np.float32)


def measure_steadiness(frames: Sequence[SeenFrame]) -> npt.NDArray[np.float32]:
    """Measure how the frames of a window follow each other.

    Args:
        frames: at least two, in order of time.

    Returns:
        float32 [4], in the order of `STEADINESS_MEASURES`.
    """
    grey = [frame.thumbnail for frame in frames]
    differences = [cv2.absdiff(before, after) for before, after in pairwise(grey)]
    means = np.array([cv2.sumElems(difference)[0] / difference.size for difference in differences]) + _LEAST_CHANGE
    still = np.mean([difference.max() <= _EQUAL for difference in differences])
    return np.array([np.log2(median(means)), np.log2(means.max()), 8 * still, _shake(grey)], np.float32)


def small_picture(frames: Sequence[SeenFrame]) -> npt.NDArray[np.uint8]:
    """The middle frame as uint8 of `PICTURE_SHAPE`, grey."""
    rows, columns = PICTURE_SHAPE
    middle = frames[len(frames) // 2].thumbnail
    return np.asarray(cv2.resize(middle, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _shake(grey: Sequence[npt.NDArray[np.uint8]]) -> float:
    """Median change of how the whole picture moves: a pan moves it evenly, a thing that passes only some of it."""
    if len(grey) < 3:
        return 0.0
    rows, columns = _TILE_SHAPE
    small = [
        cv2.resize(each, (2 * columns, 2 * rows), interpolation=cv2.INTER_AREA).astype(np.float32) for each in grey
    ]
    fade = cv2.createHanningWindow((columns, rows), cv2.CV_32F)
    jolts = []
    for top, left in ((0, 0), (0, columns), (rows, 0), (rows, columns)):
        tiles = [each[top : top + rows, left : left + columns].copy() for each in small]
        if tiles[0].std() < _PLAIN:
            continue
        found = [cv2.phaseCorrelate(before, after, fade) for before, after in pairwise(tiles)]
        shifts = np.array([shift if response >= _LEAST_RESPONSE else (0.0, 0.0) for shift, response in found])
        jolts.append(median(np.hypot(*np.diff(shifts, axis=0).T)))
    if not jolts:
        return 0.0
    least = sorted(jolts)[min(1, len(jolts) - 1)]
    return float(np.log2(1 + least * THUMBNAIL_SHAPE[1] / (2 * columns)))


def _exposure(pixels: npt.NDArray[np.uint8]) -> tuple[float, float]:
    # By whole numbers: a picture of one grey has no deviation at all.
    total, squares = round(cv2.sumElems(pixels)[0]), round(cv2.norm(pixels, cv2.NORM_L2SQR))
    deviation = math.sqrt(pixels.size * squares - total**2) / pixels.size
    return total / pixels.size / 16, math.log2(deviation + _FLOOR)


def _plain_share(pixels: npt.NDArray[np.uint8]) -> float:
    grey = pixels.astype(np.float32)
    mean, square = (_mean_of_blocks(each).astype(np.float64) for each in (grey, grey * grey))
    return float(np.mean(square - mean**2 < _PLAIN**2))


def _mean_of_blocks(grey: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    rows, columns = (side // _BLOCK_PX for side in grey.shape)
    whole = grey[: rows * _BLOCK_PX, : columns * _BLOCK_PX]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)

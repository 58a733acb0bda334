"""The median of a few figures, or of a picture, at the price of finding it."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["median", "median_level"]


def median(values: npt.NDArray[np.floating[Any]]) -> float:
    """What `np.median` says, which on a hundred figures takes ten times as long to prepare itself.

    Args:
        values: at least one, finite; of any shape.
    """
    flat = values.ravel()
    middle = len(flat) // 2
    if len(flat) % 2:
        return float(np.partition(flat, middle)[middle])
    low, high = np.partition(flat, (middle - 1, middle))[middle - 1 : middle + 1]
    return float((low + high) / 2)


def median_level(picture: npt.NDArray[np.uint8]) -> float:
    """The median grey level, by a histogram, as there are many pixels and few levels.

    Args:
        picture: uint8 [H, W] of at least one pixel.
    """
    seen = cv2.calcHist([picture], [0], None, [256], [0, 256]).cumsum()
    low, high = np.searchsorted(seen, [(picture.size + 1) // 2, picture.size // 2 + 1]).tolist()
    return float(low + high) / 2

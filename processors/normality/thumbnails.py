"""The grey thumbnail of a frame, from which motion and the state of a camera are told."""

import cv2
import numpy as np
import numpy.typing as npt

from processors.normality.observation import THUMBNAIL_SHAPE

__all__ = ["make_thumbnail"]


def make_thumbnail(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The whole picture, squeezed.

    Args:
        picture: uint8 [H, W, 3] RGB, of any size.

    Returns:
        uint8 of `THUMBNAIL_SHAPE`.
    """
    height, width = THUMBNAIL_SHAPE
    shrinks = picture.shape[0] >= height and picture.shape[1] >= width
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return np.asarray(small, np.uint8)

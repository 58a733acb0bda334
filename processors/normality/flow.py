"""How a picture moves between two frames: dense optical flow, and where of it something really moves."""

import threading
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from processors.normality.median import median_level

__all__ = ["Flow", "measure_flow"]

_LEAST_SHIFT_PX: Final = 0.3
"""Smaller shifts are noise of the flow."""
_LEAST_CHANGE: Final = 6
"""Grey levels by which a moving pixel's surroundings change at least."""
_MOST_CHANGE: Final = 20
_NOISE_FACTOR: Final = 3
"""A change is at least so many times that of the typical pixel, as far as `_MOST_CHANGE` allows."""
_FINEST_SCALE: Final = 1
_PATCH_PX: Final = 4
"""At the finest scale, half of the thumbnail's size: what a patch of eight says of the thumbnail itself, for less."""
_PATCH_STRIDE_PX: Final = 3
_AROUND: Final = np.ones((5, 5), np.uint8)
_OF_THREAD: Final = threading.local()


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """The motion from one thumbnail to the next.

    Attributes:
        velocity: float32 [H, W, 2], right and down, in pixels of the thumbnail per second.
        moving: bool [H, W], where there is motion.
        pixels: intp [M], the numbers of those that move, counted by row, ascending.
    """

    velocity: npt.NDArray[np.float32]
    moving: npt.NDArray[np.bool_]
    pixels: npt.NDArray[np.intp]

    @property
    def velocities(self) -> npt.NDArray[np.float32]:
        """Of `pixels`: float32 [M, 2]."""
        return self.velocity.reshape(-1, 2).take(self.pixels, axis=0)


def measure_flow(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8], seconds: float) -> Flow:
    """Follow every pixel by dense inverse search (Kroeger et al., 2016).

    Where nothing has texture, flow is guessed from the surroundings: only where the picture changes too is it motion.

    Args:
        before: uint8 [H, W] grey.
        after: of the same shape.
        seconds: between them, above 0.
    """
    change = cv2.absdiff(cv2.blur(before, (3, 3)), cv2.blur(after, (3, 3)))
    least_change = min(_LEAST_CHANGE + _NOISE_FACTOR * median_level(change), _MOST_CHANGE)
    changed = (change > least_change).view(np.uint8)
    if not changed.any():
        return Flow(np.zeros((*before.shape, 2), np.float32), np.zeros(before.shape, np.bool_), np.zeros(0, np.intp))
    shift_px = np.asarray(_search().calc(before, after, None), np.float32)
    near_change = np.flatnonzero(cv2.dilate(changed, _AROUND))
    right, down = shift_px.reshape(-1, 2).take(near_change, axis=0).T
    pixels = near_change[cv2.magnitude(right, down)[:, 0] > _LEAST_SHIFT_PX]
    moving = np.zeros(before.shape, np.bool_)
    moving.reshape(-1)[pixels] = True
    return Flow(np.divide(shift_px, np.float32(seconds), out=shift_px), moving, pixels)


def _search() -> cv2.DISOpticalFlow:
    """The thread's own: it keeps its buffers from pair to pair, so it is for no two threads."""
    search: cv2.DISOpticalFlow | None = getattr(_OF_THREAD, "search", None)
    if search is None:
        search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        # The preset's patch of eight pixels at a quarter of the size is twice as high as a walker of fifteen.
        search.setFinestScale(_FINEST_SCALE)
        search.setPatchSize(_PATCH_PX)
        search.setPatchStride(_PATCH_STRIDE_PX)
        _OF_THREAD.search = search
    return search

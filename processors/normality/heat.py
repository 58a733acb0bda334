"""Where in the picture a part is unusual."""

from typing import Final

import numpy as np
import numpy.typing as npt

from processors.normality.features import PartFeatures

__all__ = ["HEAT_GRID", "heat_of"]

HEAT_GRID: Final = (6, 8)
"""Rows and columns of the heat of a part whose places are boxes."""


def heat_of(features: PartFeatures, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Lay the values of a part's places over the picture.

    Args:
        features: of a part that is in the picture.
        values: [N], one for each place.

    Returns:
        float32 [R, C], the part's own grid, or `HEAT_GRID` with the largest value of the boxes over each cell, 0 where
        there is none.
    """
    if features.grid is not None:
        return values.reshape(features.grid)
    rows, columns = HEAT_GRID
    heat = np.zeros(HEAT_GRID, np.float32)
    if features.boxes is None:
        return heat
    # A box that only touches a cell is not over it: the bytes of features round.
    corners = features.boxes[:, :2], features.boxes[:, :2] + features.boxes[:, 2:]
    first = np.floor(corners[0] * (columns, rows) + 0.01).astype(int)
    last = np.ceil(corners[1] * (columns, rows) - 0.01).astype(int)
    for (left, top), (right, bottom), value in zip(first, last, values, strict=True):
        inside = (slice(max(top, 0), max(bottom, top + 1)), slice(max(left, 0), max(right, left + 1)))
        heat[inside] = np.maximum(heat[inside], value)
    return heat

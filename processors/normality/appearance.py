"""What each cell of the picture looks like in a window."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from processors.normality.features import PartFeatures
from processors.normality.observation import SeenFrame
from processors.normality.projection import project

__all__ = ["SCENE_DIM", "describe_appearance", "describe_scene"]

SCENE_DIM: Final = 128
"""Of the embedding of a whole frame, so many projections are kept, so that a window stays small."""


def describe_appearance(frames: Sequence[SeenFrame]) -> PartFeatures:
    """Per cell its mean over the frames, and how the frame departs from it that departs most.

    A mean alone would lose what is seen in one frame of many.

    Args:
        frames: at least one.

    Returns:
        Vectors of twice the channels of a cell.
    """
    cells = np.stack([frame.cells for frame in frames]).astype(np.float32)
    rows, columns, channels = cells.shape[1:]
    cells = cells.reshape(len(frames), rows * columns, channels)
    mean = cells.mean(axis=0)
    departures = cells - mean
    farthest = np.square(departures).sum(axis=2).argmax(axis=0)
    departure = departures[farthest, np.arange(rows * columns)]
    return PartFeatures(np.concatenate([mean, departure], axis=1), (rows, columns))


def describe_scene(frames: Sequence[SeenFrame]) -> PartFeatures:
    """The mean embedding of the frames, shortened.

    Args:
        frames: at least one.
    """
    return PartFeatures(project(np.mean([frame.embedding for frame in frames], axis=0, keepdims=True), SCENE_DIM))

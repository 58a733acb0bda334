"""What is seen, heard and said in one window, as the encoders and a few cheap measurements give it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["THUMBNAIL_SHAPE", "HeardSecond", "Observation", "SeenFrame", "SpokenSegment"]

THUMBNAIL_SHAPE = (120, 160)
"""Rows and columns of a frame's grey thumbnail."""


@dataclass(frozen=True, slots=True, eq=False)
class SeenFrame:
    """One frame.

    Attributes:
        at_ms: event time.
        embedding: float32 [D] of length 1, of the whole frame.
        cells: float16 [R, C, K], mid-level features on a coarse grid.
        thumbnail: uint8 [120, 160] grey, the whole frame squeezed to this shape.
    """

    at_ms: int
    embedding: npt.NDArray[np.float32]
    cells: npt.NDArray[np.float16]
    thumbnail: npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class HeardSecond:
    """One second of sound.

    Attributes:
        start_ms: event time.
        end_ms: exclusive.
        embedding: float32 [D] of length 1.
        measures: float32 [len(SOUND_MEASURES)].
    """

    start_ms: int
    end_ms: int
    embedding: npt.NDArray[np.float32]
    measures: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SpokenSegment:
    """One transcript segment.

    Attributes:
        start_ms: event time.
        end_ms: exclusive.
        embedding: float32 [D] of length 1.
        text: its words.
    """

    start_ms: int
    end_ms: int
    embedding: npt.NDArray[np.float32]
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One window of one source; each sequence in order of time, empty where the modality brought nothing.

    Attributes:
        start_ms: event time.
        end_ms: exclusive.
        frames: of the video.
        seconds: of the sound.
        segments: of the transcript.
    """

    start_ms: int
    end_ms: int
    frames: Sequence[SeenFrame] = ()
    seconds: Sequence[HeardSecond] = ()
    segments: Sequence[SpokenSegment] = ()

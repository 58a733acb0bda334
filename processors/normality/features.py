"""The features of a window: per part a few vectors, each at a place; small enough to be kept until they are learned."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError

__all__ = ["Part", "PartFeatures", "WindowFeatures"]

_MAGIC: Final = b"BWF1"


class Part(StrEnum):
    """What is judged on its own."""

    APPEARANCE = "appearance"
    """What each cell of the picture looks like."""
    MOTION = "motion"
    """Where in the picture something moves, and how (`MOTION_MEASURES`)."""
    THINGS = "things"
    """How large each thing that moves is, where it stands and how fast it is (`THING_MEASURES`)."""
    LOOKS = "looks"
    """What each thing that moves looks like, in size and outline."""
    SCENE = "scene"
    """The picture as a whole."""
    SOUND = "sound"
    """Each second of sound."""
    WORDS = "words"
    """Each transcript segment."""
    VOCABULARY = "vocabulary"
    """Which words are said; without vectors of its own."""
    LIGHT = "light"
    """How the picture is lit, and how sharp it is (`LIGHT_MEASURES`)."""
    STEADINESS = "steadiness"
    """How frames follow each other (`STEADINESS_MEASURES`)."""
    LOUDNESS = "loudness"
    """How loud each second is, and in what way (`SOUND_MEASURES`)."""
    TALK = "talk"
    """How much is said, and how much it sounds as if something were said (`TALK_MEASURES`)."""
    AGREEMENT = "agreement"
    """Which picture goes with which sound."""
    STATES = "states"
    """Whether something is wrong with a modality that has a name; without vectors of its own."""


@dataclass(frozen=True, slots=True, eq=False)
class PartFeatures:
    """The vectors of one part.

    Attributes:
        vectors: float32 [N, D], finite.
        grid: rows and columns of cells, N of them by row; None where the places are moments or boxes.
        starts_ms: event time of each vector where the places are moments or boxes; empty for a grid.
        boxes: float32 [N, 4], left, top, width and height of each place in shares of the picture; None for the others.
    """

    vectors: npt.NDArray[np.float32]
    grid: tuple[int, int] | None = None
    starts_ms: tuple[int, ...] = ()
    boxes: npt.NDArray[np.float32] | None = None

    @property
    def is_in_picture(self) -> bool:
        """Whether its places are cells of the picture, or boxes in it."""
        return self.grid is not None or self.boxes is not None


@dataclass(frozen=True, slots=True, eq=False)
class WindowFeatures:
    """What a baseline learns from and judges.

    Attributes:
        start_ms: event time of the window.
        end_ms: exclusive.
        parts: those of the modalities that are there.
        words: of the window, in lower case.
        picture: uint8 [30, 40] grey, what the camera shows; None without a frame.
    """

    start_ms: int
    end_ms: int
    parts: Mapping[Part, PartFeatures]
    words: tuple[str, ...] = ()
    picture: npt.NDArray[np.uint8] | None = None

    def to_bytes(self) -> bytes:
        """A header in JSON and the vectors in float16."""
        about = {
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "words": self.words,
            "picture": None if self.picture is None else self.picture.shape,
            "parts": [
                {
                    "part": part,
                    "shape": part_features.vectors.shape,
                    "grid": part_features.grid,
                    "starts_ms": part_features.starts_ms,
                    "boxed": part_features.boxes is not None,
                }
                for part, part_features in self.parts.items()
            ],
        }
        header = json.dumps(about).encode()
        vectors = b"".join(
            part.vectors.astype("<f2").tobytes() + (b"" if part.boxes is None else part.boxes.astype("<f2").tobytes())
            for part in self.parts.values()
        )
        picture = b"" if self.picture is None else self.picture.tobytes()
        return _MAGIC + len(header).to_bytes(4, "little") + header + vectors + picture

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote, in float16's precision.

        Raises:
            ModelError: the bytes are something else, or truncated.
        """
        if data[:4] != _MAGIC:
            raise ModelError(f"{len(data)} bytes are not the features of a window: they begin with {data[:4]!r}")
        try:
            length = int.from_bytes(data[4:8], "little")
            about = json.loads(data[8 : 8 + length])
            at = 8 + length
            parts = {}
            for each in about["parts"]:
                count, dim = each["shape"]
                vectors = np.frombuffer(data, "<f2", count * dim, at).reshape(count, dim).astype(np.float32)
                at += 2 * count * dim
                boxes = None
                if each["boxed"]:
                    boxes = np.frombuffer(data, "<f2", 4 * count, at).reshape(count, 4).astype(np.float32)
                    at += 8 * count
                grid = None if each["grid"] is None else (each["grid"][0], each["grid"][1])
                parts[Part(each["part"])] = PartFeatures(vectors, grid, tuple(each["starts_ms"]), boxes)
            picture = None
            if about["picture"] is not None:
                rows, columns = about["picture"]
                picture = np.frombuffer(data, np.uint8, rows * columns, at).reshape(rows, columns)
            return cls(about["start_ms"], about["end_ms"], parts, tuple(about["words"]), picture)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise ModelError(f"{len(data)} bytes are not the features of a window: {error}") from error

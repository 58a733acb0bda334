"""From a window's encoded items to what its source's baseline looks at, and what is kept of that. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import orjson

from processors.audio import piece_starts
from processors.errors import ModelError
from processors.modality import Modality
from processors.models.spec import AUDIO_RATE_HZ
from processors.normality import HeardSecond, Observation, SeenFrame, SpokenSegment, WindowFeatures
from streams.align import Window
from streams.records import Item
from streams.worker.encoders import Encoded

__all__ = ["KeptFeatures", "observe", "thinned"]

_SECOND_MS = 1_000


def observe(window: Window[Item], items: Sequence[Encoded], fps: float) -> Observation:
    """What was seen, heard and said in a window.

    A second of sound, and a segment, belongs to the windows in which it is over, as in recordings that are scored.

    Args:
        window: gives the bounds.
        items: with content, in order of modality, start and id.
        fps: frames a second that are looked at, at most.
    """
    frames = [each.content.seen for each in items if each.content.seen is not None]
    seconds = sorted((second for each in items for second in _seconds(each)), key=lambda second: second.start_ms)
    segments = [
        SpokenSegment(each.item.start_ms, each.item.end_ms, each.content.embedding, each.content.text)
        for each in items
        if each.item.modality is Modality.TRANSCRIPT
    ]
    return Observation(
        window.start_ms,
        window.end_ms,
        thinned(frames, fps),
        [second for second in seconds if window.start_ms < second.end_ms <= window.end_ms],
        [
            segment
            for segment in segments
            if window.start_ms < max(segment.end_ms, segment.start_ms + 1) <= window.end_ms
        ],
    )


@dataclass(frozen=True, slots=True, eq=False)
class KeptFeatures:
    """What is kept beside an answer until it is learned.

    Attributes:
        models: encoder -> version that embedded the window's items; "1, 2" where two did.
        features: of the window.
    """

    models: Mapping[str, str]
    features: WindowFeatures

    def to_bytes(self) -> bytes:
        """The models in JSON behind their length, then the features."""
        models = orjson.dumps(dict(self.models), option=orjson.OPT_SORT_KEYS)
        return len(models).to_bytes(4, "little") + models + self.features.to_bytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote; vectors in float16's precision.

        Raises:
            ModelError: the bytes are something else.
        """
        end = 4 + int.from_bytes(data[:4], "little")
        try:
            models = orjson.loads(data[4:end])
        except orjson.JSONDecodeError as error:
            raise ModelError(f"{len(data)} bytes are not the kept features of a window: {error}") from error
        return cls(models, WindowFeatures.from_bytes(data[end:]))

    @property
    def are_finite(self) -> bool:
        """Whether every number is one; what is too large for a float16 is none."""
        with np.errstate(over="ignore"):
            return all(
                bool(np.isfinite(part.vectors.astype(np.float16)).all()) for part in self.features.parts.values()
            )


def _seconds(encoded: Encoded) -> Iterator[HeardSecond]:
    sound, content, start_ms = encoded.content.sound, encoded.content, encoded.item.start_ms
    if sound is None:
        return
    samples = round(content.samples * AUDIO_RATE_HZ / content.sample_rate_hz)
    length_ms = min(_SECOND_MS, samples * _SECOND_MS // AUDIO_RATE_HZ)
    for start, embedding, measures in zip(piece_starts(samples), sound.embeddings, sound.measures, strict=True):
        begin_ms = start_ms + start * _SECOND_MS // AUDIO_RATE_HZ
        yield HeardSecond(begin_ms, begin_ms + length_ms, embedding, measures)


def thinned(frames: Sequence[SeenFrame], fps: float) -> list[SeenFrame]:
    """The first frame of each slot of event time: of overlapping windows the same ones."""
    kept: list[SeenFrame] = []
    last_slot = None
    for frame in frames:
        slot = int(frame.at_ms * fps // _SECOND_MS)
        if slot != last_slot:
            kept.append(frame)
        last_slot = slot
    return kept

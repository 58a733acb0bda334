"""From a composed stream to the embeddings of its items, as ingest and the encoders make them."""

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np

from processors.modality import Modality
from processors.models.fusion_training.scenes import Items, compress_frame
from processors.models.local_encoders import Encoders
from processors.scenes.real.stream import Stream
from processors.scenes.schedule import Happening

__all__ = ["EncodedStream", "encode_items", "encode_stream", "replace_sound"]

_CHUNK_MS: Final = 1000
_CODEC_QUALITY: Final = (40, 95)
"""A stream has been through a video codec before ingest makes a JPEG of it: a coarser JPEG stands for that."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedStream:
    """What the model and its judge know of a stream.

    Attributes:
        name: of the stream.
        duration_ms: its length.
        items: per modality.
        events: what truly happens.
    """

    name: str
    duration_ms: int
    items: dict[Modality, Items]
    events: tuple[Happening, ...]


def encode_stream(stream: Stream, encoders: Encoders) -> EncodedStream:
    """Encode all of a stream."""
    items = {modality: encode_items(stream, modality, encoders) for modality in Modality}
    return EncodedStream(str(stream.settings.seed), round(stream.settings.duration_s * 1000), items, stream.events)


def replace_sound(encoded: EncodedStream, stream: Stream, encoders: Encoders) -> EncodedStream:
    """The same stream with the sound of `stream`, which differs in the ratio of signal to noise alone."""
    return replace(encoded, items={**encoded.items, Modality.AUDIO: encode_items(stream, Modality.AUDIO, encoders)})


def encode_items(stream: Stream, modality: Modality, encoders: Encoders) -> Items:
    """Encode one modality of a stream."""
    if modality is Modality.VIDEO:
        times_ms = np.array(stream.frame_times_ms, np.int64)
        return Items(encoders.encode_frames(_compress(stream)), np.stack([times_ms, times_ms], axis=1))
    if modality is Modality.AUDIO:
        chunks = encoders.encode_sound(stream.sound)
        starts_ms = np.arange(len(chunks), dtype=np.int64) * _CHUNK_MS
        return Items(chunks, np.stack([starts_ms, starts_ms + _CHUNK_MS], axis=1))
    spans_ms = np.array([(cue.start_ms, cue.end_ms) for cue in stream.cues], np.int64).reshape(-1, 2)
    return Items(encoders.encode_lines([cue.text for cue in stream.cues]), spans_ms)


def _compress(stream: Stream) -> list[bytes]:
    quality = int(np.random.default_rng((stream.settings.seed, 18)).integers(*_CODEC_QUALITY))
    jpegs = []
    for frame in stream.frames():
        pixels = cv2.imdecode(compress_frame(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), quality), cv2.IMREAD_COLOR)
        jpegs.append(compress_frame(pixels).tobytes())
    return jpegs

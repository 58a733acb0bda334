"""Records for Braid's topics, for any producer: CloudEvents in binary mode.

Each function returns what a Kafka client needs. Keep the key and partition by murmur2, as Java clients and
aiokafka do by default (librdkafka: `partitioner=murmur2_random`), so that the three topics of a source agree.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from processors.modality import Modality
from streams.records.items import ITEM_TYPES, duration_of_samples_ms, source_id_of_key

__all__ = [
    "EncodedRecord",
    "encode_audio_chunk",
    "encode_heartbeat",
    "encode_transcript_segment",
    "encode_video_frame",
]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class EncodedRecord:
    """What to hand to a Kafka producer.

    Attributes:
        key: the source's id.
        value: payload; empty for a heartbeat.
        headers: CloudEvents attributes and the content type.
    """

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def encode_video_frame(
    source_id: str, event_id: str, start_ms: int, image: bytes, *, content_type: str = "image/jpeg"
) -> EncodedRecord:
    """Encode one frame.

    Args:
        source_id: the camera's id; also the record's key.
        event_id: unique among the source's frames, the same when the frame is sent again.
        start_ms: event time of the exposure, epoch milliseconds.
        image: a whole JPEG, PNG or WebP file.
        content_type: its media type.

    Raises:
        PoisonItem: `source_id` is not a legal source id.
    """
    return _encode(Modality.VIDEO, source_id, event_id, start_ms, image, content_type, {})


def encode_audio_chunk(
    source_id: str, event_id: str, start_ms: int, pcm: bytes, *, sample_rate_hz: int, channels: int = 1
) -> EncodedRecord:
    """Encode one chunk of sound as raw 16-bit PCM.

    Args:
        source_id: the microphone's id; also the record's key.
        event_id: unique among the source's chunks, the same when the chunk is sent again.
        start_ms: event time of the first sample, epoch milliseconds.
        pcm: little-endian signed 16-bit samples, channels interleaved.
        sample_rate_hz: samples per second and channel.
        channels: how many are interleaved.

    Raises:
        PoisonItem: `source_id` is not a legal source id.
    """
    duration_ms = duration_of_samples_ms(len(pcm) // (2 * channels), sample_rate_hz)
    extensions = {"durationms": duration_ms, "samplerate": sample_rate_hz, "channels": channels}
    return _encode(Modality.AUDIO, source_id, event_id, start_ms, pcm, "audio/pcm", extensions)


def encode_transcript_segment(
    source_id: str,
    event_id: str,
    start_ms: int,
    segment: bytes,
    *,
    duration_ms: int,
    content_type: str = "application/json",
) -> EncodedRecord:
    """Encode one transcript segment.

    Args:
        source_id: the id of the source that speaks; also the record's key.
        event_id: unique among the source's segments, the same when the segment is sent again.
        start_ms: event time at which the segment begins, epoch milliseconds.
        segment: JSON `{"text", "language"?, "confidence"?, "speaker"?, "words"?}`, or plain text.
        duration_ms: how long it lasts; 0 for a point.
        content_type: `application/json` or `text/plain`.

    Raises:
        PoisonItem: `source_id` is not a legal source id.
    """
    return _encode(
        Modality.TRANSCRIPT, source_id, event_id, start_ms, segment, content_type, {"durationms": duration_ms}
    )


def encode_heartbeat(modality: Modality, source_id: str, event_id: str, start_ms: int) -> EncodedRecord:
    """Encode "nothing happened up to here": it moves the modality's watermark and carries nothing.

    Args:
        modality: whose watermark moves.
        source_id: the source's id; also the record's key.
        event_id: unique among the source's records of this modality.
        start_ms: event time that the modality has reached, epoch milliseconds.

    Raises:
        PoisonItem: `source_id` is not a legal source id.
    """
    return _encode(modality, source_id, event_id, start_ms, b"", None, {})


def _encode(
    modality: Modality,
    source_id: str,
    event_id: str,
    start_ms: int,
    value: bytes,
    content_type: str | None,
    extensions: dict[str, int],
) -> EncodedRecord:
    key = source_id.encode()
    source_id_of_key(key)
    time_text = (_EPOCH + timedelta(milliseconds=start_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", f"/braid/sources/{source_id}/{modality}".encode()),
        ("ce_type", ITEM_TYPES[modality].encode()),
        ("ce_time", time_text.encode()),
    ]
    if content_type is not None:
        headers.append(("content-type", content_type.encode()))
    headers += [(f"ce_{name}", str(number).encode()) for name, number in extensions.items()]
    return EncodedRecord(key, value, tuple(headers))

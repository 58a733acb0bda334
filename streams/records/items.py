"""One Kafka record of a media topic, read far enough to be aligned: its identity and its place in event time.

CloudEvents Kafka binding 1.0, binary mode, or a bare record. Reading never decodes pictures or sound.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol

from processors.audio import probe_audio
from processors.errors import DecodeError
from processors.modality import Modality
from processors.transcript import decode_transcript
from streams.errors import PoisonItem

__all__ = [
    "ITEM_TYPES",
    "MAX_SOURCE_ID_CHARS",
    "Item",
    "ItemLimits",
    "KafkaRecord",
    "duration_of_samples_ms",
    "parse_item",
    "source_id_of_key",
]

MAX_SOURCE_ID_CHARS = 128
ITEM_TYPES: Final = {
    Modality.VIDEO: "braid.video.frame.v1",
    Modality.AUDIO: "braid.audio.chunk.v1",
    Modality.TRANSCRIPT: "braid.transcript.segment.v1",
}
_TYPE_HEADERS: Final = {modality: item_type.encode() for modality, item_type in ITEM_TYPES.items()}
# Looked up, because formatting a member of an enum takes three times as long as all else about an id.
_ID_BEGINNINGS: Final = {modality: f"{modality}|" for modality in Modality}
_TELLS_DURATION: Final = frozenset({Modality.AUDIO, Modality.TRANSCRIPT})
_SOURCE_ID = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_SOURCE_ID_CHARS - 1}}}", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class KafkaRecord(Protocol):
    """What is used of a consumed record; aiokafka's `ConsumerRecord` satisfies it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int
    """Kafka timestamp, epoch milliseconds."""


@dataclass(frozen=True, slots=True)
class ItemLimits:
    """Bounds beyond which a record is poison.

    Attributes:
        max_item_bytes: largest payload.
        max_item_ms: longest duration.
        max_future_ms: how far event time may lie after the record's own Kafka timestamp.
    """

    max_item_bytes: int = 10_000_000
    max_item_ms: int = 60_000
    max_future_ms: int = 60_000


@dataclass(slots=True, eq=False)
class Item:
    """One frame, audio chunk or transcript segment (or a heartbeat), placed in event time.

    Attributes:
        item_id: the same for every copy of the item; see the design of item ids in docs.
        start_ms: event time, epoch milliseconds.
        end_ms: exclusive end; equal to `start_ms` for a point.
        timestamp_ms: the record's Kafka timestamp.
        is_heartbeat: an empty payload: moves the watermark, carries nothing.
        content_type: the media type that the producer stated, or None.
        sample_rate_hz: of raw PCM, as stated by the producer.
        channels: of raw PCM, as stated by the producer.
        payload: the record's bytes; released (set to b"") once decoded.
    """

    item_id: str
    source_id: str
    modality: Modality
    start_ms: int
    end_ms: int
    timestamp_ms: int
    is_heartbeat: bool
    topic: str
    partition: int
    offset: int
    content_type: str | None
    sample_rate_hz: int | None
    channels: int | None
    payload: bytes


@lru_cache(maxsize=16_384)  # the same few keys come over and over
def source_id_of_key(key: bytes | None) -> str:
    """Read a source id out of a record's key.

    Raises:
        PoisonItem: the key is empty (`key.empty`) or not a source id (`key.illegal`).
    """
    if not key:
        raise PoisonItem(
            "a record needs its source's id as key; got none; set the key when producing",
            code="key.empty",
            stage="header",
        )
    text = key.decode("ascii", errors="replace")
    if not _SOURCE_ID.fullmatch(text):
        raise PoisonItem(
            f"the key {key[:64]!r} is not a source id; expected 1 to {MAX_SOURCE_ID_CHARS} of A-Z a-z 0-9 . _ -, "
            "beginning with a letter or digit",
            code="key.illegal",
            stage="header",
        )
    return text


def parse_item(record: KafkaRecord, modality: Modality, limits: ItemLimits) -> Item:
    """Place a record in event time.

    Args:
        record: as consumed.
        modality: of the record's topic.
        limits: bounds beyond which the record is poison.

    Raises:
        PoisonItem: with a code of the families `key.*`, `header.*` or `item.*`.
    """
    source_id = source_id_of_key(record.key)
    payload = record.value or b""
    if len(payload) > limits.max_item_bytes:
        raise PoisonItem(
            f"the payload has {len(payload)} bytes; at most {limits.max_item_bytes} are taken "
            "(limits.max_item_bytes); send smaller items or raise the limit",
            code="item.too_large",
            stage="header",
        )
    headers = dict(record.headers)
    timestamp_ms = record.timestamp
    if "ce_id" in headers or "ce_specversion" in headers:
        item_id, start_ms = _cloud_event(headers, modality, timestamp_ms)
    else:
        item_id, start_ms = f"{record.topic}-{record.partition}-{record.offset}", timestamp_ms
    if timestamp_ms < 0:
        timestamp_ms = start_ms
    if start_ms < 0:
        raise PoisonItem(
            f"event time {start_ms} ms lies before 1970; send ce_time or a Kafka timestamp",
            code="header.time",
            stage="header",
        )
    if start_ms - timestamp_ms > limits.max_future_ms:
        raise PoisonItem(
            f"event time lies {start_ms - timestamp_ms} ms after the record's Kafka timestamp; at most "
            f"{limits.max_future_ms} are taken (limits.max_future_ms); set the producer's clock",
            code="item.future",
            stage="header",
        )
    content_type = _text(headers, "content-type")
    item = Item(
        item_id,
        source_id,
        modality,
        start_ms,
        start_ms,
        timestamp_ms,
        not payload,
        record.topic,
        record.partition,
        record.offset,
        content_type,
        _integer(headers, "ce_samplerate"),
        _integer(headers, "ce_channels"),
        payload,
    )
    duration_ms = _integer(headers, "ce_durationms")
    if duration_ms is None and payload and modality in _TELLS_DURATION:
        duration_ms = _duration_in_payload(item)
    if duration_ms:
        if duration_ms > limits.max_item_ms:
            raise PoisonItem(
                f"the item lasts {duration_ms} ms; at most {limits.max_item_ms} are taken (limits.max_item_ms); "
                "send shorter items",
                code="item.too_long",
                stage="header",
            )
        item.end_ms = start_ms + duration_ms
    return item


def _cloud_event(headers: dict[str, bytes], modality: Modality, timestamp_ms: int) -> tuple[str, int]:
    """Item id and event time out of CloudEvents headers."""
    event_id, source = _text(headers, "ce_id"), _text(headers, "ce_source")
    if not event_id or not source:
        missing = "ce_id" if not event_id else "ce_source"
        raise PoisonItem(
            f"the CloudEvents header {missing} is missing; CloudEvents need ce_id, ce_source, ce_type, ce_specversion",
            code="header.missing",
            stage="header",
        )
    if headers.get("ce_type") != _TYPE_HEADERS[modality]:
        raise PoisonItem(
            f"ce_type is {_text(headers, 'ce_type')!r}; this topic takes {ITEM_TYPES[modality]!r}; "
            "send it to the topic of its type",
            code="header.type",
            stage="header",
        )
    time_text = _text(headers, "ce_time")
    if time_text is None:
        return f"{_ID_BEGINNINGS[modality]}{source}|{event_id}|{timestamp_ms}", timestamp_ms
    try:
        since_epoch = datetime.fromisoformat(time_text) - _EPOCH
    except (ValueError, TypeError, OverflowError) as error:
        raise PoisonItem(
            f"ce_time is {time_text[:64]!r}; expected RFC 3339 with an offset, such as 2026-01-31T12:00:00.250Z",
            code="header.time",
            stage="header",
        ) from error
    # Twice as fast as dividing by a timedelta, and as exact: only the days are negative before 1970.
    start_ms = since_epoch.days * 86_400_000 + since_epoch.seconds * 1_000 + since_epoch.microseconds // 1_000
    return f"{_ID_BEGINNINGS[modality]}{source}|{event_id}|{time_text}", start_ms


def _duration_in_payload(item: Item) -> int | None:
    """Duration as sound or a transcript tells it; a broken payload is found out when decoding."""
    if item.modality is Modality.AUDIO:
        found = probe_audio(item.payload)
        if found is None:
            return None
        sample_rate_hz, samples = found
        return duration_of_samples_ms(samples, sample_rate_hz)
    try:
        return decode_transcript(item.payload, item.content_type).duration_ms
    except DecodeError:
        return None


def duration_of_samples_ms(samples: int, sample_rate_hz: int) -> int:
    """Milliseconds from the first sample's to just after the last sample's, each floored to a millisecond."""
    return (samples - 1) * 1000 // sample_rate_hz + 1 if samples > 0 else 0


def _text(headers: dict[str, bytes], name: str) -> str | None:
    value = headers.get(name)
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise PoisonItem(
            f"the header {name} is not UTF-8: {value[:64]!r}", code="header.encoding", stage="header"
        ) from error


def _integer(headers: dict[str, bytes], name: str) -> int | None:
    value = headers.get(name)
    return None if value is None else _whole_number(name, value)


@lru_cache(maxsize=1_024)  # rates, channels and lengths of chunks are few
def _whole_number(name: str, value: bytes) -> int:
    try:
        if value.isdigit():
            return int(value)
    except ValueError:
        pass  # more digits than Python reads
    raise PoisonItem(
        f"the header {name} is {value[:64]!r}; expected a whole number without sign",
        code="header.number",
        stage="header",
    )

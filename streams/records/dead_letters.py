"""The dead letter: a record that could not be processed, with what was wrong and where it came from.

On Kafka it is the record as it was (key, payload, headers) with further headers after its own. They are told apart by
their place, not by their names, so a record whose own headers begin with `braid_` comes back as it was.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from streams.errors import PoisonItem
from streams.records.items import KafkaRecord

__all__ = ["DROPPED_PAYLOAD_HEADERS", "LETTER_HEADERS", "DeadLetter", "OriginRecord"]

LETTER_HEADERS: Final = (
    "braid_error_code",
    "braid_error_stage",
    "braid_error_message",
    "braid_origin_topic",
    "braid_origin_partition",
    "braid_origin_offset",
    "braid_origin_timestamp_ms",
)
"""What follows the record's own headers, in this order."""

DROPPED_PAYLOAD_HEADERS: Final = ("braid_payload_bytes", "braid_payload_sha256")
"""What follows those where the payload was dropped, in this order."""

_MAX_MESSAGE_CHARS = 2_000


@dataclass(slots=True)
class OriginRecord:
    """A record as it was consumed; a `KafkaRecord`."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that could not be processed.

    Attributes:
        topic: that the record came by.
        partition: of that topic.
        offset: in that partition.
        timestamp_ms: the record's Kafka timestamp.
        key: the record's.
        value: the record's payload; empty when it was dropped.
        headers: the record's own, in order.
        code: of the error.
        stage: where it was found out: `header`, `decode`, `align`, `encode` or `fuse`.
        message: what was wrong, for people.
        payload_bytes: size of a payload that was dropped; None when it is whole.
        payload_sha256: its digest in hex; None when it is whole.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    code: str
    stage: str
    message: str
    payload_bytes: int | None = None
    payload_sha256: str | None = None

    @classmethod
    def of(cls, record: KafkaRecord, error: PoisonItem) -> "DeadLetter":
        """The letter for a record and what was wrong with it."""
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.timestamp,
            record.key,
            record.value or b"",
            tuple(record.headers),
            error.code,
            error.stage,
            str(error)[:_MAX_MESSAGE_CHARS],
        )

    @property
    def id(self) -> str:
        """`TOPIC-PARTITION-OFFSET` of the record: the same however often it was buried."""
        return f"{self.topic}-{self.partition}-{self.offset}"

    @property
    def is_whole(self) -> bool:
        """Whether the payload is here."""
        return self.payload_bytes is None

    @property
    def size_bytes(self) -> int:
        """Size of the record's payload, here or dropped."""
        return len(self.value) if self.payload_bytes is None else self.payload_bytes

    @property
    def origin(self) -> OriginRecord:
        """The record as it was consumed."""
        return OriginRecord(
            self.topic, self.partition, self.offset, self.key, self.value, self.headers, self.timestamp_ms
        )

    def without_payload(self) -> "DeadLetter":
        """The same letter with size and digest in the place of its payload."""
        if not self.is_whole:
            return self
        digest = hashlib.sha256(self.value).hexdigest()
        return replace(self, value=b"", payload_bytes=len(self.value), payload_sha256=digest)

    def with_payload(self, value: bytes) -> "DeadLetter":
        """The same letter with the payload that was dropped.

        Raises:
            ValueError: it is not that payload.
        """
        if hashlib.sha256(value).hexdigest() != self.payload_sha256:
            raise ValueError(f"{self.id}: these {len(value)} bytes are not the payload that was dropped")
        return replace(self, value=value, payload_bytes=None, payload_sha256=None)

    def encode(self) -> tuple[tuple[str, bytes], ...]:
        """The headers that go to Kafka beside `key` and `value`."""
        told = (
            self.code,
            self.stage,
            self.message,
            self.topic,
            str(self.partition),
            str(self.offset),
            str(self.timestamp_ms),
        )
        headers = (*self.headers, *_pairs(LETTER_HEADERS, told))
        if self.payload_bytes is None or self.payload_sha256 is None:
            return headers
        return (*headers, *_pairs(DROPPED_PAYLOAD_HEADERS, (str(self.payload_bytes), self.payload_sha256)))

    @classmethod
    def parse(cls, record: KafkaRecord) -> "DeadLetter | None":
        """Read a record of the dead-letter topic; None when it is not a dead letter."""
        headers, dropped = _take_last(tuple(record.headers), DROPPED_PAYLOAD_HEADERS)
        own, told = _take_last(headers, LETTER_HEADERS)
        if told is None:
            return None
        code, stage, message, topic, *numbers = told
        try:
            partition, offset, timestamp_ms = (int(number) for number in numbers)
            payload_bytes, payload_sha256 = (int(dropped[0]), dropped[1]) if dropped else (None, None)
        except ValueError:
            return None
        return cls(
            topic,
            partition,
            offset,
            timestamp_ms,
            record.key,
            record.value or b"",
            own,
            code,
            stage,
            message,
            payload_bytes,
            payload_sha256,
        )


def _pairs(names: Sequence[str], values: Sequence[str]) -> tuple[tuple[str, bytes], ...]:
    return tuple((name, value.encode()) for name, value in zip(names, values, strict=True))


def _take_last(
    headers: tuple[tuple[str, bytes], ...], names: Sequence[str]
) -> tuple[tuple[tuple[str, bytes], ...], list[str] | None]:
    """Split the last headers off, if they are those named and text."""
    last = headers[-len(names) :]
    if [name for name, _ in last] != list(names):
        return headers, None
    try:
        return headers[: -len(names)], [value.decode() for _, value in last]
    except (UnicodeDecodeError, AttributeError):  # Kafka knows headers without a value
        return headers, None

"""Send the record of a dead letter again, for windows that a worker still holds open."""

from datetime import UTC, datetime, timedelta
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from processors.modality import Modality
from streams.errors import DependencyUnavailable
from streams.kafka_ranges import brokers_of
from streams.records import DeadLetter, Item, OriginRecord
from streams.records.items import ITEM_TYPES
from streams.settings import Settings

__all__ = ["OriginProducer", "as_sent_again"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROOM_FOR_HEADERS_BYTES = 100_000


def as_sent_again(letter: DeadLetter, item: Item) -> OriginRecord:
    """The record as it goes to its topic again.

    A CloudEvent goes as it was. A bare record, whose identity is its place, gets CloudEvents headers that name the
    place it came from: so it is one item however often it is sent again.

    Args:
        letter: whole.
        item: as parsed from it.
    """
    record = letter.origin
    if item.item_id == letter.id:
        time_text = (_EPOCH + timedelta(milliseconds=item.start_ms)).isoformat(timespec="milliseconds")
        identity = {
            "ce_specversion": "1.0",
            "ce_id": letter.id,
            "ce_source": f"/braid/sources/{item.source_id}/{item.modality}",
            "ce_type": ITEM_TYPES[Modality(item.modality)],
            "ce_time": time_text.replace("+00:00", "Z"),
        }
        record.headers = (*((name, value.encode()) for name, value in identity.items()), *letter.headers)
    return record


class OriginProducer:
    """An idempotent producer to the places where dead letters came from; an async context manager."""

    def __init__(self, settings: Settings) -> None:
        """Prepare the producer; entering connects it."""
        self._producer = AIOKafkaProducer(
            bootstrap_servers=brokers_of(settings),
            client_id="braid-send-again",
            acks="all",
            enable_idempotence=True,
            max_request_size=settings.limits.max_item_bytes + _ROOM_FOR_HEADERS_BYTES,
            request_timeout_ms=int(settings.kafka.request_timeout_s * 1000),
        )

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            DependencyUnavailable: no broker answers.
        """
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise DependencyUnavailable(f"send again: Kafka does not answer: {error!r}") from error
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Flush and disconnect."""
        await self._producer.stop()

    async def send(self, record: OriginRecord) -> None:
        """Produce to the partition that the record came by, with its Kafka timestamp.

        Raises:
            DependencyUnavailable: Kafka does not take it.
        """
        try:
            await self._producer.send_and_wait(
                record.topic,
                record.value,
                key=record.key,
                partition=record.partition,
                headers=list(record.headers),
                timestamp_ms=record.timestamp if record.timestamp >= 0 else None,
            )
        except KafkaError as error:
            raise DependencyUnavailable(
                f"send again to {record.topic}[{record.partition}]: Kafka did not take the record: {error!r}"
            ) from error

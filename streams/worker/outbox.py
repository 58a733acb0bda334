"""What a worker tells over Kafka: detections and dead letters, acknowledged before their work counts as done."""

import ssl
from collections.abc import Sequence
from functools import partial
from typing import Self

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from streams.errors import DependencyUnavailable, PoisonItem
from streams.records import DeadLetter, Detection, KafkaRecord, SourceState
from streams.settings import Settings
from streams.worker.metrics import DEAD_LETTERS
from streams.worker.readiness import Readiness

__all__ = ["Outbox"]

_ROOM_FOR_HEADERS_BYTES = 100_000

log = structlog.get_logger(__name__)


class Outbox:
    """An idempotent producer for the topics that a worker writes; calls return when the broker has acknowledged."""

    def __init__(self, settings: Settings, brokers: str, readiness: Readiness, *, client_id: str) -> None:
        """Prepare the producer; `start` connects it."""
        self._topics = settings.kafka.topics
        self._readiness = readiness
        self._producer = AIOKafkaProducer(
            bootstrap_servers=brokers,
            client_id=client_id,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,  # joins the answers of windows that close together
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
            raise DependencyUnavailable(f"Kafka does not answer: {error}", code="kafka") from error
        return self

    async def __aexit__(self, *_: object) -> None:
        """Flush and disconnect."""
        await self._producer.stop()

    async def tell(self, detection: Detection, group: str | None) -> None:
        """Produce a detection, keyed by its source's group or the source."""
        key = (group or detection.source_id).encode()
        await self._send(self._topics.detections, key, detection.to_json(), (("content-type", b"application/json"),))

    async def tell_state(self, state: SourceState, group: str | None) -> None:
        """Produce a change of a source's state, keyed as its detections are."""
        key = (group or state.source_id).encode()
        await self._send(self._topics.detections, key, state.to_json(), (("content-type", b"application/json"),))

    async def bury(self, record: KafkaRecord, error: PoisonItem) -> None:
        """Write a record to the dead letters with its original bytes, headers, origin and error.

        Where the broker refuses it as too large, it goes without payload but with its size and SHA-256.
        """
        letter = DeadLetter.of(record, error)
        try:
            await self._send(self._topics.dead_letters, letter.key, letter.value, letter.encode())
        except MessageSizeTooLargeError:
            letter = letter.without_payload()
            await self._send(self._topics.dead_letters, letter.key, letter.value, letter.encode())
        DEAD_LETTERS.labels(error.code, error.stage).inc()
        log.warning(
            "dead_letter",
            code=error.code,
            stage=error.stage,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=str(error),
        )

    async def _send(self, topic: str, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]]) -> None:
        await self._readiness.until_available("kafka", partial(self._attempt, topic, key, value, headers))

    async def _attempt(self, topic: str, key: bytes | None, value: bytes, headers: Sequence[tuple[str, bytes]]) -> None:
        try:
            await self._producer.send_and_wait(topic, value, key=key, headers=list(headers))
        except MessageSizeTooLargeError:
            raise
        except (KafkaError, ssl.SSLError) as error:
            raise DependencyUnavailable(f"Kafka did not take a record for {topic}: {error}", code="kafka") from error

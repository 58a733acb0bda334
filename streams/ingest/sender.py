"""Records to Kafka: idempotent, acknowledged by all replicas, a bounded number under way."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, UnknownTopicOrPartitionError

from processors.modality import Modality
from streams.errors import BraidError, ConfigurationError, DependencyUnavailable
from streams.records import EncodedRecord
from streams.settings import Settings
from streams.topics import HEADER_BYTES, check_topics

__all__ = ["Sender"]

_MAX_IN_FLIGHT = 256
# Several frames travel in one request; a single larger one still goes, in a batch of its own.
_BATCH_BYTES = 512 * 1024
_LINGER_MS = 5
# A broker that restarts is waited for this many request timeouts before the run is given up.
_PATIENCE = 3
_CLOSE_S = 2.0


class Sender:
    """A Kafka producer for the media topics; an asynchronous context manager, for one task.

    Records of a topic keep their order, and none is doubled by a retry: idempotence holds as long as the sender lives.
    When more than a bounded number are under way, `send` waits.
    """

    def __init__(self, settings: Settings, modalities: frozenset[Modality]) -> None:
        """Prepare, without connecting.

        Args:
            settings: where Kafka is, the topics' names, the largest item.
            modalities: whose topics are written.

        Raises:
            ConfigurationError: the settings name no broker.
        """
        if settings.kafka.brokers is None:
            raise ConfigurationError("kafka.brokers is not set; start the servers with `braid up`, or name the brokers")
        self._settings = settings
        self._brokers = settings.kafka.brokers
        self._topics = {modality: settings.kafka.topics.of(modality) for modality in sorted(modalities)}
        self._timeout_s = settings.kafka.request_timeout_s
        self._max_request_bytes = settings.limits.max_item_bytes + HEADER_BYTES
        self._producer: AIOKafkaProducer | None = None
        self._in_flight: deque[tuple[asyncio.Future[object], Callable[[], None]]] = deque()

    async def __aenter__(self) -> Self:
        """Connect, and see that the topics fit together.

        Raises:
            DependencyUnavailable: no broker answers.
            ConfigurationError: a topic is missing, or the topics have unequal numbers of partitions.
        """
        await check_topics(self._settings)
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._brokers,
            client_id="braid-ingest",
            enable_idempotence=True,
            acks="all",
            linger_ms=_LINGER_MS,
            max_batch_size=_BATCH_BYTES,
            max_request_size=self._max_request_bytes,
            request_timeout_ms=round(self._timeout_s * 1000),
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await self._close()
            raise self._translated(error) from error
        return self

    async def __aexit__(self, *_raised: object) -> None:
        """Disconnect, within a few seconds; call `flush` before to know what arrived."""
        await self._close()

    async def send(
        self, modality: Modality, record: EncodedRecord, timestamp_ms: int, on_stored: Callable[[], None]
    ) -> None:
        """Hand a record over; waits while too many are under way.

        Args:
            modality: decides the topic.
            record: key, payload, headers.
            timestamp_ms: the record's Kafka timestamp, epoch milliseconds.
            on_stored: called once Kafka has acknowledged it, during a later call.

        Raises:
            DependencyUnavailable: Kafka does not take records, or not in time.
            ConfigurationError: the record is larger than Kafka takes, or the topic is gone.
        """
        while len(self._in_flight) >= _MAX_IN_FLIGHT:
            await asyncio.wait({self._in_flight[0][0]}, timeout=self._patience_s)
            if not self._in_flight[0][0].done():
                raise self._translated(TimeoutError(f"no acknowledgement within {self._patience_s:g} s"))
            self._settle()
        self._settle()
        if self._producer is None:
            raise DependencyUnavailable("the sender is not connected; use it as `async with`")
        try:
            async with asyncio.timeout(self._patience_s):
                future = await self._producer.send(
                    self._topics[modality],
                    record.value,
                    key=record.key,
                    timestamp_ms=timestamp_ms,
                    headers=list(record.headers),
                )
        except (KafkaError, OSError, TimeoutError) as error:
            raise self._translated(error) from error
        self._in_flight.append((future, on_stored))

    async def flush(self, deadline_s: float) -> int:
        """Wait until what is under way is acknowledged.

        Args:
            deadline_s: wait no longer.

        Returns:
            How many records were not acknowledged in time; whether Kafka has them is not known.

        Raises:
            DependencyUnavailable, ConfigurationError: as `send`.
        """
        if self._in_flight:
            await asyncio.wait({future for future, _ in self._in_flight}, timeout=deadline_s)
        self._settle()
        return len(self._in_flight)

    @property
    def _patience_s(self) -> float:
        return self._timeout_s * _PATIENCE

    def _settle(self) -> None:
        """Report what has been acknowledged, in order."""
        while self._in_flight and self._in_flight[0][0].done():
            future, on_stored = self._in_flight.popleft()
            try:
                future.result()
            except (KafkaError, OSError) as error:
                raise self._translated(error) from error
            on_stored()

    async def _close(self) -> None:
        if self._producer is None:
            return
        producer, self._producer = self._producer, None
        for future, _ in self._in_flight:
            future.add_done_callback(lambda late: late.cancelled() or late.exception())
        try:
            async with asyncio.timeout(_CLOSE_S):
                await producer.stop()
        except TimeoutError:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await producer.client.close()

    def _translated(self, error: Exception) -> BraidError:
        if isinstance(error, MessageSizeTooLargeError):
            return ConfigurationError(
                f"Kafka at {self._brokers} refuses a record as too large: {error}; "
                "send smaller frames (--size, --quality), or raise the topic's max.message.bytes"
            )
        if isinstance(error, UnknownTopicOrPartitionError):
            return ConfigurationError(
                f"Kafka at {self._brokers} lacks one of the topics {', '.join(self._topics.values())}; "
                "create them, or set kafka.topics to those that exist"
            )
        what = str(error) or type(error).__name__
        return DependencyUnavailable(
            f"Kafka at {self._brokers} does not take records: {what}; start it (`braid up`) or mend kafka.brokers"
        )

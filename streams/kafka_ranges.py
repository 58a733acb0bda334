"""Records of stated offsets, read once: no consumer group, so nothing is taken from anyone."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from streams.errors import ConfigurationError, DependencyUnavailable
from streams.records import KafkaRecord
from streams.settings import Settings

__all__ = ["KafkaRanges", "answering_in_time", "brokers_of", "partitions_of"]

_STOP_TIMEOUT_S = 5.0
_POLL_MS = 1_000


class KafkaRanges:
    """Reads ranges of offsets; an async context manager for one reader at a time."""

    def __init__(self, settings: Settings, *, client_id: str) -> None:
        """Prepare the reader; entering connects it.

        Args:
            settings: with `kafka.brokers` filled in; each wait ends after `kafka.request_timeout_s`.
            client_id: as the broker's logs show it.

        Raises:
            ConfigurationError: no broker is set.
        """
        self._settings = settings
        common: dict[str, Any] = {
            "bootstrap_servers": brokers_of(settings),
            "client_id": client_id,
            "request_timeout_ms": int(settings.kafka.request_timeout_s * 1000),
        }
        self._admin = AIOKafkaAdminClient(**common)
        self._consumer = AIOKafkaConsumer(
            **common,
            group_id=None,
            auto_offset_reset="none",  # an offset that Kafka no longer holds is said, not skipped
            enable_auto_commit=False,
            fetch_max_wait_ms=settings.kafka.fetch_max_wait_ms,
        )

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            DependencyUnavailable: Kafka does not answer.
        """
        try:
            async with answering_in_time(self._settings, "connect"):
                await self._admin.start()
                await self._consumer.start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Disconnect."""
        await self._stop()

    async def held(self, topic: str, since_ms: int | None = None) -> dict[int, range]:
        """The offsets that Kafka holds now, by partition.

        Args:
            topic: whose.
            since_ms: only from the first record with this Kafka timestamp or a later one; None from the beginning.

        Raises:
            ConfigurationError: there is no such topic.
            DependencyUnavailable: Kafka does not answer.
        """
        async with answering_in_time(self._settings, f"offsets of {topic}"):
            partitions = await partitions_of(self._admin, topic, brokers_of(self._settings))
            begins = await self._consumer.beginning_offsets(partitions)
            ends = await self._consumer.end_offsets(partitions)
            if since_ms is not None:
                found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, since_ms))
                begins = {part: found[part].offset if found.get(part) else ends[part] for part in partitions}
        return {part.partition: range(begins[part], ends[part]) for part in partitions}

    async def read(self, topic: str, wanted: Mapping[int, range]) -> AsyncGenerator[KafkaRecord, None]:
        """Every record in the ranges, one partition after another; offsets that hold no record are passed over.

        Args:
            topic: whose.
            wanted: offsets by partition; Kafka must hold them, see `held`.

        Raises:
            DependencyUnavailable: Kafka does not answer, or no longer holds what is asked for.
        """
        for number, span in wanted.items():
            part, position = TopicPartition(topic, number), span.start
            self._consumer.assign([part])
            self._consumer.seek(part, position)
            while position < span.stop:
                async with answering_in_time(self._settings, f"read {topic}[{number}]@{position}"):
                    records, position = await self._next(part, position)
                for record in records:
                    if record.offset < span.stop:
                        yield record

    async def _next(self, part: TopicPartition, position: int) -> tuple[list[Any], int]:
        """The next records and the position after them; no records where only the position has moved."""
        while True:
            batches = await self._consumer.getmany(part, timeout_ms=_POLL_MS)
            reached = await self._consumer.position(part)
            if batches or reached > position:
                return batches.get(part, []), reached

    async def _stop(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await self._consumer.stop()
                await self._admin.close()


def brokers_of(settings: Settings) -> str:
    """The brokers that are set.

    Raises:
        ConfigurationError: none is.
    """
    if settings.kafka.brokers is None:
        raise ConfigurationError(
            "kafka.brokers is not set; start `braid up`, or set it (BRAID_KAFKA__BROKERS) to host:port",
            code="configuration.kafka",
        )
    return settings.kafka.brokers


@asynccontextmanager
async def answering_in_time(settings: Settings, what: str) -> AsyncGenerator[None, None]:
    """Bound what is done with Kafka inside the block by `kafka.request_timeout_s`.

    Args:
        settings: in force.
        what: the deed, for messages.

    Raises:
        DependencyUnavailable: Kafka does not answer, or not in time.
    """
    where = f"{what}: Kafka at {settings.kafka.brokers}"
    try:
        async with asyncio.timeout(settings.kafka.request_timeout_s):
            yield
    except TimeoutError as error:
        raise DependencyUnavailable(
            f"{where} did not answer within {settings.kafka.request_timeout_s:g} s", code="dependency.kafka"
        ) from error
    except KafkaError as error:
        raise DependencyUnavailable(f"{where} is not available: {error!r}", code="dependency.kafka") from error


async def partitions_of(admin: AIOKafkaAdminClient, topic: str, brokers: str) -> list[TopicPartition]:
    """A topic's partitions.

    Args:
        admin: started.
        topic: whose.
        brokers: for messages.

    Raises:
        ConfigurationError: there is no such topic.
    """
    [described] = await admin.describe_topics([topic])
    numbers = sorted(partition["partition"] for partition in described["partitions"])
    if not numbers:
        raise ConfigurationError(
            f"Kafka at {brokers} has no topic {topic}; create it with `braid topics create`, or correct kafka.topics",
            code="configuration.topic",
        )
    return [TopicPartition(topic, number) for number in numbers]

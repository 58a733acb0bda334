"""Follow detections as they are told on their topic."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import ValidationError

from streams.kafka_ranges import answering_in_time, brokers_of, partitions_of
from streams.records import Detection, SourceState
from streams.settings import Settings

__all__ = ["Repeats", "follow_detections"]

# About an hour of 16 sources; a worker that takes over tells again at most what was not final when the other ended.
_REMEMBERED = 65_536
_STOP_TIMEOUT_S = 5.0
_CLIENT_ID = "braid-follow"


class Repeats:
    """Tells a detection from its repeats. After a crash a worker tells again what it cannot know to have been told.

    Args:
        capacity: how many detections are remembered; beyond it the one not seen for longest is forgotten.
    """

    def __init__(self, capacity: int = _REMEMBERED) -> None:
        self._capacity = capacity
        self._seen: OrderedDict[tuple[str, str, bool], None] = OrderedDict()

    def is_new(self, detection: Detection) -> bool:
        """Whether no detection with this id, digest and finality came before; remembers it."""
        key = (detection.id, detection.digest, detection.final)
        is_new = key not in self._seen
        self._seen[key] = None
        self._seen.move_to_end(key)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
        return is_new


async def follow_detections(
    settings: Settings, source_id: str | None = None, *, on_ready: Callable[[], None] | None = None
) -> AsyncGenerator[Detection, None]:
    """New detections, from now on, without repeats and in the order of their topic's partitions; never ends by itself.

    Joins no consumer group, so it takes nothing from anyone. While the broker is away it waits and goes on. Partitions
    that the topic gains later are not followed.
    Close it with `aclose` (or `contextlib.aclosing`) to close the connection.

    Args:
        settings: with `kafka.brokers` filled in.
        source_id: only this source's; None follows all.
        on_ready: called once the place to start from is fixed: whatever is told after it will be seen.

    Raises:
        ConfigurationError: no broker is set, or the topic does not exist.
        DependencyUnavailable: Kafka does not answer.
    """
    topic = settings.kafka.topics.detections
    brokers, timeout_ms = brokers_of(settings), int(settings.kafka.request_timeout_s * 1000)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        client_id=_CLIENT_ID,
        group_id=None,
        auto_offset_reset="latest",
        enable_auto_commit=False,
        request_timeout_ms=timeout_ms,
        fetch_max_wait_ms=settings.kafka.fetch_max_wait_ms,
    )
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers, client_id=_CLIENT_ID, request_timeout_ms=timeout_ms)
    try:
        async with answering_in_time(settings, f"follow {topic}"):
            # Assigned by hand: a subscription waits for a missing topic, and starts anew when partitions change.
            consumer.assign(await _partitions(admin, topic, brokers))
            await consumer.start()
            await consumer.seek_to_end()
            for partition in consumer.assignment():
                await consumer.position(partition)
        if on_ready:
            on_ready()
        repeats = Repeats()
        async for record in consumer:
            detection = _parse(record.value, topic, record.partition, record.offset)
            if detection and source_id in (None, detection.source_id) and repeats.is_new(detection):
                yield detection
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await consumer.stop()


async def _partitions(admin: AIOKafkaAdminClient, topic: str, brokers: str) -> list[TopicPartition]:
    try:
        await admin.start()
        return await partitions_of(admin, topic, brokers)
    finally:
        await admin.close()


def _parse(value: bytes | None, topic: str, partition: int, offset: int) -> Detection | None:
    try:
        return Detection.from_json(value or b"")
    except ValidationError as error:
        if _is_source_state(value or b""):
            return None
        # Other kinds of record may come to travel on this topic; a listener passes over what it does not know.
        structlog.get_logger(__name__).debug(
            "detection.unknown_record", topic=topic, partition=partition, offset=offset, faults=error.error_count()
        )
        return None


def _is_source_state(value: bytes) -> bool:
    """Whether it is the other kind of record on this topic."""
    try:
        SourceState.from_json(value)
    except ValidationError:
        return False
    return True

"""What Kafka holds when all is over: everything of a topic, and how far a group has come."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from streams.records import SOURCE_STATE_SCHEMA, Detection

__all__ = ["Held", "Origin", "detections_in", "lag_of_group", "read_all"]

Origin = tuple[str, int, int]
"""Topic, partition, offset."""

_TIMEOUT_MS = 20_000
_READ_S = 120.0


@dataclass(frozen=True, slots=True)
class Held:
    """One record in the log."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes
    value: bytes
    headers: Mapping[str, bytes]

    @property
    def origin(self) -> Origin:
        """Where it is."""
        return self.topic, self.partition, self.offset


def detections_in(told: Iterable[Held]) -> list[Detection]:
    """The detections among what was told; states of sources travel on the same topic."""
    return [Detection.from_json(record.value) for record in told if SOURCE_STATE_SCHEMA.encode() not in record.value]


async def read_all(brokers: str, topic: str, partitions: int) -> list[Held]:
    """Everything committed of a topic, each partition in order."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=brokers,
        enable_auto_commit=False,
        isolation_level="read_committed",
        request_timeout_ms=_TIMEOUT_MS,
        max_partition_fetch_bytes=8_000_000,
    )
    assigned = [TopicPartition(topic, number) for number in range(partitions)]
    consumer.assign(assigned)
    found: list[Held] = []
    await consumer.start()
    try:
        await consumer.seek_to_beginning(*assigned)
        ends = await consumer.end_offsets(assigned)
        async with asyncio.timeout(_READ_S):
            while any([await consumer.position(tp) < end for tp, end in ends.items()]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [
                        Held(
                            record.topic,
                            record.partition,
                            record.offset,
                            record.timestamp,
                            record.key or b"",
                            record.value or b"",
                            dict(record.headers),
                        )
                        for record in records
                    ]
    finally:
        await consumer.stop()
    return found


async def lag_of_group(brokers: str, group: str, topics: list[str], partitions: int) -> dict[TopicPartition, int]:
    """How many offsets of each partition a group has not committed yet, where any."""
    assigned = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
    admin = AIOKafkaAdminClient(bootstrap_servers=brokers, request_timeout_ms=_TIMEOUT_MS)
    consumer = AIOKafkaConsumer(bootstrap_servers=brokers, request_timeout_ms=_TIMEOUT_MS)
    try:
        await admin.start()
        committed = await admin.list_consumer_group_offsets(group)
        await consumer.start()
        ends = await consumer.end_offsets(assigned)
    finally:
        await admin.close()
        await consumer.stop()
    lags = {tp: end - max(0, committed[tp].offset if tp in committed else 0) for tp, end in ends.items()}
    return {tp: lag for tp, lag in lags.items() if lag}

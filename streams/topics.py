"""The topics: created with what the settings say, and checked before anyone relies on them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code

from streams.errors import ConfigurationError, DependencyUnavailable
from streams.settings import Settings

__all__ = ["HEADER_BYTES", "check_topics", "ensure_topics"]

HEADER_BYTES = 65_536
"""Room for a record's key, headers and framing beside a payload of `limits.max_item_bytes`."""

_SEGMENTS_PER_PARTITION = 8  # Kafka deletes whole segments: the fewer, the coarser its retention
_LEAST_SEGMENT_BYTES = 16_777_216
_POLL_S = 0.05


async def ensure_topics(settings: Settings) -> list[str]:
    """Create the topics that do not exist yet; those that do are left as they are.

    Args:
        settings: with `kafka.brokers` filled in.

    Returns:
        The names of those created.

    Raises:
        DependencyUnavailable: Kafka does not answer.
        ConfigurationError: Kafka refuses a topic.
    """
    topics, retention = settings.kafka.topics, settings.retention
    max_message_bytes = settings.limits.max_item_bytes + HEADER_BYTES
    configs = {
        "retention.ms": str(retention.topics_s * 1000),
        "retention.bytes": str(retention.topic_bytes),
        "max.message.bytes": str(max_message_bytes),
        "segment.bytes": str(
            min(
                max(retention.topic_bytes // _SEGMENTS_PER_PARTITION, _LEAST_SEGMENT_BYTES, max_message_bytes),
                2**31 - 1,
            )
        ),
    }
    names = (topics.video, topics.audio, topics.transcript, topics.detections, topics.dead_letters)
    wanted = [
        NewTopic(
            name,
            num_partitions=settings.kafka.partitions,
            replication_factor=settings.kafka.replication_factor,
            topic_configs=configs,
        )
        for name in names
    ]
    async with _admin(settings) as admin:
        response = await admin.create_topics(wanted)
        created = _created(response, settings)
        await _until_served(admin, created, settings)
    return created


def _created(response: Any, settings: Settings) -> list[str]:
    created = []
    for name, code, *rest in response.topic_errors:
        error = for_code(code)
        if code == 0:
            created.append(name)
        elif error is not TopicAlreadyExistsError:
            raise ConfigurationError(
                f"Kafka at {settings.kafka.brokers} refuses to create the topic {name} with "
                f"{settings.kafka.partitions} partitions and {settings.kafka.replication_factor} copies: "
                f"{error.__name__} {' '.join(str(part) for part in rest if part)}; mend kafka.partitions and "
                "kafka.replication_factor, or create the topic with Kafka's own tools",
                code="configuration.topic_refused",
            )
    return created


async def _until_served(admin: Any, names: list[str], settings: Settings) -> None:
    """Wait until the broker tells clients of the topics: the controller that creates them is a little ahead of it."""
    waiting = set(names)
    try:
        async with asyncio.timeout(settings.kafka.request_timeout_s):
            while waiting:
                described = await admin.describe_topics(sorted(waiting))
                waiting -= {topic["topic"] for topic in described if _is_served(topic)}
                await asyncio.sleep(_POLL_S if waiting else 0)
    except TimeoutError as error:
        raise DependencyUnavailable(
            f"Kafka at {settings.kafka.brokers} has created {', '.join(sorted(waiting))} but does not serve them after "
            f"{settings.kafka.request_timeout_s:g} s"
        ) from error


def _is_served(topic: Mapping[str, Any]) -> bool:
    partitions = topic["partitions"]
    return topic["error_code"] == 0 and bool(partitions) and all(part["leader"] >= 0 for part in partitions)


async def check_topics(settings: Settings) -> int:
    """Check that the three media topics can be read together.

    Args:
        settings: with `kafka.brokers` filled in.

    Returns:
        Their common number of partitions.

    Raises:
        DependencyUnavailable: Kafka does not answer.
        ConfigurationError: one is missing, or they have unequal numbers of partitions, so that a source's frames, sound
            and words would not meet in one worker.
    """
    topics = settings.kafka.topics
    names = [topics.video, topics.audio, topics.transcript]
    async with _admin(settings) as admin:
        found = {topic["topic"]: topic for topic in await admin.describe_topics(names)}
    missing = [name for name in names if found[name]["error_code"] == UnknownTopicOrPartitionError.errno]
    if missing:
        raise ConfigurationError(
            f"Kafka at {settings.kafka.brokers} has no topic {', '.join(missing)}; create them with "
            "`braid topics create`",
            code="configuration.topics_missing",
        )
    counts = {name: len(found[name]["partitions"]) for name in names}
    if len(set(counts.values())) != 1:
        most = max(counts.values())
        listed = ", ".join(f"{name} has {count}" for name, count in counts.items())
        raise ConfigurationError(
            f"the media topics at {settings.kafka.brokers} have unequal numbers of partitions: {listed}; expected the "
            "same, because a source's items meet in one partition number; before anything is sent, bring the others up "
            f"to {most} (`kafka-topics.sh --alter --partitions {most} --topic NAME`), or choose new names under "
            "kafka.topics and run `braid topics create`",
            code="configuration.topics_unequal",
        )
    return counts[names[0]]


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(
        bootstrap_servers=settings.kafka.brokers, request_timeout_ms=int(settings.kafka.request_timeout_s * 1000)
    )
    try:
        await admin.start()
        yield admin
    except KafkaError as error:
        raise DependencyUnavailable(
            f"Kafka at {settings.kafka.brokers} does not answer: {error!r}; check that it runs and that the address "
            "is right"
        ) from error
    finally:
        await admin.close()

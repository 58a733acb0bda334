"""What Kafka knows of a consumer group's offsets on the media topics."""

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from processors.modality import Modality
from streams.errors import DependencyUnavailable
from streams.settings import Settings

__all__ = ["read_committed_offsets"]


async def read_committed_offsets(settings: Settings, partitions: int) -> dict[int, dict[str, int]]:
    """Partition number -> media topic -> the group's committed offset; topics without one are left out.

    Args:
        settings: with `kafka.brokers` filled in.
        partitions: how many the media topics have.

    Raises:
        DependencyUnavailable: Kafka does not answer.
    """
    kafka = settings.kafka
    topics = [kafka.topics.of(modality) for modality in Modality]
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.brokers, request_timeout_ms=int(kafka.request_timeout_s * 1000))
    try:
        await admin.start()
        wanted = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
        found = await admin.list_consumer_group_offsets(kafka.group, partitions=wanted)
    except KafkaError as error:
        raise DependencyUnavailable(
            f"Kafka at {kafka.brokers} does not answer: {error!r}; check that it runs and that the address is right"
        ) from error
    finally:
        await admin.close()
    committed: dict[int, dict[str, int]] = {number: {} for number in range(partitions)}
    for (topic, number), offset in found.items():
        if offset.offset >= 0:
            committed[number][topic] = offset.offset
    return committed

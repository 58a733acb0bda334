"""Topics on a real broker: created as the settings say, kept when they exist, refused when they do not fit together."""

import os
import subprocess
import sys
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streams.errors import ConfigurationError, DependencyUnavailable
from streams.settings import KafkaSettings, LimitSettings, RetentionSettings, Settings, TopicSettings
from streams.topics import HEADER_BYTES, check_topics, ensure_topics


@pytest.fixture
async def admin(kafka):
    client = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=20_000)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
def fresh(kafka, unique) -> Settings:
    """Settings whose topics do not exist yet."""
    names = {name: f"{unique}.{name}" for name in TopicSettings.model_fields}
    return Settings(
        kafka=KafkaSettings(brokers=kafka, partitions=2, topics=TopicSettings(**names)),
        limits=LimitSettings(max_item_bytes=3_000_000),
        retention=RetentionSettings(topics_s=3_600, topic_bytes=800_000_000),
    )


async def test_topics_are_created_once_with_what_the_settings_say(fresh, admin) -> None:
    names = set(fresh.kafka.topics.model_dump().values())
    assert set(await ensure_topics(fresh)) == names
    assert await ensure_topics(fresh) == []
    assert await check_topics(fresh) == 2
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in sorted(names)]
    for answer in await admin.describe_configs(resources):
        for _, _, _, _, entries in answer.resources:
            found = {entry[0]: entry[1] for entry in entries}
            assert found["retention.ms"] == "3600000"
            assert found["retention.bytes"] == "800000000"
            assert found["segment.bytes"] == "100000000"
            assert found["max.message.bytes"] == str(3_000_000 + HEADER_BYTES)


async def test_existing_topics_keep_their_partitions(fresh) -> None:
    await ensure_topics(fresh)
    more = fresh.model_copy(update={"kafka": fresh.kafka.model_copy(update={"partitions": 3})})
    assert await ensure_topics(more) == []
    assert await check_topics(more) == 2


async def test_missing_topics_are_named_with_the_mend(fresh) -> None:
    with pytest.raises(ConfigurationError, match=rf"no topic {fresh.kafka.topics.video}, .*`braid topics create`"):
        await check_topics(fresh)


async def test_unequal_numbers_of_partitions_are_named_each_with_the_mend(fresh, admin) -> None:
    await ensure_topics(fresh)
    topics = fresh.kafka.topics
    await admin.create_partitions({topics.audio: NewPartitions(total_count=3)})
    counts = {topics.video: 2, topics.audio: 3, topics.transcript: 2}
    deadline_s = time.monotonic() + 20  # the broker tells its clients of the third a moment later
    while len((await admin.describe_topics([topics.audio]))[0]["partitions"]) != 3:
        assert time.monotonic() < deadline_s
    with pytest.raises(ConfigurationError) as caught:
        await check_topics(fresh)
    for name, count in counts.items():
        assert f"{name} has {count}" in str(caught.value)
    assert "--alter --partitions 3" in str(caught.value)


async def test_more_copies_than_brokers_are_refused_with_the_setting_to_mend(fresh) -> None:
    kafka = fresh.kafka.model_copy(update={"replication_factor": 3})
    with pytest.raises(ConfigurationError, match=r"3 copies: InvalidReplicationFactorError.*kafka.replication_factor"):
        await ensure_topics(fresh.model_copy(update={"kafka": kafka}))


async def test_a_broker_that_is_away_is_unavailable_not_misconfigured() -> None:
    away = Settings(kafka=KafkaSettings(brokers="127.0.0.1:1", request_timeout_s=1))
    with pytest.raises(DependencyUnavailable, match=r"Kafka at 127.0.0.1:1 does not answer"):
        await check_topics(away)


def test_the_command_creates_them_and_says_so(kafka, unique) -> None:
    names = {name: f"{unique}.{name}" for name in TopicSettings.model_fields}
    variables = {f"BRAID_KAFKA__TOPICS__{name.upper()}": topic for name, topic in names.items()}
    command = [sys.executable, "-m", "streams.cli", "topics", "create"]
    environment = os.environ | variables | {"BRAID_KAFKA__BROKERS": kafka}
    for says in (f"created {names['video']}, ", "all topics exist (4 partitions each)"):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        assert says in done.stdout

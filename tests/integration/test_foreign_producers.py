"""Producers that are not ours: kcat and librdkafka, with the very examples of the documentation."""

import asyncio
import random
import re
import shutil
import string
import subprocess
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from processors.modality import Modality
from streams.records import ItemLimits, parse_item

PAGE = Path(__file__).parents[2] / "docs/how-to/producers.md"
DEADLINE_S = 30.0
KEY_CHARS = string.ascii_letters + string.digits + "._-"

needs_kcat = pytest.mark.skipif(
    shutil.which("kcat") is None, reason="kcat is not installed (Debian's package kcat); what it sends is not tested"
)


def example(language):
    [text] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return text


@pytest.fixture
def documented():
    """What the page's Python defines."""
    names = {"__name__": "example"}
    exec(compile(example("python"), str(PAGE), "exec"), names)
    return names


@pytest.fixture
def read(settings):
    """Reads `count` records of a topic."""

    async def read(topic, count):
        async with AIOKafkaConsumer(
            topic, bootstrap_servers=settings.kafka.brokers, auto_offset_reset="earliest"
        ) as consumer:
            async with asyncio.timeout(DEADLINE_S):
                return [await consumer.getone() for _ in range(count)]

    return read


@pytest.fixture
def keys():
    """200 legal keys of all lengths."""
    chance = random.Random(20)
    return ["k" + "".join(chance.choices(KEY_CHARS, k=chance.randrange(127))) for _ in range(200)]


def partitions_of(records):
    """Key -> the partitions that its records are in."""
    found = defaultdict(set)
    for record in records:
        found[record.key.decode()].add(record.partition)
    return found


@pytest.fixture
async def ours(settings, keys):
    """Key -> partition, as our own producers choose it."""
    topic = settings.kafka.topics.video
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.brokers) as producer:
        sent = [await (await producer.send(topic, b"ours", key=key.encode())) for key in keys]
    found = dict(zip(keys, [place.partition for place in sent], strict=True))
    assert set(found.values()) == set(range(settings.kafka.partitions))
    return found


async def test_confluent_kafka_as_documented_meets_ours_in_one_partition(settings, keys, ours, documented, read):
    topic = settings.kafka.topics.audio
    producer = documented["connect"](settings.kafka.brokers)
    for key in keys:
        producer.produce(topic, b"theirs", key=key)
    assert await asyncio.to_thread(producer.flush, DEADLINE_S) == 0
    theirs = partitions_of(await read(topic, len(keys)))
    assert theirs == {key: {partition} for key, partition in ours.items()}


@needs_kcat
async def test_kcat_as_documented_meets_ours_in_one_partition(settings, keys, ours, read):
    topic = settings.kafka.topics.audio
    command = ["kcat", "-P", "-b", settings.kafka.brokers, "-X", "partitioner=murmur2_random", "-t", topic, "-K", "="]
    lines = "".join(f"{key}=theirs\n" for key in keys)
    await asyncio.to_thread(subprocess.run, command, input=lines, text=True, check=True, timeout=DEADLINE_S)
    theirs = partitions_of(await read(topic, len(keys)))
    assert theirs == {key: {partition} for key, partition in ours.items()}


async def test_the_documented_python_sends_an_item(settings, documented, read):
    producer = documented["connect"](settings.kafka.brokers)
    taken = datetime.now(UTC)
    documented["send_frame"](producer, settings.kafka.topics.video, "dock-1", b"\xff\xd8jpeg", taken)
    assert await asyncio.to_thread(producer.flush, DEADLINE_S) == 0
    [record] = await read(settings.kafka.topics.video, 1)
    item = parse_item(record, Modality.VIDEO, ItemLimits())
    assert (item.source_id, item.start_ms, item.payload) == (
        "dock-1",
        int(taken.timestamp() * 1000),
        b"\xff\xd8jpeg",
    )


@needs_kcat
async def test_the_documented_kcat_commands_send_items_bare_and_with_headers(settings, tmp_path, read):
    topics = settings.kafka.topics
    (tmp_path / "frame.jpg").write_bytes(b"\xff\xd8\njpeg")
    script = example("bash").replace("localhost:9092", settings.kafka.brokers)
    for modality in Modality:
        script = script.replace(f"-t braid.{modality} ", f"-t {topics.of(modality)} ")
    command = ["bash", "-euo", "pipefail", "-c", script]
    await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, check=True, timeout=DEADLINE_S)
    bare, framed = [parse_item(record, Modality.VIDEO, ItemLimits()) for record in await read(topics.video, 2)]
    [sentence] = [parse_item(record, Modality.TRANSCRIPT, ItemLimits()) for record in await read(topics.transcript, 1)]
    assert bare.payload == framed.payload == b"\xff\xd8\njpeg"
    assert bare.item_id == f"{topics.video}-{bare.partition}-{bare.offset}"
    assert (bare.start_ms, bare.content_type) == (bare.timestamp_ms, None)
    assert framed.item_id.startswith("video|/cameras/dock-1|")
    assert framed.start_ms == sentence.start_ms <= framed.timestamp_ms
    assert (bare.source_id, framed.source_id, sentence.source_id) == ("dock-1",) * 3
    assert bare.partition == framed.partition == sentence.partition

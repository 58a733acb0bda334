"""Dead letters from burial to replay, on the real stack and through the command line."""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
import yaml
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from processors.modality import Modality
from streams.records import SOURCE_STATE_SCHEMA, Detection, encode_video_frame
from streams.settings import LimitSettings, WindowSettings

SMALL = LimitSettings(max_item_bytes=40_000)  # more than a second of sound
DEADLINE_S = 60.0


def noise(side_px: int) -> bytes:
    """A JPEG that does not compress."""
    pixels = np.random.default_rng(side_px).integers(0, 255, (side_px, side_px, 3), np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


@pytest.fixture
def braid(settings, tmp_path) -> Callable:
    """Runs `braid dead-letters` with the test's settings: nothing is too large for them."""
    config = tmp_path / "mended.yaml"
    document = settings.model_dump(mode="json")
    document["redis"]["url"] = settings.redis.url.get_secret_value()
    config.write_text(yaml.safe_dump(document))

    async def run(*arguments: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "streams.cli", "dead-letters", *map(str, arguments), "--config", str(config)]
        return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def bury(settings, producer, dead_letters) -> Callable:
    """Sends frames that cannot be processed, and waits for their letters. Gives letter id by frame."""
    buried = []

    async def bury(source_id: str, frames: dict[str, tuple[int, bytes]]) -> dict[str, str]:
        ids = {}
        for name, (at_ms, image) in frames.items():
            record = encode_video_frame(source_id, name, at_ms, image)
            sent = await producer.send_and_wait(
                settings.kafka.topics.video, record.value, key=record.key, headers=list(record.headers)
            )
            ids[name] = f"{sent.topic}-{sent.partition}-{sent.offset}"
            buried.append(ids[name])
        await dead_letters(len(buried))
        return ids

    return bury


async def told(settings) -> list[Detection]:
    """Everything on the detections topic now."""
    async with AIOKafkaConsumer(
        settings.kafka.topics.detections, bootstrap_servers=settings.kafka.brokers, auto_offset_reset="earliest"
    ) as consumer:
        parts = consumer.assignment()
        ends = await consumer.end_offsets(parts)
        found = []
        async with asyncio.timeout(DEADLINE_S):
            while any([await consumer.position(part) < ends[part] for part in parts]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += [
                        Detection.from_json(record.value)
                        for record in records
                        if SOURCE_STATE_SCHEMA.encode() not in record.value
                    ]
        return found


async def test_what_was_too_large_or_late_joins_its_final_windows_and_once_is_enough(
    settings, start_worker, scripted, send, store, assert_exact, bury, braid, tmp_path
):
    start_ms = time.time_ns() // 10**6 - 40_000
    source = scripted("cam", start_ms, 16)
    large, huge = noise(250), noise(400)
    assert len(large) < 140_000 < len(huge), "the second one must be too large for the worker's dead letters, too"
    await send([source])
    worker = start_worker(limits=SMALL)
    before = await assert_exact(source)
    ids = await bury(
        source.source_id,
        {
            "large": (start_ms + 4_050, large),
            "huge": (start_ms + 6_050, huge),
            "late": (start_ms + 8_050, noise(64)),
            "torn": (start_ms + 8_060, noise(64)[:900]),
        },
    )
    listed = await braid("list", "--json")
    letters = {letter["id"]: letter for letter in json.loads(listed.stdout)}
    assert {name: letters[ids[name]]["code"] for name in ids} == {
        "large": "item.too_large",
        "huge": "item.too_large",
        "late": "late",
        "torn": "late",
    }
    assert [letters[ids[name]]["has_payload"] for name in ("large", "huge")] == [True, False]
    only = await braid("list", "--code", "item", "--source", source.source_id, "--stage", "header", "--since", "-10m")
    assert [ids[name] in only.stdout for name in ids] == [True, True, False, False]
    saved = tmp_path / "saved.jpg"
    assert (await braid("show", ids["huge"], "--payload", saved)).returncode == 0
    assert saved.read_bytes() == huge

    first = await braid("replay", ids["large"], ids["huge"], ids["late"])
    assert first.returncode == 0, first.stdout + first.stderr
    for at_ms in (start_ms + 4_050, start_ms + 6_050, start_ms + 8_050):
        source.spans[Modality.VIDEO].append((at_ms, at_ms))
    after = await assert_exact(source)
    for start, detection in after.items():
        added = detection.coverage.video.items - before[start].coverage.video.items
        assert (detection.revision, detection.sealed_by) == (before[start].revision + added, before[start].sealed_by)
        assert detection.final
    assert sum(detection != before[start] for start, detection in after.items()) >= 4
    everything = {(detection.id, detection.digest, detection.final) for detection in await told(settings)}
    assert everything >= {(detection.id, detection.digest, True) for detection in after.values()}

    second = await braid("replay", "--code", "item.too_large", "--source", source.source_id)
    assert second.returncode == 0, second.stdout + second.stderr
    assert second.stdout.count("held it already") == second.stdout.count("revision")
    torn = await braid("replay", ids["torn"], ids["late"])
    assert torn.returncode == 1
    assert "still video.truncated" in torn.stdout
    assert "1 of 2 done" in torn.stdout
    unknown = await braid("replay", ids["late"], "braid.video-0-999")
    assert (unknown.returncode, "holds no dead letter braid.video-0-999" in unknown.stderr) == (2, True)
    lost = await bury(source.source_id, {"lost": (start_ms + 8_070, noise(64))})
    topic, number, offset = lost["lost"].rsplit("-", 2)
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.brokers)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, int(number)): RecordsToDelete(int(offset))})
    finally:
        await admin.close()
    expired = await braid("replay", lost["lost"])
    assert expired.returncode == 1
    assert expired.stdout.count("Kafka no longer holds") == 2
    assert await assert_exact(source) == after
    assert worker.stop() == 0, worker.output


async def test_for_windows_that_are_not_final_the_record_is_sent_again_and_is_one_item(
    settings, start_worker, scripted, send, store, bury, braid, until_answered
):
    start_ms = time.time_ns() // 10**6 - 15_000
    source = scripted("cam", start_ms, 12)
    patient = WindowSettings(allowed_lateness_ms=600_000, idle_timeout_s=600, max_open_s=700)
    await send([source])
    first = start_worker(limits=SMALL, windows=patient)
    await until_answered([source])
    ids = await bury(source.source_id, {"large": (start_ms + 4_050, noise(250))})
    replayed = await braid("replay", ids["large"])
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    windows = sum(begin <= start_ms + 4_050 < begin + 4_000 for begin in source.expected(settings.windows))
    assert replayed.stdout.count("the record was sent again") == windows == 2
    assert first.stop() == 0, first.output
    second = start_worker(windows=patient)
    source.spans[Modality.VIDEO].append((start_ms + 4_050, start_ms + 4_050))
    expected = {start: items[Modality.VIDEO] for start, items in source.expected(settings.windows).items()}
    async with asyncio.timeout(DEADLINE_S):
        while True:
            stored = await store.list_detections(source.source_id)
            frames = {detection.start_ms: detection.coverage.video.items for detection in stored}
            if frames.items() >= {start: expected[start] for start in list(expected)[:4]}.items():
                break
            await asyncio.sleep(0.1)
    assert not any(detection.final for detection in stored)
    assert second.stop() == 0, second.output


async def test_what_is_no_dead_letter_is_passed_over_and_said(settings, producer, braid):
    await producer.send_and_wait(settings.kafka.topics.dead_letters, b"a stranger")
    listed = await braid("list")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert "No such dead letters" in listed.stderr
    assert "1 records of" in listed.stderr

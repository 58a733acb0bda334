"""Files to a real Kafka, read back record by record."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer

from processors.modality import Modality
from streams.errors import ConfigurationError
from streams.ingest import Pace, Playing, Playlist, ReadOptions, ingest, open_media
from streams.records import ItemLimits, parse_item
from streams.topics import ensure_topics

START_MS = 1_700_000_000_000
DATA = Path(os.environ.get("BRAID_DATA", Path(__file__).parents[3] / "shared" / "data"))
RECORDING = DATA / "clips" / "nasa_13013.mp4"
WAIT_S = 30


class LeapingClock:
    """Leaps to the end of each sleep, so that real time takes none."""

    def __init__(self):
        self.now_s = 50.0

    def epoch_ms(self):
        return START_MS

    def monotonic_s(self):
        return self.now_s

    async def sleep(self, seconds):
        self.now_s += seconds
        await asyncio.sleep(0)


def write_clip(path, *, seconds=4):
    """Ten frames a second, a 440 Hz tone and two lines beside it."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("flac", rate=16_000, layout="mono", format="s16")
        tone = (np.sin(np.arange(16_000 * seconds) * 2 * np.pi * 440 / 16_000) * 8_000).astype(np.int16)
        for index in range(10 * seconds):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * index, np.uint8), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, 10)
            container.mux(picture.encode(frame))
            heard = av.AudioFrame.from_ndarray(tone[index * 1600 :][:1600][np.newaxis], format="s16", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = 16_000, index * 1600, Fraction(1, 16_000)
            container.mux(sound.encode(heard))
        container.mux(picture.encode(None))
        container.mux(sound.encode(None))
    path.with_suffix(".vtt").write_text(
        "WEBVTT\n\n00:00.250 --> 00:01.500\nmind the step\n\n00:02.000 --> 00:03.900\nthank you\n"
    )
    return path


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4")


async def stored(settings, modality):
    """All records of a modality's topic, partition by partition."""
    topic = settings.kafka.topics.of(modality)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=settings.kafka.brokers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        records = []
        async with asyncio.timeout(WAIT_S):
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    for batch in (await consumer.getmany(partition, timeout_ms=500)).values():
                        records += batch
        return records
    finally:
        await consumer.stop()


async def contents(settings):
    return {modality: await stored(settings, modality) for modality in Modality}


def comparable(records):
    return [(record.key, record.value, record.timestamp, dict(record.headers)) for record in records]


async def test_what_is_read_of_a_file_is_what_kafka_holds(settings, unique, clip):
    options = ReadOptions(fps=None)
    sent = await ingest([clip], unique, settings, options, Playing(pace=Pace.FAST, start_ms=START_MS))
    held = await contents(settings)
    for modality in Modality:
        expected = [record for record in Playlist([open_media(clip)], options).records() if record.modality is modality]
        items = [parse_item(record, modality, ItemLimits()) for record in held[modality]]
        assert [item.start_ms for item in items] == [START_MS + record.start_ms for record in expected]
        assert [record.timestamp for record in held[modality]] == [START_MS + record.due_ms for record in expected]
        assert [item.end_ms for item in items if not item.is_heartbeat] == [
            START_MS + record.due_ms for record in expected if not record.is_heartbeat
        ]
        assert [record.value or b"" for record in held[modality]] == [record.payload for record in expected]
        assert {record.key for record in held[modality]} == {unique.encode()}
        assert len({item.item_id for item in items}) == len(items)
    assert (sent.frames, sent.chunks, sent.samples, sent.segments) == (40, 4, 64_000, 2)
    assert sent.heartbeats == sum(not record.value for records in held.values() for record in records)
    assert (sent.start_ms, sent.end_ms) == (START_MS, START_MS + 4_000)
    assert sent.is_whole
    assert not sent.stopped


async def test_the_three_topics_of_a_source_share_its_partition(settings, unique, clip):
    partitions = set()
    for number in range(6):
        await ingest([clip], f"{unique}-{number}", settings, playing=Playing(pace=Pace.FAST))
        held = await contents(settings)
        of_source = {
            record.partition for records in held.values() for record in records if record.key.endswith(b"-%d" % number)
        }
        assert len(of_source) == 1
        partitions |= of_source
    assert len(partitions) > 1


async def test_the_same_beginning_gives_the_same_records_and_ids(settings, unique, clip):
    for _ in range(2):
        await ingest([clip], unique, settings, playing=Playing(pace=Pace.FAST, start_ms=START_MS))
    for records in (await contents(settings)).values():
        half = len(records) // 2
        assert half > 0
        assert comparable(records[:half]) == comparable(records[half:])


async def test_in_real_time_nothing_leaves_before_it_is_over_and_the_records_are_the_same(settings, unique, clip):
    clock = LeapingClock()
    early_ms = []

    def note(position_ms):
        early_ms.append(position_ms - (clock.now_s - 50.0) * 1000)

    sent = await ingest([clip], unique, settings, playing=Playing(), clock=clock, on_progress=note)
    assert max(early_ms) < 1
    assert clock.now_s - 50.0 == pytest.approx(4.0, abs=0.001)
    paced = await contents(settings)
    assert sent.start_ms == START_MS
    await ingest([clip], unique, settings, playing=Playing(pace=Pace.FAST, start_ms=START_MS))
    for modality, records in (await contents(settings)).items():
        assert comparable(records) == comparable(paced[modality]) * 2


async def test_repeating_goes_on_until_stopped_and_what_is_told_is_what_kafka_holds(settings, unique, clip):
    stop = asyncio.Event()

    def end(position_ms):
        if position_ms > 9_000:
            stop.set()

    sent = await ingest(
        [clip], unique, settings, playing=Playing(loop=True), clock=LeapingClock(), stop=stop, on_progress=end
    )
    held = await contents(settings)
    assert sent.stopped
    assert sent.files_read >= 2
    assert sent.unconfirmed == 0
    assert sent.frames == sum(bool(record.value) for record in held[Modality.VIDEO]) > 40
    assert sent.segments == sum(bool(record.value) for record in held[Modality.TRANSCRIPT]) == 4
    ids = [dict(record.headers)["ce_id"] for record in held[Modality.VIDEO]]
    assert len(set(ids)) == len(ids)


async def test_topics_with_different_partition_counts_are_refused(settings, unique, clip):
    topics = settings.kafka.topics.model_copy(update={"audio": f"{unique}.odd"})
    kafka = settings.kafka.model_copy(update={"topics": topics, "partitions": settings.kafka.partitions + 1})
    uneven = settings.model_copy(update={"kafka": kafka})
    await ensure_topics(uneven)
    with pytest.raises(ConfigurationError, match=r"unequal numbers of partitions: .*odd has 5"):
        await ingest([clip], unique, uneven, playing=Playing(pace=Pace.FAST))


async def test_a_missing_topic_is_named(settings, unique, clip):
    topics = settings.kafka.topics.model_copy(update={"video": f"{unique}.nowhere"})
    kafka = settings.kafka.model_copy(update={"topics": topics, "request_timeout_s": 3.0})
    with pytest.raises(ConfigurationError, match=rf"{unique}\.nowhere"):
        await ingest([clip], unique, settings.model_copy(update={"kafka": kafka}), playing=Playing(pace=Pace.FAST))


@pytest.mark.skipif(not RECORDING.is_file(), reason=f"{RECORDING} is not at hand; BRAID_DATA names its folder")
async def test_every_frame_sample_and_line_of_a_real_recording_arrives(settings, unique):
    sent = await ingest([RECORDING], unique, settings, ReadOptions(fps=None), Playing(pace=Pace.FAST))
    held = await contents(settings)
    items = {
        modality: [parse_item(record, modality, ItemLimits()) for record in held[modality]] for modality in Modality
    }
    full = {modality: [item for item in found if not item.is_heartbeat] for modality, found in items.items()}
    assert [item.start_ms - sent.start_ms for item in full[Modality.VIDEO]] == [
        index * 1001 * 1000 // 30000 for index in range(390)
    ]
    assert sum(len(item.payload) // 2 for item in full[Modality.AUDIO]) == 208_896 == sent.samples
    assert [item.start_ms - sent.start_ms for item in full[Modality.TRANSCRIPT]] == [210, 4260, 8350, 12_470]


def braid(settings, *arguments, **more):
    names = {
        f"BRAID_KAFKA__TOPICS__{name.upper()}": topic for name, topic in settings.kafka.topics.model_dump().items()
    }
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRAID_")} | names
    command = [sys.executable, "-m", "streams.cli", *map(str, arguments)]
    return subprocess.Popen(
        command,
        env=environment | {"BRAID_KAFKA__BROKERS": settings.kafka.brokers},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


async def test_the_command_tells_what_it_sent_and_exits_1_for_a_file_that_ends_early(settings, unique, tmp_path):
    path = write_clip(tmp_path / "cut.mkv", seconds=8)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    command = braid(settings, "ingest", path, "--source", unique, "--pace", "fast", "--fps", "all", "--json")
    out, err = command.communicate(timeout=WAIT_S)
    told = json.loads(out)
    frames = [record for record in await stored(settings, Modality.VIDEO) if record.value]
    assert command.returncode == 1, err
    assert told["frames"] == len(frames) > 10
    assert told["missing_ms"] > 500
    assert "are not there" in err


async def test_ctrl_c_ends_the_command_with_a_summary_of_what_kafka_holds(settings, unique, clip):
    command = braid(settings, "ingest", clip, "--source", unique, "--loop", "--json", "--no-audio")
    async with asyncio.timeout(WAIT_S):
        while len(await stored(settings, Modality.VIDEO)) < 3:
            assert command.poll() is None, command.communicate()[1]
    command.send_signal(signal.SIGINT)
    out, err = command.communicate(timeout=WAIT_S)
    told = json.loads(out)
    assert command.returncode == 0, err
    assert told["stopped"]
    assert told["frames"] == sum(bool(record.value) for record in await stored(settings, Modality.VIDEO))
    assert f"{unique} sends no sound, but audio is required" in err


async def test_a_path_that_does_not_exist_ends_the_command_with_2(settings, unique, tmp_path):
    command = braid(settings, "ingest", tmp_path / "nowhere.mp4", "--source", unique)
    _, err = command.communicate(timeout=WAIT_S)
    assert command.returncode == 2
    assert "nowhere.mp4 does not exist" in err

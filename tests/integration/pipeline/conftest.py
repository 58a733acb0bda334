"""Real workers on the shared stack, records of a test's own, and what must come of them."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import cv2
import numpy as np
import pytest
import yaml
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from processors.modality import Modality
from streams.group_offsets import read_committed_offsets
from streams.local.ports import is_free
from streams.records import (
    SOURCE_STATE_SCHEMA,
    Detection,
    EncodedRecord,
    SourceState,
    encode_audio_chunk,
    encode_heartbeat,
    encode_transcript_segment,
    encode_video_frame,
)
from streams.settings import Settings, WindowSettings
from streams.store import Store

DEADLINE_S = 120.0
WORKER_STOP_S = 15.0


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """As the shared ones, but final sooner."""
    windows = WindowSettings(allowed_lateness_ms=3_000, idle_timeout_s=3, max_open_s=9)
    return settings.model_copy(update={"windows": windows})


@dataclass
class Worker:
    """A `braid worker` process."""

    process: subprocess.Popen[bytes]
    log: Path
    health_port: int

    def probe(self, path: str) -> tuple[int, str] | None:
        """Status and body; None while it does not listen."""
        try:
            with urlopen(f"http://127.0.0.1:{self.health_port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except URLError:
            return None

    def metric(self, name: str) -> float:
        """The value of a metric without labels; 0 where there is none yet."""
        answer = self.probe("/metrics")
        found = re.search(rf"^{name} (\S+)$", answer[1] if answer else "", re.MULTILINE)
        return float(found[1]) if found else 0.0

    async def largest_until(self, done: asyncio.Task[Any], name: str) -> float:
        """The largest value of a metric that was seen while a task ran."""
        largest = 0.0
        while not done.done():
            largest = max(largest, await asyncio.to_thread(self.metric, name))
            await asyncio.sleep(0.02)
        return largest

    @property
    def output(self) -> str:
        return self.log.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(WORKER_STOP_S)


@pytest.fixture
def start_worker(settings: Settings, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers with the test's settings; kills what is left at the end."""
    started: list[Worker] = []

    def start(**changes: object) -> Worker:
        number = len(started) + 1
        config = tmp_path / f"worker-{number}.yaml"
        chosen = settings.model_copy(update=changes)
        document = chosen.model_dump(mode="json")
        assert chosen.redis.url is not None
        document["redis"]["url"] = chosen.redis.url.get_secret_value()
        config.write_text(yaml.safe_dump(document))
        log = tmp_path / f"worker-{number}.log"
        port = next(port for port in range(24_000 + 20 * number, 31_000) if is_free(port))
        command = [sys.executable, "-m", "streams.cli", "worker", "--name", f"w{number}", "--config", str(config)]
        command += ["--health-port", str(port)]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BRAID_")}
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=clean)
        started.append(Worker(process, log, port))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait()


def picture(shade: int = 90) -> bytes:
    """A small JPEG."""
    pixels = np.full((48, 64, 3), shade, np.uint8)
    cv2.circle(pixels, (shade % 64, 24), 9, (255, 255, 255), -1)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


@dataclass
class Played:
    """A source's records, and the windows that they must make."""

    source_id: str
    records: list[tuple[Modality, EncodedRecord, int]] = field(default_factory=list)
    spans: dict[Modality, list[tuple[int, int]]] = field(default_factory=lambda: {m: [] for m in Modality})

    def frame(self, at_ms: int, payload: bytes | None = None) -> None:
        record = encode_video_frame(self.source_id, f"v{at_ms}", at_ms, payload or picture(at_ms // 200 % 200))
        self._add(Modality.VIDEO, record, at_ms, at_ms)

    def chunk(self, at_ms: int) -> None:
        pcm = (np.sin(np.arange(16_000) / 40) * 9_000).astype("<i2").tobytes()
        record = encode_audio_chunk(self.source_id, f"a{at_ms}", at_ms, pcm, sample_rate_hz=16_000)
        self._add(Modality.AUDIO, record, at_ms, at_ms + 1_000)

    def segment(self, at_ms: int, text: str = "all is well") -> None:
        body = f'{{"text": "{text}"}}'.encode()
        record = encode_transcript_segment(self.source_id, f"t{at_ms}", at_ms, body, duration_ms=800)
        self._add(Modality.TRANSCRIPT, record, at_ms, at_ms + 800)

    def heartbeats(self, at_ms: int) -> None:
        for modality in Modality:
            record = encode_heartbeat(modality, self.source_id, f"h{at_ms}", at_ms)
            self.records.append((modality, record, at_ms))

    def in_order_of_time(self) -> list[tuple[Modality, EncodedRecord, int]]:
        return sorted(self.records, key=lambda entry: entry[2])

    def expected(self, windows: WindowSettings) -> dict[int, dict[Modality, int]]:
        """Window start -> items of each modality, by the definition of windows."""
        found: dict[int, dict[Modality, int]] = {}
        for modality, spans in self.spans.items():
            for start_ms, end_ms in spans:
                first = (start_ms - windows.size_ms) // windows.hop_ms * windows.hop_ms
                for begin in range(first, end_ms + 1, windows.hop_ms):
                    inside = begin <= start_ms < begin + windows.size_ms
                    if inside or (start_ms < begin + windows.size_ms and begin < end_ms):
                        found.setdefault(begin, dict.fromkeys(Modality, 0))[modality] += 1
        return found

    def _add(self, modality: Modality, record: EncodedRecord, start_ms: int, end_ms: int) -> None:
        self.records.append((modality, record, end_ms))
        self.spans[modality].append((start_ms, end_ms))


@pytest.fixture
def scripted(unique: str) -> Callable[..., Played]:
    """Makes a source with 5 frames a second, sound throughout, and a word now and then."""

    def make(name: str, start_ms: int, seconds: int) -> Played:
        played = Played(f"{unique}-{name}")
        for second in range(seconds):
            at_ms = start_ms + 1_000 * second
            for k in range(5):
                played.frame(at_ms + 200 * k)
            played.chunk(at_ms)
            if second % 4 == 1:
                played.segment(at_ms + 100)
        played.heartbeats(start_ms + 1_000 * seconds)
        return played

    return make


@pytest.fixture
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(
        bootstrap_servers=settings.kafka.brokers, enable_idempotence=True, max_request_size=20_000_000
    ) as connected:
        yield connected


@pytest.fixture
def send(settings: Settings, producer: AIOKafkaProducer) -> Callable:
    """Produces scripted records, as fast as possible or, until an event if one is given, paced by their times."""

    async def send(
        sources: Iterable[Played], *, speed: float | None = None, paced_until: asyncio.Event | None = None
    ) -> None:
        entries = sorted(
            (entry for source in sources for entry in source.in_order_of_time()), key=lambda entry: entry[2]
        )
        begun_s, first_ms = time.monotonic(), entries[0][2]
        pending = []
        for modality, record, due_ms in entries:
            if speed is not None and not (paced_until is not None and paced_until.is_set()):
                await asyncio.sleep(max(0.0, begun_s + (due_ms - first_ms) / 1000 / speed - time.monotonic()))
            pending.append(
                await producer.send(
                    settings.kafka.topics.of(modality),
                    record.value,
                    key=record.key,
                    headers=list(record.headers),
                    timestamp_ms=due_ms,
                )
            )
        await asyncio.gather(*pending)

    return send


@pytest.fixture
async def store(settings: Settings) -> AsyncIterator[Store]:
    async with Store.connect(settings, lambda: time.time_ns() // 10**6) as connected:
        yield connected


@pytest.fixture
def finals(settings: Settings, store: Store) -> Callable:
    """Waits until a source's expected windows are final, and gives them by start."""

    async def finals(source: Played) -> dict[int, Detection]:
        expected = source.expected(settings.windows)
        deadline_s = time.monotonic() + DEADLINE_S
        while True:
            stored = await store.list_detections(source.source_id, limit=1_000)
            final = {detection.start_ms: detection for detection in stored if detection.final}
            missing = sorted(expected.keys() - final.keys())
            if not missing:
                assert len(stored) == len(final), "windows are stored that never became final"
                return final
            assert time.monotonic() < deadline_s, f"windows of {source.source_id} that never became final: {missing}"
            await asyncio.sleep(0.2)

    return finals


@pytest.fixture
def dead_letters(settings: Settings) -> Callable:
    """Reads the first `count` dead letters."""

    async def read(count: int) -> list:
        async with AIOKafkaConsumer(
            settings.kafka.topics.dead_letters, bootstrap_servers=settings.kafka.brokers, auto_offset_reset="earliest"
        ) as consumer:
            found = []
            async with asyncio.timeout(DEADLINE_S):
                while len(found) < count:
                    found.append(await consumer.getone())
            return found

    return read


@pytest.fixture
def until_answered(store: Store) -> Callable:
    """Waits until each of the sources has a stored answer: the work is in full swing, and nothing is final yet."""

    async def wait(sources: Iterable[Played]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            for source in sources:
                while not await store.list_detections(source.source_id, limit=1):
                    await asyncio.sleep(0.05)

    return wait


@pytest.fixture
def until_ready() -> Callable:
    """Waits until a worker has its partitions."""

    async def wait(worker: Worker) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while (worker.probe("/readyz") or (0,))[0] != HTTPStatus.OK:
                await asyncio.sleep(0.05)

    return wait


def coverage_of(detection: Detection) -> dict[Modality, int]:
    coverage = detection.coverage
    return {
        Modality.VIDEO: coverage.video.items,
        Modality.AUDIO: coverage.audio.items,
        Modality.TRANSCRIPT: coverage.transcript.items,
    }


@pytest.fixture
def assert_exact(settings: Settings, finals: Callable) -> Callable:
    """Every expected window is stored and final with exactly its items, and no other window is."""

    async def check(source: Played) -> dict[int, Detection]:
        found = await finals(source)
        got = {start: coverage_of(detection) for start, detection in found.items()}
        assert got == source.expected(settings.windows), (
            f"{source.source_id}: a window that holds less was made final before all of its items were read, or its "
            "items were counted as done before it was final"
        )
        return found

    return check


@pytest.fixture
def consume_told(settings: Settings) -> Callable:
    """Reads what was told from the beginning until `is_enough` of it: detections and states of sources."""

    async def read(
        is_enough: Callable[[list[Detection], list[SourceState]], bool],
    ) -> tuple[list[Detection], list[SourceState]]:
        async with AIOKafkaConsumer(
            settings.kafka.topics.detections, bootstrap_servers=settings.kafka.brokers, auto_offset_reset="earliest"
        ) as consumer:
            detections: list[Detection] = []
            states: list[SourceState] = []
            async with asyncio.timeout(DEADLINE_S):
                while not is_enough(detections, states):
                    value = (await consumer.getone()).value
                    if SOURCE_STATE_SCHEMA.encode() in value:
                        states.append(SourceState.from_json(value))
                    else:
                        detections.append(Detection.from_json(value))
            return detections, states

    return read


@pytest.fixture
def assert_no_dead_letters(settings: Settings) -> Callable:
    """What is read again after a crash must not be taken for late."""

    async def check() -> None:
        topic = settings.kafka.topics.dead_letters
        async with AIOKafkaConsumer(bootstrap_servers=settings.kafka.brokers) as consumer:
            ends = await consumer.end_offsets([TopicPartition(topic, n) for n in range(settings.kafka.partitions)])
        assert set(ends.values()) == {0}, f"dead letters: {ends}"

    return check


@pytest.fixture
def assert_position_at_end(settings: Settings, store: Store) -> Callable:
    """Everything that was read is done: the store's position and Kafka's commit stand at the end of each topic."""

    async def check() -> None:
        kafka = settings.kafka
        topics = [kafka.topics.of(modality) for modality in Modality]
        numbers = range(kafka.partitions)
        async with AIOKafkaConsumer(bootstrap_servers=kafka.brokers) as consumer:
            found = await consumer.end_offsets([TopicPartition(topic, n) for topic in topics for n in numbers])
        ends = {n: {topic: found[TopicPartition(topic, n)] for topic in topics} for n in numbers}
        deadline_s = time.monotonic() + DEADLINE_S
        while True:
            positions = [await store.read_position(kafka.group, n) for n in numbers]
            stored = {n: position.next_offsets if position else {} for n, position in enumerate(positions)}
            committed = await read_committed_offsets(settings, kafka.partitions)
            if stored == ends == committed:
                return
            assert time.monotonic() < deadline_s, f"ends {ends}, stored {stored}, committed {committed}"
            await asyncio.sleep(0.2)

    return check

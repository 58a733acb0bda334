"""Frames a second through the whole pipeline, beside a bare client of the same Triton; and what a worker can answer."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from typing import Any

import aiohttp
import numpy as np

from processors.modality import Modality
from processors.models.spec import VIDEO_ENCODER
from processors.video import decode_frame
from streams.inference import ModelClient, TritonServer
from streams.records import EncodedRecord
from streams.settings import BaselineSettings, Settings
from tests.bench.figures import Figure
from tests.bench.media import FPS, items_per_second, jpegs, silent_source, speaking_source
from tests.bench.stack import free_port, metric, producer, with_own_topics, worker

__all__ = ["drain", "measure_capacity", "measure_throughput", "start_ms_of_backlog"]

ROUNDS = 3
FRAMES = 1_600
SOURCES = 8
DECODE_THREADS = 2  # as many as a worker has
FROM_SHARE, TO_SHARE = 0.15, 0.90  # of the backlog: start and end of a run are left out
DEADLINE_S = 300.0

Entry = tuple[Modality, EncodedRecord, int]


async def measure_throughput(settings: Settings) -> tuple[list[Figure], dict[str, Any]]:
    # A client that learns nothing is compared with a worker that does not either; `baselines` says what learning takes.
    settings = settings.model_copy(update={"baseline": BaselineSettings(enabled=False)})
    rounds = []
    for number in range(ROUNDS):
        before = await _bare_client(settings)
        name = f"bench-{number}"
        start_ms, frames = start_ms_of_backlog(), jpegs(FRAMES // SOURCES)
        entries = [
            entry for index in range(SOURCES) for entry in silent_source(f"{name}-cam-{index}", start_ms, frames)
        ]
        pipeline = await drain(settings, name, entries, FRAMES)
        # Before and after: what else the machine does changes within a round.
        bare = (before + await _bare_client(settings)) / 2
        rounds.append({"bare": bare, "pipeline": pipeline})
    ratios = [entry["pipeline"] / entry["bare"] for entry in rounds]
    figures = [
        Figure("Triton alone", [entry["bare"] for entry in rounds], "frames/s"),
        Figure("whole pipeline", [entry["pipeline"] for entry in rounds], "frames/s"),
        Figure("pipeline / Triton alone", ratios, at_least=0.8),
    ]
    return figures, {"rounds": rounds}


async def measure_capacity(settings: Settings, name: str = "bench-capacity") -> float:
    """Items a second of one worker on a backlog of speaking sources: frames, sound and words as they come live."""
    seconds = FRAMES // SOURCES // FPS
    start_ms, frames = start_ms_of_backlog(), jpegs(FRAMES // SOURCES)
    entries = [
        entry
        for index in range(SOURCES)
        for entry in speaking_source(f"{name}-cam-{index}", start_ms, frames, seconds=seconds)
    ]
    return await drain(settings, name, entries, SOURCES * seconds * items_per_second(FPS))


async def _bare_client(settings: Settings) -> float:
    """Frames a second of a client that holds the JPEGs, decodes them with the worker's function and asks Triton."""
    frames = jpegs(FRAMES // 4)
    loop = asyncio.get_running_loop()
    server = TritonServer(settings.triton.grpc or "")
    queue = _batches(frames, settings.triton.max_batch)
    decode = partial(decode_frame, max_decoded_bytes=settings.limits.max_decoded_bytes)
    with ThreadPoolExecutor(DECODE_THREADS) as threads:
        async with ModelClient(server, VIDEO_ENCODER, timeout_s=30) as client:

            async def line() -> None:
                for batch in queue:
                    decoded = await asyncio.gather(*(loop.run_in_executor(threads, decode, jpeg) for jpeg in batch))
                    await client.infer({"frames": np.stack([frame.pixels for frame in decoded])}, ["embedding"])

            begun_s = time.perf_counter()
            # One line more than there are requests in flight: one decodes while the others wait for Triton.
            await asyncio.gather(*(line() for _ in range(settings.triton.max_in_flight + 1)))
            return len(frames) / (time.perf_counter() - begun_s)


def _batches(frames: list[bytes], size: int) -> Iterator[list[bytes]]:
    return iter([frames[start : start + size] for start in range(0, len(frames), size)])


def start_ms_of_backlog() -> int:
    return time.time_ns() // 10**6 - 1_000 * FRAMES // SOURCES // FPS


async def drain(settings: Settings, name: str, entries: list[Entry], items: float) -> float:
    """Items a second of one worker on a backlog: Kafka, decoding, Triton, windows, fusion, Redis and detections."""
    own = await with_own_topics(settings, name)
    async with producer(own) as kafka:
        pending = [
            await kafka.send(
                own.kafka.topics.of(modality),
                record.value,
                key=record.key,
                headers=list(record.headers),
                timestamp_ms=at_ms,
            )
            for modality, record, at_ms in sorted(entries, key=itemgetter(2))
        ]
        await asyncio.gather(*pending)
    port = free_port()
    with worker(own, port):
        marks: list[tuple[float, float]] = []
        async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as session:
            while not marks or marks[-1][1] < TO_SHARE * items:
                count = await metric(session, port, r'braid_stage_seconds_count\{stage="encode"\}')
                if count >= FROM_SHARE * items:
                    marks.append((time.perf_counter(), count))
                await asyncio.sleep(0.1)
    (first_s, first), (last_s, last) = marks[0], marks[-1]
    return (last - first) / (last_s - first_s)

"""Frames a second through the whole pipeline, beside a bare client of the same Triton."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import aiohttp
import numpy as np

from processors.models.spec import VIDEO_ENCODER
from processors.video import decode_frame
from streams.inference import ModelClient, TritonServer
from streams.settings import Settings
from tests.bench.media import jpegs, silent_source
from tests.bench.stack import free_port, metric, producer, with_own_topics, worker

__all__ = ["measure_bare_client", "measure_pipeline"]

FRAMES = 2_400
SOURCES = 8
DECODE_THREADS = 2  # as many as a worker has
FROM_SHARE, TO_SHARE = 0.15, 0.90  # of the backlog: start and end of a run are left out
DEADLINE_S = 300.0


async def measure_bare_client(settings: Settings) -> float:
    """Frames a second of a client that holds the JPEGs, decodes them with the worker's function and asks Triton."""
    frames = jpegs(FRAMES // 2)
    loop = asyncio.get_running_loop()
    server = TritonServer(settings.triton.grpc or "")
    queue = iter(
        [
            frames[start : start + settings.triton.max_batch]
            for start in range(0, len(frames), settings.triton.max_batch)
        ]
    )
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


async def measure_pipeline(settings: Settings, name: str) -> float:
    """Frames a second of one worker on a backlog: Kafka, decoding, Triton, windows, fusion, Redis and detections."""
    own = await with_own_topics(settings, name)
    start_ms = time.time_ns() // 10**6 - 1_000 * FRAMES // SOURCES // 5
    frames = jpegs(FRAMES // SOURCES)
    async with producer(own) as kafka:
        pending = [
            await kafka.send(
                own.kafka.topics.of(modality),
                record.value,
                key=record.key,
                headers=list(record.headers),
                timestamp_ms=at_ms,
            )
            for number in range(SOURCES)
            for modality, record, at_ms in silent_source(f"{name}-cam-{number}", start_ms, frames)
        ]
        await asyncio.gather(*pending)
    port = free_port()
    with worker(own, port):
        marks: list[tuple[float, float]] = []
        async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as session:
            while not marks or marks[-1][1] < TO_SHARE * FRAMES:
                count = await metric(session, port, r'braid_stage_seconds_count\{stage="encode"\}')
                if count >= FROM_SHARE * FRAMES:
                    marks.append((time.perf_counter(), count))
                await asyncio.sleep(0.1)
    (first_s, first), (last_s, last) = marks[0], marks[-1]
    return (last - first) / (last_s - first_s)

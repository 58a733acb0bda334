"""From a window's close to its stored answer, with eight sources in real time."""

import asyncio
import time
from contextlib import aclosing, suppress
from http import HTTPStatus

import aiohttp
import numpy as np

from streams.detections import follow_detections
from streams.settings import Settings
from tests.bench.media import FPS, jpegs, speaking_source
from tests.bench.stack import with_own_topics, worker
from tests.bench.throughput import free_port, producer

__all__ = ["measure_delays"]

SOURCES = 8
SECONDS = 60
WARM_UP_WINDOWS = 4  # of each source: the first ones meet a worker that is still starting
READY_S = 60.0


async def measure_delays(settings: Settings) -> dict[str, float]:
    """Median and 99th percentile over the first answers of all windows but those at the start."""
    own = await with_own_topics(settings, "bench-delay")
    delays: dict[str, list[int]] = {}
    following = asyncio.Event()

    async def follow() -> None:
        async with aclosing(follow_detections(own, on_ready=following.set)) as detections:
            async for detection in detections:
                if detection.revision == 0 and not detection.final and detection.stored_ms is not None:
                    delays.setdefault(detection.source_id, []).append(detection.stored_ms - detection.closed_ms)

    following_task = asyncio.create_task(follow())
    async with asyncio.timeout(READY_S):
        await following.wait()
    port = free_port()
    with worker(own, port):
        await _until_ready(port)
        await _play(own)
        following_task.cancel()
        with suppress(asyncio.CancelledError):
            await following_task
    measured = [delay for of_source in delays.values() for delay in of_source[WARM_UP_WINDOWS:]]
    return {
        "windows": len(measured),
        "median_ms": float(np.median(measured)),
        "p99_ms": float(np.quantile(measured, 0.99)),
        "max_ms": float(max(measured)),
    }


async def _until_ready(port: int) -> None:
    async with asyncio.timeout(READY_S), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
                    if response.status == HTTPStatus.OK:
                        return
            await asyncio.sleep(0.1)


async def _play(settings: Settings) -> None:
    frames = jpegs(SECONDS * FPS)
    start_ms = time.time_ns() // 10**6
    entries = sorted(
        (
            entry
            for number in range(SOURCES)
            # Cameras are not in step with one another.
            for entry in speaking_source(f"delay-cam-{number}", start_ms + 125 * number, frames)
        ),
        key=lambda entry: entry[2],
    )
    async with producer(settings) as kafka:
        for modality, record, due_ms in entries:
            await asyncio.sleep(max(0.0, (due_ms - time.time_ns() // 10**6) / 1000))
            await kafka.send(
                settings.kafka.topics.of(modality), record.value, key=record.key, headers=list(record.headers)
            )

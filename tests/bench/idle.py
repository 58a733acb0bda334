"""What ten thousand sources cost one worker that bring nothing but a sign of life."""

import asyncio
import time
from typing import Any

import aiohttp
import psutil

from processors.modality import Modality
from streams.records import encode_heartbeat
from streams.settings import Settings, WindowSettings
from tests.bench.figures import Figure
from tests.bench.live import sample, total
from tests.bench.stack import free_port, metrics_text, producer, until_ready, with_own_topics, worker

__all__ = ["measure_idle"]

SOURCES = 10_000
MAX_OPEN_S = 900.0  # longer than the bench: a source that is silent for longer counts as gone
SETTLE_S = 15.0  # until every modality is idle and that has been told
CPU_ROUNDS, CPU_ROUND_S = 3, 8.0
DEADLINE_S = 120.0


async def measure_idle(settings: Settings) -> tuple[list[Figure], dict[str, Any]]:
    own = await with_own_topics(settings, "bench-idle", windows=WindowSettings(max_open_s=MAX_OPEN_S))
    port = free_port()
    with worker(own, port) as process:
        await until_ready(port)
        seen = psutil.Process(process.pid)
        async with aiohttp.ClientSession() as session:
            await asyncio.sleep(CPU_ROUND_S)
            before_bytes = seen.memory_info().rss
            cpu_without = [await _cpu_share(seen) for _ in range(CPU_ROUNDS)]
            await _send(own)
            await _until_taken(session, port)
            await asyncio.sleep(SETTLE_S)
            after_bytes = seen.memory_info().rss
            cpu_with = [await _cpu_share(seen) for _ in range(CPU_ROUNDS)]
            sources = sample(await metrics_text(session, port), "braid_sources")
    if sources != SOURCES:
        raise SystemExit(f"the worker has {sources:g} sources in sight, expected {SOURCES}")
    per_source_kb = (after_bytes - before_bytes) / SOURCES / 1_000
    figures = [
        Figure("worker without a source", [before_bytes / 1e6], "MB"),
        Figure(f"worker with {SOURCES:,} idle sources", [after_bytes / 1e6], "MB"),
        Figure("memory per idle source", [per_source_kb], "KB", at_most=20),
        Figure("processor without a source", cpu_without, "% of a core"),
        Figure(f"processor with {SOURCES:,}", cpu_with, "% of a core"),
    ]
    return figures, {}


async def _send(settings: Settings) -> None:
    """One heartbeat of each modality and source."""
    now_ms = time.time_ns() // 10**6
    async with producer(settings) as kafka:
        for number in range(SOURCES):
            sent = [
                await kafka.send(settings.kafka.topics.of(modality), record.value, key=record.key, headers=headers)
                for modality in Modality
                for record in [encode_heartbeat(modality, f"idle-camera-{number:05}", f"h{number}", now_ms)]
                for headers in [list(record.headers)]
            ]
            if number % 1_000 == 0:
                await asyncio.gather(*sent)


async def _until_taken(session: aiohttp.ClientSession, port: int) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while True:
            text = await metrics_text(session, port)
            if sample(text, "braid_sources") == SOURCES and total(text, "braid_held_records") == 0:
                return
            await asyncio.sleep(0.5)


async def _cpu_share(process: psutil.Process) -> float:
    before = process.cpu_times()
    await asyncio.sleep(CPU_ROUND_S)
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / CPU_ROUND_S * 100

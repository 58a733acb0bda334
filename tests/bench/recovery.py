"""From the SIGKILL of one of two workers to the first new window of its sources, at a quarter of capacity."""

import asyncio
import random
import re
import statistics
import subprocess
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiokafka.partitioner import DefaultPartitioner

from streams.detections import follow_detections
from streams.settings import Settings
from tests.bench.figures import Figure
from tests.bench.live import Player
from tests.bench.media import items_per_second, jpegs
from tests.bench.stack import free_port, metrics_text, start_worker, until_ready, with_own_topics

__all__ = ["measure_recovery"]

KILLS = 20
SESSION_TIMEOUT_S = 6.0
ALLOWED_S = 5.0
FPS = 1  # few frames of many sources: what is measured is not the encoder
DEADLINE_S = 60.0
POLL_S = 0.05


@dataclass
class Seen:
    """First answers as they are told: when each source's latest new window was stored."""

    stored_ms: dict[str, int] = field(default_factory=dict)
    first_after: dict[str, int] = field(default_factory=dict)
    _ids: set[str] = field(default_factory=set)
    _after_ms: int = 0

    def mark(self, after_ms: int) -> None:
        """From now on keep, per source, when the first new window was stored after `after_ms`."""
        self._after_ms = after_ms
        self.first_after.clear()

    async def follow(self, settings: Settings, on_ready: Callable[[], None]) -> None:
        async with aclosing(follow_detections(settings, on_ready=on_ready)) as detections:
            async for detection in detections:
                if detection.id in self._ids or detection.stored_ms is None:
                    continue
                self._ids.add(detection.id)
                self.stored_ms[detection.source_id] = detection.stored_ms
                if detection.stored_ms > self._after_ms:
                    self.first_after.setdefault(detection.source_id, detection.stored_ms)


async def measure_recovery(
    settings: Settings, capacity_items: float, say: Callable[[str], None], kills: int = KILLS
) -> tuple[list[Figure], dict[str, Any]]:
    own = await with_own_topics(settings, "bench-recovery")
    own = own.model_copy(update={"kafka": own.kafka.model_copy(update={"session_timeout_s": SESSION_TIMEOUT_S})})
    sources = _sources(own.kafka.partitions, round(capacity_items / 4 / items_per_second(FPS)))
    chance = random.Random(7)
    ports = [free_port()]
    ports.append(free_port({ports[0]: None}))
    workers = [start_worker(own, f"worker-{index}", port) for index, port in enumerate(ports)]
    seen, following = Seen(), asyncio.Event()
    tasks = [asyncio.create_task(seen.follow(own, following.set))]
    times: list[float] = []
    try:
        await asyncio.gather(*(until_ready(port) for port in ports), following.wait())
        tasks.append(asyncio.create_task(Player(own, list(sources), jpegs(60), fps=FPS).play()))
        fresh = 1
        async with aiohttp.ClientSession() as session:
            # Until both have worked together one is begun anew, so that what it says of its partitions is of now.
            await _until(lambda: len(seen.stored_ms) == len(sources))
            await _restart(own, workers, ports, fresh)
            for number in range(kills):
                victim = number % 2
                owned = await _settled(session, ports[fresh], seen, sources)
                lost = owned if victim == fresh else set(range(own.kafka.partitions)) - owned
                await asyncio.sleep(chance.uniform(0, 2))
                killed_ms = _kill(workers[victim])
                seen.mark(killed_ms)
                orphans = {source_id for source_id, partition in sources.items() if partition in lost}
                await _until(lambda orphans=orphans: orphans & seen.first_after.keys())
                stored_ms = min(seen.first_after[source_id] for source_id in orphans & seen.first_after.keys())
                times.append((stored_ms - killed_ms) / 1_000)
                say(f"kill {number + 1}: {times[-1]:.1f} s, partitions {sorted(lost)}")
                workers[victim] = start_worker(own, f"worker-{victim}", ports[victim])
                await until_ready(ports[victim])
                fresh = victim
    finally:
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
        for process in workers:
            process.kill()
            process.wait()
    figures = [
        Figure("SIGKILL to the first new window", times, "s", at_most=SESSION_TIMEOUT_S + ALLOWED_S),
        Figure("the longest", [max(times)], "s", at_most=SESSION_TIMEOUT_S + ALLOWED_S, note=f"of {len(times)}"),
    ]
    return figures, {"seconds": times, "median_s": statistics.median(times), "sources": len(sources)}


def _sources(partitions: int, count: int) -> dict[str, int]:
    """Source id -> its partition; the same number in each."""
    per_partition = max(1, round(count / partitions))
    partitioner, numbers = DefaultPartitioner(), list(range(partitions))
    found: dict[str, int] = {}
    for number in range(10_000):
        source_id = f"recovery-cam-{number}"
        partition = partitioner(source_id.encode(), numbers, numbers)
        if list(found.values()).count(partition) < per_partition:
            found[source_id] = partition
        if len(found) == per_partition * partitions:
            break
    return found


async def _restart(settings: Settings, workers: list[subprocess.Popen[bytes]], ports: list[int], index: int) -> None:
    _kill(workers[index])
    workers[index] = start_worker(settings, f"worker-{index}", ports[index])
    await until_ready(ports[index])


async def _settled(session: aiohttp.ClientSession, fresh_port: int, seen: Seen, sources: dict[str, int]) -> set[int]:
    """The partitions of the worker that began last, once all sources are answered again with it in the group."""
    owned: set[int] = set()
    async with asyncio.timeout(DEADLINE_S):
        while not 0 < len(owned) < len(set(sources.values())):
            text = await metrics_text(session, fresh_port)
            found = re.findall(r'^braid_open_windows{partition="(\d+)"} [1-9]', text, re.MULTILINE)
            owned = {int(number) for number in found}
            await asyncio.sleep(POLL_S)
    seen.mark(_now_ms())
    await _until(lambda: len(seen.first_after) == len(sources))
    return owned


async def _until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not is_so():
            await asyncio.sleep(POLL_S)


def _kill(process: subprocess.Popen[bytes]) -> int:
    killed_ms = _now_ms()
    process.kill()
    process.wait()
    return killed_ms


def _now_ms() -> int:
    return time.time_ns() // 10**6

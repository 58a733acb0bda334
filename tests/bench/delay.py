"""From a window's close to its stored answer at half load, beside what encoding and fusion take of it.

The worker's histograms count, for each window's first answer, the time from its close until the fusion model has
answered (what its items still need to be encoded, then fusion) and until the store has acknowledged it. Both are read
before and after each round; the quotient of their 99th percentiles is what all the rest adds.
"""

import asyncio
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import aiohttp

from streams.settings import BaselineSettings, Settings
from tests.bench.figures import Figure
from tests.bench.live import Histogram, Player
from tests.bench.media import FPS, fixed_camera_jpegs, items_per_second
from tests.bench.stack import free_port, metrics_text, until_ready, with_own_topics, worker
from tests.bench.throughput import measure_capacity

__all__ = ["measure_delays"]

ROUNDS = 3
ROUND_S = 30
WARM_UP_S = 15  # the first windows meet a worker that is still starting
STORED, FUSED = "braid_close_to_stored_seconds", "braid_close_to_fused_seconds"


async def measure_delays(settings: Settings) -> tuple[list[Figure], dict[str, Any]]:
    # What is bounded is what answering alone adds; what judging adds to that is shown beside it.
    plain, judged = [
        await _at_half_load(settings, name, BaselineSettings(enabled=enabled))
        for name, enabled in (("plain", False), ("baselines", True))
    ]
    p99 = {name: [entry[name].quantile(0.99) * 1_000 for entry in plain.rounds] for name in (STORED, FUSED)}
    ratios = [stored / fused for stored, fused in zip(p99[STORED], p99[FUSED], strict=True)]
    stored = [entry[STORED] for entry in judged.rounds]
    figures = [
        Figure("close to stored, median", [entry[STORED].quantile(0.5) * 1_000 for entry in plain.rounds], "ms"),
        Figure("close to stored, p99", p99[STORED], "ms"),
        Figure("close to fused, p99", p99[FUSED], "ms"),
        Figure("p99 stored / p99 fused", ratios, at_most=1.5),
        Figure("with baselines: close to stored, median", [entry.quantile(0.5) * 1_000 for entry in stored], "ms"),
        Figure("with baselines: close to stored, p99", [entry.quantile(0.99) * 1_000 for entry in stored], "ms"),
    ]
    return figures, {"plain": plain.details(), "with_baselines": judged.details()}


@dataclass(frozen=True)
class _Histograms:
    """The worker's two histograms, of each round and of all of them, and under which load."""

    sources: int
    load: float
    rounds: list[dict[str, Histogram]]
    whole: dict[str, Histogram]

    def details(self) -> dict[str, Any]:
        """For the result."""
        return {
            "sources": self.sources,
            "load": self.load,
            "windows": self.whole[STORED].count,
            "p99_of_all_rounds_ms": {name: histogram.quantile(0.99) * 1_000 for name, histogram in self.whole.items()},
        }


async def _at_half_load(settings: Settings, kind: str, baseline: BaselineSettings) -> _Histograms:
    name = f"bench-delay-{kind}"
    chosen = settings.model_copy(update={"baseline": baseline})
    capacity_items = await measure_capacity(chosen, f"{name}-capacity")
    sources = max(1, round(capacity_items / 2 / items_per_second(FPS)))
    own = await with_own_topics(chosen, name)
    port = free_port()
    snapshots = []
    with worker(own, port):
        await until_ready(port)
        player = Player(own, [f"{name}-cam-{number}" for number in range(sources)], fixed_camera_jpegs(150))
        playing = asyncio.create_task(player.play())
        async with aiohttp.ClientSession() as session:
            await asyncio.sleep(WARM_UP_S)
            for number in range(ROUNDS + 1):
                text = await metrics_text(session, port)
                snapshots.append({metric: Histogram.read(text, metric) for metric in (STORED, FUSED)})
                if number < ROUNDS:
                    await asyncio.sleep(ROUND_S)
        playing.cancel()
        await asyncio.wait({playing})
    rounds = [
        {metric: after[metric].since(before[metric]) for metric in after} for before, after in pairwise(snapshots)
    ]
    whole = {metric: snapshots[-1][metric].since(snapshots[0][metric]) for metric in (STORED, FUSED)}
    return _Histograms(sources, sources * items_per_second(FPS) / capacity_items, rounds, whole)

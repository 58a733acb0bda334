"""What becomes of more than a worker can answer, by policy: offered, answered, left out, lag, delay."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aiohttp

from streams.settings import OverloadSettings, Settings
from tests.bench.figures import Figure
from tests.bench.live import Histogram, Player, sample, total
from tests.bench.media import FPS, items_per_second, jpegs
from tests.bench.shed_plot import draw
from tests.bench.stack import free_port, metrics_text, start_worker, until_ready, with_own_topics

__all__ = ["Load", "measure_overload"]

POLICIES = ("none", "oldest", "frames")
FACTORS = (0.5, 1.0, 2.0, 3.0)
SECONDS = 25
MAX_LAG_S = 3.0  # far below the length of a run, so that what a policy settles at shows
PLOT = Path("docs") / "images" / "shed-curve.svg"


@dataclass(frozen=True)
class Load:
    """One run.

    Attributes:
        policy: of `overload.shed`.
        factor: items offered, as a multiple of capacity.
        offered: items sent.
        answered: of these, encoded when sending ended.
        shed: of these, left out by then.
        lag_s: how long ago what has its turn then was sent.
        windows: first answers stored by then.
        p99_s: of these, from close to stored.
    """

    policy: str
    factor: float
    offered: int
    answered: int
    shed: int
    lag_s: float
    windows: int
    p99_s: float


async def measure_overload(
    settings: Settings, capacity_items: float, say: Callable[[str], None]
) -> tuple[list[Figure], dict[str, Any]]:
    frames = jpegs(150)
    loads = []
    for policy in POLICIES:
        for factor in FACTORS:
            loads.append(await _offer(settings, policy, factor, capacity_items, frames))
            say(str(loads[-1]))
    draw([asdict(load) for load in loads], PLOT)
    most = max(FACTORS)
    figures = []
    for load in loads:
        if load.factor >= most - 0.2:
            figures += [
                Figure(f"{load.policy} at {load.factor:.1f} times capacity: lag", [load.lag_s], "s"),
                Figure(f"{load.policy}: close to stored, p99", [load.p99_s], "s"),
            ]
    return figures, {"capacity_items_per_s": capacity_items, "loads": [asdict(load) for load in loads]}


async def _offer(settings: Settings, policy: str, factor: float, capacity_items: float, frames: list[bytes]) -> Load:
    sources = max(1, round(factor * capacity_items / items_per_second(FPS)))
    overload = OverloadSettings(shed=policy, max_lag_s=MAX_LAG_S)
    own = await with_own_topics(settings, f"bench-{policy}-{factor:g}", overload=overload)
    port = free_port()
    process = start_worker(own, "worker", port)
    try:
        await until_ready(port)
        player = Player(own, [f"load-cam-{number}" for number in range(sources)], frames)
        await player.play(SECONDS)
        async with aiohttp.ClientSession() as session:
            text = await metrics_text(session, port)
    finally:
        process.kill()
        process.wait()
    answered = int(sample(text, r'braid_stage_seconds_count\{stage="encode"\}'))
    shed = int(total(text, "braid_shed_items_total"))
    stored = Histogram.read(text, "braid_close_to_stored_seconds")
    return Load(
        policy,
        sources * items_per_second(FPS) / capacity_items,
        player.items,
        answered,
        shed,
        max(0.0, (player.items - answered - shed) / (player.items / SECONDS)),
        int(stored.count),
        stored.quantile(0.99),
    )

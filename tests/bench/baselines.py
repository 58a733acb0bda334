"""What learning and judging what is normal takes of a worker's throughput, in turns with a worker that does neither."""

from typing import Any

from streams.settings import BaselineSettings, Settings
from tests.bench.figures import Figure
from tests.bench.media import FPS, items_per_second, jpegs, speaking_source
from tests.bench.throughput import FRAMES, SOURCES, drain, start_ms_of_backlog

__all__ = ["measure_baselines"]

ROUNDS = 3


async def measure_baselines(settings: Settings) -> tuple[list[Figure], dict[str, Any]]:
    rounds = []
    for number in range(ROUNDS):
        rates = {}
        for enabled in (True, False):
            name = f"bench-baselines-{number}-{enabled}".lower()
            own = settings.model_copy(update={"baseline": BaselineSettings(enabled=enabled)})
            rates[enabled] = await _items_a_second(own, name)
        rounds.append({"with": rates[True], "without": rates[False]})
    figures = [
        Figure("with baselines", [entry["with"] for entry in rounds], "items/s"),
        Figure("without", [entry["without"] for entry in rounds], "items/s"),
        Figure("with / without", [entry["with"] / entry["without"] for entry in rounds]),
    ]
    return figures, {"rounds": rounds}


async def _items_a_second(settings: Settings, name: str) -> float:
    seconds = FRAMES // SOURCES // FPS
    start_ms, frames = start_ms_of_backlog(), jpegs(FRAMES // SOURCES)
    entries = [
        entry
        for index in range(SOURCES)
        for entry in speaking_source(f"{name}-cam-{index}", start_ms, frames, seconds=seconds)
    ]
    return await drain(settings, name, entries, SOURCES * seconds * items_per_second(FPS))

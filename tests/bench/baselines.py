"""What learning and judging what is normal takes of a worker's throughput, in turns with a worker that does neither."""

from collections.abc import Callable
from typing import Any

from streams.settings import BaselineSettings, Settings
from tests.bench.figures import Figure
from tests.bench.media import FPS, fixed_camera_jpegs, items_per_second, jpegs, speaking_source
from tests.bench.throughput import FRAMES, SOURCES, drain, start_ms_of_backlog

__all__ = ["measure_baselines"]

ROUNDS = 3
SCENES = {"fixed": fixed_camera_jpegs, "moving": jpegs}
"""Under a fixed camera little moves, and motion is most of what there is to measure."""


async def measure_baselines(settings: Settings) -> tuple[list[Figure], dict[str, Any]]:
    figures, details = [], {}
    for scene, frames in SCENES.items():
        rounds = [await _one_round(settings, f"bench-baselines-{scene}-{number}", frames) for number in range(ROUNDS)]
        figures += [
            Figure(f"{scene}: with baselines", [entry["with"] for entry in rounds], "items/s"),
            Figure(f"{scene}: without", [entry["without"] for entry in rounds], "items/s"),
            Figure(f"{scene}: with / without", [entry["with"] / entry["without"] for entry in rounds]),
        ]
        details[scene] = rounds
    return figures, details


async def _one_round(settings: Settings, name: str, make_frames: Callable[[int], list[bytes]]) -> dict[str, float]:
    seconds = FRAMES // SOURCES // FPS
    frames = make_frames(FRAMES // SOURCES)
    rates = {}
    for kind, enabled in (("with", True), ("without", False)):
        own = settings.model_copy(update={"baseline": BaselineSettings(enabled=enabled)})
        start_ms = start_ms_of_backlog()
        entries = [
            entry
            for index in range(SOURCES)
            for entry in speaking_source(f"{name}-{kind}-cam-{index}", start_ms, frames, seconds=seconds)
        ]
        rates[kind] = await drain(own, f"{name}-{kind}", entries, SOURCES * seconds * items_per_second(FPS))
    return rates

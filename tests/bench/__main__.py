"""`make bench`: what the pipeline costs beside Triton alone, and how soon an answer is stored.

Ratios are taken within one run, because machines are shared and noisy; the absolute figures only say what was measured.
"""

import asyncio
import json
import os
import platform
import statistics
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.delay import measure_delays
from tests.bench.stack import bench_stack
from tests.bench.throughput import measure_bare_client, measure_pipeline

ROUNDS = 3
RESULT = Path("build") / "bench.json"


async def main() -> None:
    console = Console()
    with bench_stack(console.print) as settings:
        rounds = []
        for number in range(ROUNDS):
            bare_fps = await measure_bare_client(settings)
            pipeline_fps = await measure_pipeline(settings, f"bench-{number}")
            rounds.append({"bare_fps": bare_fps, "pipeline_fps": pipeline_fps, "ratio": pipeline_fps / bare_fps})
            console.print(f"round {number + 1} of {ROUNDS}: {rounds[-1]}")
        delays = await measure_delays(settings)
    result = {
        "machine": {"cpus": os.cpu_count(), "python": sys.version.split()[0], "system": platform.platform()},
        "throughput": {"rounds": rounds, "median_ratio": statistics.median(entry["ratio"] for entry in rounds)},
        "close_to_stored": delays,
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    table = Table("figure", "median", "spread", title=f"{os.cpu_count()} CPUs")
    for name in ("bare_fps", "pipeline_fps", "ratio"):
        values = [entry[name] for entry in rounds]
        table.add_row(name, f"{statistics.median(values):.2f}", f"{min(values):.2f} to {max(values):.2f}")
    table.add_row("close to stored, median ms", f"{delays['median_ms']:.0f}", f"{delays['windows']} windows")
    table.add_row("close to stored, p99 ms", f"{delays['p99_ms']:.0f}", "8 sources, 5 frames/s, real time")
    console.print(table)
    console.print(f"written to {RESULT}")


asyncio.run(main())

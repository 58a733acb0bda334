"""`make bench`, or `python -m tests.bench [NAME ...]`: what Braid costs, and what it keeps to.

Ratios are taken within one run, because machines are shared and noisy; the absolute figures only say what was measured.
"""

import asyncio
import json
import os
import platform
import signal
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from rich.console import Console

from streams.settings import Settings
from tests.bench.figures import as_document, show
from tests.bench.run import BENCHES, Bench, Run, Stack
from tests.bench.stack import bench_stack

RESULT = Path("build") / "bench.json"


async def main(names: list[str]) -> None:
    console = Console()
    if (task := asyncio.current_task()) is not None:
        # As SIGINT does by itself: what was started is stopped in order.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    if unknown := set(names) - set(BENCHES):
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    chosen = [bench for name, bench in BENCHES.items() if not names or name in names]
    for stack in Stack:
        benches = [bench for bench in chosen if bench.stack is stack]
        if benches:
            with _servers(stack, console) as settings:
                run = Run(settings, console.print)
                for bench in benches:
                    await _measure(bench, run, console)
    console.print(f"written to {RESULT}")


async def _measure(bench: Bench, run: Run, console: Console) -> None:
    begun_s = time.monotonic()
    figures, details = await bench.measure(run)
    show(console, f"{bench.name} ({time.monotonic() - begun_s:.0f} s)", figures)
    # Results of other benches stay: each can be run alone.
    held = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    held["machine"] = {"cpus": os.cpu_count(), "python": sys.version.split()[0], "system": platform.platform()}
    held[bench.name] = as_document(figures, details)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(held, indent=2) + "\n")


def _servers(stack: Stack, console: Console) -> AbstractContextManager[Settings | None]:
    if stack is Stack.NONE:
        return nullcontext()
    return bench_stack(console.print, only_kafka=stack is Stack.KAFKA)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

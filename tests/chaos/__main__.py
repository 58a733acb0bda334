"""`make chaos`: every scenario in its long form, at least 200 kills in all, and the figures as a table."""

import argparse
import asyncio
import json
import logging
import os
import platform
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from tests.chaos.report import markdown, table
from tests.chaos.run import Outcome, play
from tests.chaos.scenarios import LEAST_KILLS, NAMES, PLAYED, long_form, short_form
from tests.chaos.schedule import describe
from tests.chaos.stack import ChaosStack

BOUND_S = 1_200.0
WIDTH = 180
RESULT = Path("build") / "chaos.json"
PAGE = Path("docs") / "reference" / "chaos.md"


async def main() -> int:
    options = _options()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it logs every attempt to reach a broker that is away
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH)
    outcomes: list[Outcome] = []
    begun_s = time.monotonic()
    if (task := asyncio.current_task()) is not None:
        # As SIGINT does by itself: what was started is stopped in order.
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    console.print(f"seed {options.seed}; the same again: python -m tests.chaos --seed {options.seed}", style="bold")
    try:
        async with asyncio.timeout(BOUND_S), ChaosStack() as stack:
            for name in options.names:
                scenario = (
                    short_form(name, options.seed) if options.short else long_form(name, options.seed, options.kills)
                )
                console.print(describe(scenario), markup=False)
                outcome = await play(scenario, stack, lambda line: console.print(line, markup=False))
                outcomes.append(outcome)
                console.print(f"{name}: {'holds' if not outcome.faults else 'FAILS'} after {outcome.figures.took_s} s")
                for fault in outcome.faults:
                    console.print(f"  {fault}", markup=False)
                if outcome.faults and options.logs:
                    console.print(outcome.logs, markup=False)
    except TimeoutError:
        console.print(f"not done after {BOUND_S:g} s; {len(outcomes)} of {len(options.names)} scenarios were played")
    took_s = time.monotonic() - begun_s
    console.print(table(outcomes))
    _write(outcomes, options.seed, took_s)
    if options.page:
        PAGE.write_text(markdown(outcomes, options.seed, took_s), encoding="utf-8")
    holds = len(outcomes) == len(options.names) and not any(outcome.faults for outcome in outcomes)
    console.print(f"{took_s:.0f} s, written to {RESULT}{f' and {PAGE}' if options.page else ''}")
    return 0 if holds else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="SCENARIO",
        help=f"of {', '.join(NAMES)}, or several with a dot between them, whose sources send at once; default: all",
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="default: a new one")
    parser.add_argument("--short", action="store_true", help="the forms that `make test` plays")
    parser.add_argument("--kills", type=int, default=LEAST_KILLS, help="of workers in `sigkill`; default: %(default)s")
    parser.add_argument("--page", action="store_true", help=f"write the table of {PAGE}, too")
    parser.add_argument("--logs", action="store_true", help="show the workers' logs where a scenario fails")
    options = parser.parse_args()
    if unknown := {name for names in options.names for name in names.split(".")} - set(NAMES):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    options.names = options.names or list(PLAYED)
    return options


def _write(outcomes: Sequence[Outcome], seed: int, took_s: float) -> None:
    machine = {"cpus": os.cpu_count(), "python": sys.version.split()[0], "system": platform.platform()}
    result = {
        "seed": seed,
        "machine": machine,
        "took_s": round(took_s, 1),
        "kills": sum(outcome.figures.kills for outcome in outcomes),
        "scenarios": [outcome.as_json() for outcome in outcomes],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except asyncio.CancelledError:
        sys.exit("ended by SIGTERM; nothing is left")

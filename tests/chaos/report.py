"""The figures of all scenarios, as a table on the terminal and as a page."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from tests.chaos.run import Figures, Outcome
from tests.chaos.scenarios import NAMES, what_happens

__all__ = ["markdown", "table"]

_COLUMNS = {
    "records": "records",
    "windows": "windows",
    "poison": "poison",
    "late": "late",
    "duplicates": "duplicates",
    "kills": "SIGKILL",
    "terms": "SIGTERM",
    "freezes": "SIGSTOP",
    "own_exits": "own exits",
    "told": "told",
    "repeats_told": "told again",
    "repeats_letters": "letters again",
    "drain_s": "drained, s",
    "took_s": "took, s",
}
_PAGE = """\
# Chaos: what was done to Braid, and what came of it

`make chaos` plays these scenarios on real Kafka, Redis and Triton; `make test` plays a short form \
of each. Those that differ in nothing but what sources send are played at once. The models \
cost nothing there, so that two cores are enough; everything else is what runs in production. What is sent, and what \
is done to whom and when, is data made from a seed (`tests/chaos/scenarios.py`), and is printed. Of the items, 1 % are \
poison, 5 % come so late that they are late for some or all of their windows, and 1 % come twice.

{scenarios}

Where `kcat` is not installed, `foreign` says so and sends its frames by librdkafka.

After each scenario must hold:

- every window that the records in Kafka make, by a brute-force reading of the definitions, is stored and final, with \
exactly its items: none lost, none with less, none doubled
- every poison or late record is in the dead letters, at least once, always under its own topic, partition and offset, \
and no good item is
- every window was told as final on `braid.detections`, equal to what is stored, and never with two different contents
- the group has committed the end of every partition
- each source's baseline has learned exactly the windows, in exactly the order, that a fold over the source's stored \
final answers learns: none twice, none skipped (the digest over their ids is compared)
- the statistics of each source's baseline are those of an undisturbed fold over the same windows, made in one go from \
the records in Kafka: whole numbers, among them counts and times, exactly; others to within 2 % of the largest in \
their array, because some are kept in 16 bits, read and written at each take-over

Windows learned are compared for every source, statistics for every source until 500 windows are compared: for two of \
the six sources of the long `sigkill`.

After Redis lost everything, workers are not ready until `braid store init` says where to begin. With `--from \
earliest` all that Kafka holds is stored again; with `--from committed` what had been told as final before the loss is \
not.

## Play them

    make chaos                                          # all, 20 minutes on two cores at most
    make chaos CHAOS="--seed 7 sigkill --kills 50"      # one of them, as it was with that seed
    make chaos CHAOS="--page"                           # all, and the figures go into this page
    python -m tests.chaos --help
    BRAID_CHAOS_SEED=7 python -m pytest tests/chaos -k redis_cut

## Figures

{figures}

`told again` are records on `braid.detections` that a listener drops by id, digest and final; `letters again` are dead \
letters beyond the first of their record; `drained` is the time from the last record, or the last deed, until \
everything is final, told and committed.
"""


def table(outcomes: Sequence[Outcome]) -> Table:
    """For a terminal."""
    shown = Table("scenario", "verdict", title="chaos")
    for heading in _COLUMNS.values():
        shown.add_column(heading, justify="right")
    for row in _rows(outcomes):
        shown.add_row(*row)
    return shown


def markdown(outcomes: Sequence[Outcome], seed: int, took_s: float) -> str:
    """The page `docs/reference/chaos.md`; without outcomes, it says so."""
    heads = ["scenario", "verdict", *_COLUMNS.values()]
    lines = [f"| {' | '.join(row)} |" for row in (heads, ["---", "---", *["---:"] * len(_COLUMNS)], *_rows(outcomes))]
    kills = sum(outcome.figures.kills for outcome in outcomes)
    run = f"Seed {seed}, {os.cpu_count()} cores, Python {sys.version.split()[0]}, {took_s:.0f} s, {kills} kills."
    figures = "\n".join((run, "", *lines)) if outcomes else "No run is recorded here."
    scenarios = "\n".join(["| scenario | what happens |", "|---|---|", *(_scenario(name) for name in NAMES)])
    return _PAGE.format(figures=figures, scenarios=scenarios)


def _scenario(name: str) -> str:
    return f"| `{name}` | {what_happens(name)} |"


def _rows(outcomes: Sequence[Outcome]) -> list[list[str]]:
    rows = [
        [outcome.scenario.name, "holds" if not outcome.faults else "fails", *_cells(outcome.figures)]
        for outcome in outcomes
    ]
    total = Figures()
    for outcome in outcomes:
        for name, value in asdict(outcome.figures).items():
            setattr(total, name, round(getattr(total, name) + value, 1))
    return [*rows, ["all", "holds" if not any(outcome.faults for outcome in outcomes) else "fails", *_cells(total)]]


def _cells(figures: Figures) -> list[str]:
    return [str(getattr(figures, name)) for name in _COLUMNS]

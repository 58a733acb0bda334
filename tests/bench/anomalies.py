"""The baseline of a source against plain rivals, on composed sources of real clips and sounds."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from processors.models.build import build_repository
from processors.models.evaluation.anomalies import OURS, run_anomalies
from processors.models.evaluation.anomaly_run import RunSettings
from tests.bench.anomaly_rivals import RIVALS
from tests.bench.figures import Figure

__all__ = ["measure_anomalies"]

DATA = Path(os.environ.get("BRAID_DATA", "../shared/data"))
SEEDS = range(int(os.environ.get("BRAID_BENCH_SEEDS", "3")))
MODELS = Path(os.environ.get("BRAID_MODELS__REPOSITORY", "build/models"))
CACHE = Path(os.environ.get("BRAID_BENCH_CACHE", "build/anomalies"))
SOURCES = 5


async def measure_anomalies(say: Callable[[str], None]) -> tuple[list[Figure], dict[str, Any]]:
    if not (DATA / "clips").is_dir():
        say(f"anomalies: no clips at {DATA}; set BRAID_DATA")
        return [], {"skipped": f"no clips at {DATA}"}
    return await asyncio.to_thread(_measure, say)


def _measure(say: Callable[[str], None]) -> tuple[list[Figure], dict[str, Any]]:
    def find_repository() -> Path:
        build_repository(MODELS)
        return MODELS

    reports = run_anomalies(
        DATA,
        find_repository,
        seeds=SEEDS,
        most_sources=SOURCES,
        settings=RunSettings(),
        cache=CACHE,
        told=say,
        makers=RIVALS,
    )
    ours = reports[OURS]
    figures = [Figure("AUC over all kinds", ours.auc(), at_least=0.9)]
    figures += [Figure(f"AUC over all kinds, {name}", report.auc()) for name, report in reports.items() if name != OURS]
    for kind in ours.kinds:
        for name in RIVALS:
            pairs = zip(ours.auc(kind), reports[name].auc(kind), strict=True)
            figures.append(
                Figure(f"{kind.value}: ahead of {name} by", [one - other for one, other in pairs], at_least=0)
            )
    details = {name: report.as_json() for name, report in reports.items()}
    return figures, details

"""The benches by name, and what those of one run share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from streams.settings import Settings
from tests.bench.alignment import measure_alignment
from tests.bench.anomalies import measure_anomalies
from tests.bench.baselines import measure_baselines
from tests.bench.delay import measure_delays
from tests.bench.figures import Figure
from tests.bench.growth import measure_growth
from tests.bench.idle import measure_idle
from tests.bench.models import measure_models
from tests.bench.normality import measure_normality
from tests.bench.overload import measure_overload
from tests.bench.recovery import measure_recovery
from tests.bench.throughput import measure_capacity, measure_throughput

__all__ = ["BENCHES", "Bench", "Run", "Stack"]

Measured = tuple[list[Figure], dict[str, Any]]


class Stack(Enum):
    """The servers that a bench needs; benches run in this order."""

    NONE = "none"
    KAFKA = "kafka"
    FULL = "full"


class Run:
    """What the benches on one stack share."""

    def __init__(self, settings: Settings | None, say: Callable[[str], None]) -> None:
        self._settings = settings
        self.say = say
        self._capacity_items: float | None = None

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            raise RuntimeError("this bench asked for no servers")
        return self._settings

    async def capacity_items(self) -> float:
        """Items a second that a worker can answer; measured once in a run."""
        if self._capacity_items is None:
            self._capacity_items = await measure_capacity(self.settings)
            self.say(f"capacity: {self._capacity_items:.0f} items/s")
        return self._capacity_items


@dataclass(frozen=True)
class Bench:
    """One measurement.

    Attributes:
        name: on the command line and in the result.
        stack: what it needs.
        measure: does it.
    """

    name: str
    stack: Stack
    measure: Callable[[Run], Awaitable[Measured]]


async def _recovery(run: Run) -> Measured:
    return await measure_recovery(run.settings, await run.capacity_items(), run.say)


async def _overload(run: Run) -> Measured:
    return await measure_overload(run.settings, await run.capacity_items(), run.say)


BENCHES = {
    bench.name: bench
    for bench in (
        Bench("growth", Stack.NONE, lambda _: measure_growth()),
        Bench("normality", Stack.NONE, lambda _: measure_normality()),
        Bench("anomalies", Stack.NONE, lambda run: measure_anomalies(run.say)),
        Bench("alignment", Stack.KAFKA, lambda run: measure_alignment(run.settings)),
        Bench("models", Stack.FULL, lambda run: measure_models(run.settings)),
        Bench("throughput", Stack.FULL, lambda run: measure_throughput(run.settings)),
        Bench("baselines", Stack.FULL, lambda run: measure_baselines(run.settings)),
        Bench("delay", Stack.FULL, lambda run: measure_delays(run.settings)),
        Bench("idle", Stack.FULL, lambda run: measure_idle(run.settings)),
        Bench("recovery", Stack.FULL, _recovery),
        Bench("overload", Stack.FULL, _overload),
    )
}

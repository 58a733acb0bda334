"""The benches by name, and what those of one run share."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from streams.settings import Settings
from tests.bench.alignment import measure_alignment
from tests.bench.figures import Figure
from tests.bench.growth import measure_growth

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

    @property
    def settings(self) -> Settings:
        if self._settings is None:
            raise RuntimeError("this bench asked for no servers")
        return self._settings


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


BENCHES = {
    bench.name: bench
    for bench in (
        Bench("growth", Stack.NONE, lambda _: measure_growth()),
        Bench("alignment", Stack.KAFKA, lambda run: measure_alignment(run.settings)),
    )
}

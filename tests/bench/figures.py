"""What a bench hands back: figures with their spread, and the bounds that they are held to."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

__all__ = ["Figure", "as_document", "show"]


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        name: what was measured.
        values: of the rounds; the median counts.
        unit: of the values.
        at_least: bound that the median must reach.
        at_most: bound that the median must not pass.
        note: what else a reader needs.
    """

    name: str
    values: Sequence[float]
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def holds(self) -> bool | None:
        """Whether the bound is kept; None without a bound."""
        if self.at_least is None and self.at_most is None:
            return None
        return (self.at_least is None or self.median >= self.at_least) and (
            self.at_most is None or self.median <= self.at_most
        )


def as_document(figures: Sequence[Figure], details: object) -> dict[str, Any]:
    return {
        "figures": [asdict(figure) | {"median": figure.median, "holds": figure.holds} for figure in figures],
        "details": details,
    }


def show(console: Console, title: str, figures: Sequence[Figure]) -> None:
    table = Table("figure", "median", "spread", "bound", "", title=title, title_justify="left")
    for figure in figures:
        bound = ""
        if figure.at_least is not None:
            bound = f"at least {figure.at_least:g}"
        elif figure.at_most is not None:
            bound = f"at most {figure.at_most:g}"
        verdict = {None: "", True: "holds", False: "MISSED"}[figure.holds]
        median = f"{_short(figure.median)} {figure.unit}".rstrip()
        spread = f"{_short(min(figure.values))} to {_short(max(figure.values))}" if len(figure.values) > 1 else ""
        table.add_row(figure.name, median, figure.note or spread, bound, verdict)
    console.print(table)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

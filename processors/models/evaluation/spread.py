"""A figure over several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Spread"]


@dataclass(frozen=True, slots=True)
class Spread:
    """The figure of each run.

    Attributes:
        values: one per run.
    """

    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one figure."""
        return cls(tuple(map(float, values)))

    @property
    def mean(self) -> float:
        """Over the runs."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation over the runs; 0 of a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    def as_json(self) -> dict[str, float | list[float]]:
        """For `--json`, rounded to four digits."""
        return {
            "mean": round(self.mean, 4),
            "deviation": round(self.deviation, 4),
            "values": [round(value, 4) for value in self.values],
        }

    def as_share(self) -> str:
        """For tables: `0.803 ± 0.004`, or `0.803` of a single run."""
        return f"{self.mean:.3f} ± {self.deviation:.3f}" if len(self.values) > 1 else f"{self.mean:.3f}"

    def as_percent(self) -> str:
        """For tables: `80.3 ± 0.4`."""
        return f"{100 * self.mean:.1f} ± {100 * self.deviation:.1f}"

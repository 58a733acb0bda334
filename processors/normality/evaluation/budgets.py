"""Whether a budget of alarms holds: simulated sources, watched for a month."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from processors.normality.evaluation.simulation import SimulationSettings, simulate_scores
from processors.normality.evaluation.told import tell_alarms, tell_p_values

__all__ = ["BudgetReport", "measure_budgets"]

_DRIFT_PER_DAY: Final = 0.07
"""Scores double, and twice as much passes, every ten days."""
_SWING_BY_DAY: Final = 0.7
"""At noon, scores swing twice as far as at midnight."""
_BOUNDS: Final = {"stationary": 0.25, "slow drift": 0.5, "day and night": 0.25}
"""How far from 1 the median of runs over the budget may be."""


@dataclass(frozen=True, slots=True)
class BudgetReport:
    """Alarms a day over the budget, by kind of source.

    Attributes:
        days: that each source was watched.
        hop_s: from window to window.
        window_s: how long a window is.
        seeds: one run each.
        ratios: kind of source -> budget -> alarms told, over alarms in the budget, of each run.
    """

    days: float
    hop_s: float
    window_s: float
    seeds: tuple[int, ...]
    ratios: dict[str, dict[float, list[float]]]

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "days": self.days,
            "hop_s": self.hop_s,
            "window_s": self.window_s,
            "seeds": list(self.seeds),
            "alarms_over_budget": {
                kind: {
                    f"{per_day:g}": {
                        "median": round(float(np.median(ratios)), 3),
                        "lowest": round(min(ratios), 3),
                        "highest": round(max(ratios), 3),
                        "values": [round(ratio, 3) for ratio in ratios],
                    }
                    for per_day, ratios in budgets.items()
                }
                for kind, budgets in self.ratios.items()
            },
        }

    def as_markdown(self) -> str:
        """A table."""
        lines = ["| source | budget a day | alarms over budget, median | lowest | highest |", "|---|---|---|---|---|"]
        lines += [
            f"| {kind} | {per_day:g} | {np.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} |"
            for kind, budgets in self.ratios.items()
            for per_day, ratios in budgets.items()
        ]
        return "\n".join(lines)

    def broken(self) -> list[str]:
        """What is told of budgets that is not kept: one line for each median out of its bounds."""
        return [
            f"{kind}, {per_day:g} a day, windows of {self.window_s:g} s every {self.hop_s:g} s: alarms over budget "
            f"{np.median(ratios):.2f}, expected {1 - _BOUNDS[kind]:g} to {1 + _BOUNDS[kind]:g}"
            for kind, budgets in self.ratios.items()
            for per_day, ratios in budgets.items()
            if abs(np.median(ratios) - 1) > _BOUNDS[kind]
        ]


def measure_budgets(
    seeds: Sequence[int],
    *,
    days: float = 30.0,
    hop_s: float = 10.0,
    window_s: float = 10.0,
    budgets: Sequence[float] = (1.0, 3.0, 10.0),
) -> BudgetReport:
    """Watch a stationary source, one that drifts, and one with days and nights.

    Args:
        seeds: one run each.
        days: that each source is watched.
        hop_s: from window to window.
        window_s: how long a window is; of those that overlap each other, not all are learned.
        budgets: alarms a day.
    """
    stationary = SimulationSettings(days, hop_s, window_s)
    kinds = {
        "stationary": stationary,
        "slow drift": replace(stationary, drift_per_day=_DRIFT_PER_DAY),
        "day and night": replace(stationary, swing_by_day=_SWING_BY_DAY),
    }
    ratios: dict[str, dict[float, list[float]]] = {kind: {budget: [] for budget in budgets} for kind in kinds}
    for kind, settings in kinds.items():
        for seed in seeds:
            scores = simulate_scores(settings, seed)
            p_values = tell_p_values(scores)
            for budget in budgets:
                alarms = tell_alarms(p_values, scores.hop_ms, budget)
                ratios[kind][budget].append(len(alarms.starts_ms) / budget / days)
    return BudgetReport(days, hop_s, window_s, tuple(seeds), ratios)

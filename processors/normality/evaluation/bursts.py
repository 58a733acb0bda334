"""What a burst of true anomalies does to a budget of alarms, and to the anomalies that follow."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.normality.evaluation.simulation import DAY_MS, SimulatedScores, SimulationSettings, simulate_scores
from processors.normality.evaluation.told import Alarms, tell_alarms, tell_p_values
from processors.normality.features import Part

__all__ = ["BurstFigures", "BurstReport", "measure_bursts"]

_ANOMALIES: Final = 40
_HOURS: Final = 6.0
_WINDOWS: Final = 3

Starts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class BurstFigures:
    """Under one budget.

    Attributes:
        told: share of the burst's anomalies that were told.
        threshold_after: at its end, over where it had settled before.
        threshold_two_days_later: likewise.
        later_told: share of the later anomalies, one a day, that were told.
    """

    told: float
    threshold_after: float
    threshold_two_days_later: float
    later_told: float


@dataclass(frozen=True, slots=True)
class BurstReport:
    """Medians over runs.

    Attributes:
        seeds: one run each.
        figures: budget -> the figures of each run.
    """

    seeds: tuple[int, ...]
    figures: dict[float, list[BurstFigures]]

    def medians(self) -> dict[float, BurstFigures]:
        """Of each figure by itself."""
        return {
            per_day: BurstFigures(
                *(float(np.median([getattr(run, each.name) for run in runs])) for each in fields(BurstFigures))
            )
            for per_day, runs in self.figures.items()
        }

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "seeds": list(self.seeds),
            "medians": {
                f"{per_day:g}": {name: round(value, 3) for name, value in asdict(figures).items()}
                for per_day, figures in self.medians().items()
            },
        }

    def as_markdown(self) -> str:
        """A table."""
        lines = [
            "| budget a day | of a burst told | threshold after it | two days later | of later anomalies told |",
            "|---|---|---|---|---|",
        ]
        lines += [
            f"| {per_day:g} | {each.told:.0%} | {each.threshold_after:.2f} | {each.threshold_two_days_later:.2f} "
            f"| {each.later_told:.0%} |"
            for per_day, each in self.medians().items()
        ]
        return "\n".join(lines)


def measure_bursts(
    seeds: Sequence[int],
    *,
    days: float = 30.0,
    hop_s: float = 10.0,
    window_s: float = 10.0,
    budgets: Sequence[float] = (1.0, 3.0, 10.0),
    factor: float = 100.0,
) -> BurstReport:
    """Put forty true anomalies into six hours of a stationary source, half of the time gone, and one a day after that.

    Args:
        seeds: one run each.
        days: that each source is watched, at least 2.
        hop_s: from window to window.
        window_s: how long a window is.
        budgets: alarms a day.
        factor: by which the scores of picture and sound are higher in an anomaly.
    """
    figures: dict[float, list[BurstFigures]] = {budget: [] for budget in budgets}
    for seed in seeds:
        scores = simulate_scores(SimulationSettings(days, hop_s, window_s), seed)
        burst_ms = days / 2 * DAY_MS + np.arange(_ANOMALIES) * _HOURS * 3_600_000 / _ANOMALIES
        later_ms = np.arange(days / 2 + 0.75, days, 1.0) * DAY_MS
        burst, later = ((each // scores.hop_ms).astype(np.int64) for each in (burst_ms, later_ms))
        scores = _with_anomalies(scores, np.concatenate([burst, later]), factor)
        p_values = tell_p_values(scores)
        end = int(burst[-1]) + _WINDOWS
        later_on = min(end + 2 * DAY_MS // scores.hop_ms, len(scores) - 1)
        for budget in budgets:
            alarms = tell_alarms(p_values, scores.hop_ms, budget)
            settled = float(np.median(alarms.thresholds[int(burst[0]) // 2 : int(burst[0])]))
            figures[budget].append(
                BurstFigures(
                    _share_told(alarms, burst),
                    float(alarms.thresholds[end]) / settled,
                    float(alarms.thresholds[later_on]) / settled,
                    _share_told(alarms, later),
                )
            )
    return BurstReport(tuple(seeds), figures)


def _with_anomalies(scores: SimulatedScores, starts: Starts, factor: float) -> SimulatedScores:
    at = (starts[:, None] + np.arange(_WINDOWS)).reshape(-1)
    parts = {part: each.copy() for part, each in scores.parts.items()}
    for part in (Part.APPEARANCE, Part.MOTION, Part.SOUND):
        parts[part][at] *= factor
    return replace(scores, parts=parts)


def _share_told(alarms: Alarms, starts: Starts) -> float:
    return float(np.mean([alarms.anomalous[start : start + _WINDOWS].any() for start in starts.tolist()]))

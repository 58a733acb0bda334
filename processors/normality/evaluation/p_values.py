"""Whether p-values are uniform on normal windows that were not learned: by how much their distribution is off."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from processors.normality.baseline import SourceBaseline
from processors.normality.evaluation.simulation import SimulationSettings, simulate_scores
from processors.normality.evaluation.told import tell_p_values
from processors.normality.evaluation.windows import simulate_windows

__all__ = ["AFTER", "PValueReport", "compare_p_values", "ks_distance", "measure_p_values"]

AFTER = 2_000
"""Windows learned before p-values are judged."""
_LEVELS = (0.1, 0.01, 0.001)


@dataclass(frozen=True, slots=True)
class PValueReport:
    """Of each run.

    Attributes:
        seeds: one run each; none where p-values were told elsewhere.
        windows: judged in each run.
        distances: what was judged -> Kolmogorov-Smirnov distance from uniform.
        shares: what was judged -> level -> share of p-values below it, over the level.
    """

    seeds: tuple[int, ...]
    windows: dict[str, int]
    distances: dict[str, list[float]]
    shares: dict[str, dict[float, list[float]]]

    def as_json(self) -> dict[str, object]:
        """For `--json`."""
        return {
            "seeds": list(self.seeds),
            **{
                name: {
                    "windows": self.windows[name],
                    "ks_distance": {
                        "median": round(float(np.median(distances)), 4),
                        "highest": round(max(distances), 4),
                        "values": [round(each, 4) for each in distances],
                    },
                    "share_below_over_level": {
                        f"{level:g}": round(float(np.median(shares)), 3) for level, shares in self.shares[name].items()
                    },
                }
                for name, distances in self.distances.items()
            },
        }

    def as_markdown(self) -> str:
        """A table."""
        levels = "".join(f" p < {level:g} |" for level in _LEVELS)
        lines = [
            f"| p-values of | windows | KS distance, median | highest |{levels}",
            "|---" * (4 + len(_LEVELS)) + "|",
        ]
        for name, distances in self.distances.items():
            shares = "".join(f" {np.median(self.shares[name][level]):.2f} |" for level in _LEVELS)
            lines.append(
                f"| {name} | {self.windows[name]:,} | {np.median(distances):.3f} | {max(distances):.3f} |{shares}"
            )
        return "\n".join(lines)


def ks_distance(p_values: npt.NDArray[np.float64]) -> float:
    """The largest difference between the distribution of p-values and a uniform one (Kolmogorov, 1933)."""
    ordered = np.sort(p_values)
    above = np.arange(1, len(ordered) + 1) / len(ordered)
    return float(max((above - ordered).max(), (ordered - above + 1 / len(ordered)).max()))


def measure_p_values(seeds: Sequence[int], *, days: float = 10.0, windows: int = 10_000) -> PValueReport:
    """Judge simulated normal windows, each before it is learned.

    Args:
        seeds: one run each.
        days: of scores for the calibration alone, those learned before included.
        windows: judged by a whole baseline.
    """
    return _compared(tuple(seeds), [judged for seed in seeds for judged in _judged(seed, days, windows)])


def compare_p_values(told: Mapping[str, Sequence[float]]) -> PValueReport:
    """Compare p-values of normal windows, told elsewhere.

    Args:
        told: what was judged -> at least one p-value.
    """
    return _compared((), [(name, np.asarray(p_values)) for name, p_values in told.items()])


def _compared(seeds: tuple[int, ...], runs: Sequence[tuple[str, npt.NDArray[np.float64]]]) -> PValueReport:
    report = PValueReport(seeds, {}, {}, {})
    for name, p_values in runs:
        report.windows[name] = len(p_values)
        report.distances.setdefault(name, []).append(ks_distance(p_values))
        shares = report.shares.setdefault(name, {level: [] for level in _LEVELS})
        for level in _LEVELS:
            shares[level].append(float(np.mean(p_values < level)) / level)
    return report


def _judged(seed: int, days: float, windows: int) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
    if days:
        scores = simulate_scores(SimulationSettings(days), seed)
        told = tell_p_values(scores)[AFTER:]
        yield "simulated scores", told[~np.isnan(told)]
    if windows:
        baseline = SourceBaseline()
        judged = [
            baseline.learn(f"simulated/{each.start_ms}/{each.end_ms - each.start_ms}", each).anomaly_p
            for each in simulate_windows(seed, AFTER + windows)
        ]
        yield "simulated windows", np.array(judged[AFTER:])

"""Folds left out with several seeds: mean and standard deviation of what each seed gives."""

from dataclasses import dataclass
from typing import Any

from processors.models.evaluation.spread import Spread
from processors.models.sound_training.folds import FoldFigures

__all__ = ["FoldSpread"]


@dataclass(frozen=True, slots=True)
class FoldSpread:
    """The same recipe, trained with other seeds.

    Attributes:
        runs: figures of each seed.
    """

    runs: tuple[FoldFigures, ...]

    @property
    def mean(self) -> Spread:
        """Mean accuracy over the folds, of each seed."""
        return Spread.of([run.mean for run in self.runs])

    @property
    def folds(self) -> dict[str, Spread]:
        """Accuracy of each fold."""
        return {name: Spread.of([run.folds[name] for run in self.runs]) for name in self.runs[0].folds}

    @property
    def calibration_error(self) -> Spread:
        """Of all answers together, of each seed."""
        return Spread.of([run.report.calibration_error for run in self.runs])

    def as_json(self) -> dict[str, Any]:
        """For `--json`: every figure over the seeds, and each seed's own document."""
        return {
            "seeds": [run.seed for run in self.runs],
            "over_seeds": {
                "mean": self.mean.as_json(),
                "folds": {name: spread.as_json() for name, spread in self.folds.items()},
                "calibration_error": self.calibration_error.as_json(),
            },
            "runs": [run.as_json() for run in self.runs],
        }

    def as_markdown(self) -> str:
        """A table: a row for each seed, then their mean and standard deviation."""
        folds = self.folds
        lines = [f"| accuracy, % | {' | '.join(folds)} | mean | calibration error |", "|---" * (len(folds) + 3) + "|"]
        for number, run in enumerate(self.runs):
            cells = " | ".join(f"{100 * spread.values[number]:.1f}" for spread in folds.values())
            lines.append(f"| seed {run.seed} | {cells} | {100 * run.mean:.1f} | {run.report.calibration_error:.3f} |")
        cells = " | ".join(spread.as_percent() for spread in folds.values())
        lines.append(
            f"| mean ± standard deviation | {cells} | {self.mean.as_percent()} | {self.calibration_error.as_share()} |"
        )
        return "\n".join(lines) + "\n"

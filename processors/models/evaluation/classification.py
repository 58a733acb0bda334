"""Figures of a classifier that names one class of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from processors.errors import ModelError
from processors.models.evaluation.confusion import Confusion, render_confusion

__all__ = [
    "ClassFigures",
    "ClassificationReport",
    "ReliabilityBin",
    "calibration_error",
    "reliability_bins",
    "report_classification",
]

_BINS: Final = 15


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """One class against all others.

    Attributes:
        precision: share of the answers with this class that are right; 0 without any.
        recall: share of the examples of this class that are found.
        f1: harmonic mean of the two.
        support: examples of this class.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers that were given with about the same confidence.

    Attributes:
        stated: mean probability that was stated for them.
        true: share of them that came true.
        count: how many they are.
    """

    stated: float
    true: float
    count: int


@dataclass(frozen=True, slots=True)
class ClassificationReport:
    """What a classifier answered on examples that it had not learned from.

    Attributes:
        accuracy: share of right answers.
        macro_precision: mean precision over the classes, whatever their size.
        macro_recall: mean recall likewise.
        macro_f1: mean F1 likewise.
        calibration_error: expected calibration error of the answers' probabilities.
        classes: name -> figures, in the order of the probabilities.
        confusion: examples by true class (row) and answered class (column), in the same order.
        reliability: answers by the probability that was stated for them, least first.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    calibration_error: float
    classes: dict[str, ClassFigures]
    confusion: Confusion
    reliability: tuple[ReliabilityBin, ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json`; shares rounded to four digits."""
        return {
            "accuracy": round(self.accuracy, 4),
            "macro_precision": round(self.macro_precision, 4),
            "macro_recall": round(self.macro_recall, 4),
            "macro_f1": round(self.macro_f1, 4),
            "calibration_error": round(self.calibration_error, 4),
            "classes": {
                name: {
                    "precision": round(figures.precision, 4),
                    "recall": round(figures.recall, 4),
                    "f1": round(figures.f1, 4),
                    "support": figures.support,
                }
                for name, figures in self.classes.items()
            },
            "confusion": [list(row) for row in self.confusion],
            "reliability": [
                {"stated": round(entry.stated, 4), "true": round(entry.true, 4), "count": entry.count}
                for entry in self.reliability
            ],
        }

    def as_markdown(self) -> str:
        """Two tables: the classes' figures, and which was taken for which."""
        lines = ["| class | precision | recall | F1 | examples |", "|---|---|---|---|---|"]
        lines += [
            f"| {name} | {figures.precision:.3f} | {figures.recall:.3f} | {figures.f1:.3f} | {figures.support} |"
            for name, figures in self.classes.items()
        ]
        lines += ["", *render_confusion(list(self.classes), self.confusion)]
        return "\n".join(lines) + "\n"


def report_classification(
    truth: npt.NDArray[np.integer[Any]], probabilities: npt.NDArray[np.floating[Any]], classes: Sequence[str]
) -> ClassificationReport:
    """Compare answers with the truth.

    Args:
        truth: integers [N], the true class of each example.
        probabilities: floats [N, C], each row sums to 1.
        classes: C names.

    Raises:
        ModelError: the shapes do not fit, there is no example, or a probability is not finite.
    """
    if probabilities.shape != (len(truth), len(classes)) or not len(truth):
        raise ModelError(
            f"{len(truth)} examples with probabilities {list(probabilities.shape)}, "
            f"expected at least one example and [N, {len(classes)}]"
        )
    if not np.isfinite(probabilities).all():
        raise ModelError("a probability is not finite; the model that gave it is broken")
    answers = probabilities.argmax(axis=1)
    labels = np.arange(len(classes))
    precision, recall, f1, support = precision_recall_fscore_support(truth, answers, labels=labels, zero_division=0)
    reliability = reliability_bins(answers == truth, probabilities.max(axis=1))
    return ClassificationReport(
        accuracy=float((answers == truth).mean()),
        macro_precision=float(np.mean(precision)),
        macro_recall=float(np.mean(recall)),
        macro_f1=float(np.mean(f1)),
        calibration_error=calibration_error(reliability),
        classes={
            name: ClassFigures(float(precision[row]), float(recall[row]), float(f1[row]), int(support[row]))
            for row, name in enumerate(classes)
        },
        confusion=tuple(tuple(map(int, row)) for row in confusion_matrix(truth, answers, labels=labels)),
        reliability=reliability,
    )


def reliability_bins(
    is_right: npt.NDArray[np.bool_], confidence: npt.NDArray[np.floating[Any]]
) -> tuple[ReliabilityBin, ...]:
    """Sort what was stated by the probability that was stated for it, into 15 bins of equal width.

    Args:
        is_right: bool [N], whether it came true.
        confidence: floats [N] in 0..1.

    Returns:
        The bins that hold anything, least first.
    """
    numbers = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = []
    for number in np.unique(numbers):
        inside = numbers == number
        stated, true = float(confidence[inside].mean()), float(is_right[inside].mean())
        bins.append(ReliabilityBin(stated, true, int(inside.sum())))
    return tuple(bins)


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error (Guo et al. 2017): how far what is stated lies from what comes true; 0 is perfect."""
    count = sum(entry.count for entry in bins)
    return sum(entry.count * abs(entry.true - entry.stated) for entry in bins) / count

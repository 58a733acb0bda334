"""Figures of a classifier whose classes may happen together, and of which some are not known everywhere."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score

from processors.errors import ModelError
from processors.models.evaluation.classification import ReliabilityBin, calibration_error, reliability_bins
from processors.models.evaluation.confusion import NONE, Confusion, confuse, render_confusion

__all__ = ["MultilabelFigures", "MultilabelReport", "report_multilabel"]

_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class MultilabelFigures:
    """One class.

    Attributes:
        threshold: probability from which it is told.
        precision: share of the times it was told that are right; 0 without any.
        recall: share of its examples for which it was told; 0 without any.
        f1: harmonic mean of the two.
        average_precision: mean precision over all thresholds; 0 without examples.
        calibration_error: expected calibration error of its probability.
        support: examples of it.
        known: examples of which it is known whether it happens.
    """

    threshold: float
    precision: float
    recall: float
    f1: float
    average_precision: float
    calibration_error: float
    support: int
    known: int


@dataclass(frozen=True, slots=True)
class MultilabelReport:
    """What was answered on examples that were not learned from.

    Attributes:
        accuracy: share of the examples of which everything that is known was told right.
        macro_precision: mean precision of the classes that have examples.
        macro_recall: mean recall likewise.
        macro_f1: mean F1 likewise.
        micro_f1: F1 of all classes' answers together.
        calibration_error: expected calibration error of all probabilities together.
        classes: name -> figures.
        confusion: which class was taken for which; the classes in order, then none.
        reliability: all probabilities by what came true.
    """

    accuracy: float
    macro_precision: float
    macro_recall: float
    macro_f1: float
    micro_f1: float
    calibration_error: float
    classes: Mapping[str, MultilabelFigures]
    confusion: Confusion
    reliability: tuple[ReliabilityBin, ...]

    def as_json(self) -> dict[str, Any]:
        """For `--json`; shares rounded to four digits."""
        return {
            "accuracy": round(self.accuracy, _DIGITS),
            "macro_precision": round(self.macro_precision, _DIGITS),
            "macro_recall": round(self.macro_recall, _DIGITS),
            "macro_f1": round(self.macro_f1, _DIGITS),
            "micro_f1": round(self.micro_f1, _DIGITS),
            "calibration_error": round(self.calibration_error, _DIGITS),
            "classes": {
                name: {key: round(value, _DIGITS) for key, value in asdict(figures).items()}
                for name, figures in self.classes.items()
            },
            "confusion": [list(row) for row in self.confusion],
            "reliability": [
                {"stated": round(entry.stated, _DIGITS), "true": round(entry.true, _DIGITS), "count": entry.count}
                for entry in self.reliability
            ],
        }

    def as_markdown(self) -> str:
        """Two tables: the classes' figures, and which was taken for which."""
        lines = [
            "| class | threshold | precision | recall | F1 | average precision | calibration error | examples |",
            "|---|---|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {name} | {each.threshold:.3f} | {each.precision:.3f} | {each.recall:.3f} | {each.f1:.3f} | "
            f"{each.average_precision:.3f} | {each.calibration_error:.3f} | {each.support} of {each.known} |"
            for name, each in self.classes.items()
        ]
        lines += ["", *render_confusion([*self.classes, NONE], self.confusion)]
        head = f"accuracy {self.accuracy:.3f}, macro F1 {self.macro_f1:.3f}, micro F1 {self.micro_f1:.3f}, "
        return "\n".join([f"{head}calibration error {self.calibration_error:.3f}", "", *lines]) + "\n"


def report_multilabel(
    truth: npt.NDArray[np.float32], probabilities: npt.NDArray[np.float32], thresholds: Mapping[str, float]
) -> MultilabelReport:
    """Compare answers with what is known.

    Args:
        truth: float32 [N, C]: 1, 0, or NaN where it is not known, which counts nowhere.
        probabilities: float32 [N, C].
        thresholds: class -> probability from which it is told, in the order of the columns.

    Raises:
        ModelError: the shapes do not fit, nothing is known, or a probability is not finite.
    """
    is_known = ~np.isnan(truth)
    if probabilities.shape != truth.shape or truth.shape[1:] != (len(thresholds),) or not is_known.any():
        raise ModelError(
            f"truth {list(truth.shape)} with {int(is_known.sum())} known labels and probabilities "
            f"{list(probabilities.shape)}; expected at least one known label and both [N, {len(thresholds)}]"
        )
    if not np.isfinite(probabilities).all():
        raise ModelError("a probability is not finite; the model that gave it is broken")
    is_true, is_judged = truth == 1, is_known.any(axis=1)
    is_told = (probabilities >= np.array(list(thresholds.values()), np.float32)) & is_known
    classes = {
        name: _figures(is_true[known, column], is_told[known, column], probabilities[known, column], thresholds[name])
        for column, name in enumerate(thresholds)
        for known in (is_known[:, column],)
    }
    reliability = reliability_bins(is_true[is_known], probabilities[is_known])
    held = [(each.precision, each.recall, each.f1) for each in classes.values() if each.support] or [(0.0, 0.0, 0.0)]
    macro_precision, macro_recall, macro_f1 = np.mean(held, axis=0).tolist()
    return MultilabelReport(
        accuracy=float((is_true == is_told).all(axis=1)[is_judged].mean()),
        macro_precision=macro_precision,
        macro_recall=macro_recall,
        macro_f1=macro_f1,
        micro_f1=_scores(is_true[is_known], is_told[is_known])[2],
        calibration_error=calibration_error(reliability),
        classes=classes,
        confusion=confuse(is_true[is_judged], is_told[is_judged]),
        reliability=reliability,
    )


def _figures(
    is_true: npt.NDArray[np.bool_],
    is_told: npt.NDArray[np.bool_],
    probabilities: npt.NDArray[np.float32],
    threshold: float,
) -> MultilabelFigures:
    precision, recall, f1 = _scores(is_true, is_told)
    return MultilabelFigures(
        threshold=threshold,
        precision=precision,
        recall=recall,
        f1=f1,
        average_precision=float(average_precision_score(is_true, probabilities)) if is_true.any() else 0.0,
        calibration_error=calibration_error(reliability_bins(is_true, probabilities)) if len(is_true) else 0.0,
        support=int(is_true.sum()),
        known=len(is_true),
    )


def _scores(is_true: npt.NDArray[np.bool_], is_told: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Precision, recall and F1."""
    hits, told, true = int((is_true & is_told).sum()), int(is_told.sum()), int(is_true.sum())
    return hits / max(1, told), hits / max(1, true), 2 * hits / max(1, told + true)

"""What a baseline's calibration tells of the scores of a source: the p-value of each window, and its alarms."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from processors.normality.budget import EPISODE_GAP_MS, AlarmBudget
from processors.normality.evaluation.simulation import SimulatedScores
from processors.normality.features import Part
from processors.normality.part_scores import PartScores
from processors.normality.whole import WholeNormal

__all__ = ["Alarms", "tell_alarms", "tell_p_values"]

_NO_BUDGET = 1.0
"""Alarms a day: budgets are followed afterwards, several over the same p-values."""


class Alarms:
    """The alarms of one run.

    Attributes:
        starts_ms: of each alarm: anomalous windows no further apart than a minute are one.
        anomalous: bool [N].
        thresholds: float64 [N], before each window.
    """

    def __init__(self, anomalous: npt.NDArray[np.bool_], thresholds: npt.NDArray[np.float64], hop_ms: int) -> None:
        self.anomalous = anomalous
        self.thresholds = thresholds
        at_ms = np.flatnonzero(anomalous) * hop_ms
        self.starts_ms = at_ms[np.append(True, np.diff(at_ms) > EPISODE_GAP_MS)[: len(at_ms)]]


def tell_p_values(scores: SimulatedScores) -> npt.NDArray[np.float64]:
    """Judge each window before it is learned, its parts first and then what they are together.

    As in a worker, a window that overlaps the last one learned is judged and not learned.

    Returns:
        float64 [N]; NaN while warming up.
    """
    normals = {part: PartScores() for part in scores.parts}
    learned = dict.fromkeys(scores.parts, 0)
    whole = WholeNormal(_NO_BUDGET)
    told = np.full(len(scores), np.nan)
    learned_to_ms = 0
    for window, parts in enumerate(_windows(scores)):
        p_values = {part: normals[part].calibrator.p_of(score) for part, score in parts if _is_warm(normals[part])}
        verdict = whole.judge(p_values)
        if whole.is_warm:
            told[window] = verdict.p
        if window * scores.hop_ms < learned_to_ms:
            continue
        learned_to_ms = window * scores.hop_ms + scores.window_ms
        for part, score in parts:
            normals[part].learn(score, learned[part])
            learned[part] += 1
        if any(_is_warm(normals[part]) for part, _ in parts):
            whole.learn(verdict.score)
    return told


def tell_alarms(p_values: npt.NDArray[np.float64], hop_ms: int, per_day: float) -> Alarms:
    """Follow a budget over the p-values of a source.

    Args:
        p_values: float64 [N]; NaN where nothing was told.
        hop_ms: from window to window.
        per_day: budget of alarms.
    """
    budget = AlarmBudget(per_day)
    anomalous = np.zeros(len(p_values), bool)
    thresholds = np.zeros(len(p_values))
    for window, p in enumerate(p_values.tolist()):
        thresholds[window] = budget.threshold
        if not np.isnan(p):
            anomalous[window] = budget.observe(window * hop_ms, p)
    return Alarms(anomalous, thresholds, hop_ms)


def _is_warm(normal: PartScores) -> bool:
    return normal.calibrator.is_warm


def _windows(scores: SimulatedScores) -> Iterator[list[tuple[Part, float]]]:
    names = list(scores.parts)
    table = np.stack([scores.parts[name] for name in names], axis=1)
    for row in table.tolist():
        yield [(name, score) for name, score in zip(names, row, strict=True) if not np.isnan(score)]

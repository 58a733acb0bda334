"""What a baseline's calibration tells of the scores of a source: the p-value of each window, and its alarms."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from processors.normality.budget import AlarmBudget
from processors.normality.calibration import Calibrator
from processors.normality.evaluation.simulation import SimulatedScores
from processors.normality.features import Part
from processors.normality.fusing import fuse
from processors.normality.gate import ScoreGate

__all__ = ["EPISODE_GAP_MS", "Alarms", "tell_alarms", "tell_p_values"]

EPISODE_GAP_MS = 60_000


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

    Returns:
        float64 [N]; NaN while warming up, and where no part is there.
    """
    calibrators = {part: Calibrator() for part in scores.parts}
    gates = {part: ScoreGate() for part in scores.parts}
    fused, fused_gate = Calibrator(), ScoreGate()
    told = np.full(len(scores), np.nan)
    for window, parts in enumerate(_windows(scores)):
        p_values = {part: calibrators[part].p_of(score) for part, score in parts if calibrators[part].is_warm}
        for part, score in parts:
            if gates[part].add(score):
                calibrators[part].add(score)
        if p_values:
            figure = fuse(p_values)
            if fused.is_warm:
                told[window] = fused.p_of(figure)
            if fused_gate.add(figure):
                fused.add(figure)
    return told


def tell_alarms(p_values: npt.NDArray[np.float64], hop_ms: int, per_day: float) -> Alarms:
    """Follow a budget over the p-values of a source.

    Args:
        p_values: float64 [N]; NaN where nothing was told.
        hop_ms: from window to window.
        per_day: budget of alarms.
    """
    budget = AlarmBudget(per_day, EPISODE_GAP_MS)
    anomalous = np.zeros(len(p_values), bool)
    thresholds = np.zeros(len(p_values))
    for window, p in enumerate(p_values.tolist()):
        thresholds[window] = budget.threshold
        if not np.isnan(p):
            anomalous[window] = budget.observe(window * hop_ms, p)
    return Alarms(anomalous, thresholds, hop_ms)


def _windows(scores: SimulatedScores) -> Iterator[list[tuple[Part, float]]]:
    names = list(scores.parts)
    table = np.stack([scores.parts[name] for name in names], axis=1)
    for row in table.tolist():
        yield [(name, score) for name, score in zip(names, row, strict=True) if not np.isnan(score)]

"""Frames with the truth and an answer, and the figures over them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.scenes.anomalies import Kind

__all__ = ["Answer", "JudgedFrame", "auc_of", "false_alarms_per_hour", "ks_distance", "measure_auc"]

_GAP_S: Final = 1.0
"""Alarms that are no farther apart are one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of a window.

    Attributes:
        score: grows with how unusual it is; comparable among the windows of one source.
        p: its p-value; None from who gives none.
        parts: p-value of each part.
    """

    score: float
    p: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgedFrame:
    """The last frame of a window.

    Attributes:
        source: its name.
        stretch: number of the held-out stretch that it is from.
        kind: of the anomaly in that stretch; None in a normal one.
        is_anomalous: whether the anomaly is there.
        answer: of its window.
    """

    source: str
    stretch: int
    kind: Kind | None
    is_anomalous: bool
    answer: Answer


def auc_of(normal: npt.NDArray[np.float64], anomalous: npt.NDArray[np.float64]) -> float:
    """Share of pairs in which the anomalous score is higher; equal ones count half. NaN without any pair."""
    if not len(normal) or not len(anomalous):
        return float("nan")
    ordered = np.sort(normal)
    below = np.searchsorted(ordered, anomalous, side="left")
    at_most = np.searchsorted(ordered, anomalous, side="right")
    return float((below + at_most).mean() / 2 / len(normal))


def measure_auc(
    frames: Iterable[JudgedFrame],
    kind: Kind | None = None,
    score_of: Callable[[Answer], float] = lambda answer: answer.score,
) -> float:
    """AUC over frames: of all kinds or of one, against all normal frames of the sources that it befalls."""
    frames = list(frames)
    chosen = [frame for frame in frames if frame.is_anomalous and kind in {None, frame.kind}]
    sources = {frame.source for frame in chosen}
    normal = [score_of(frame.answer) for frame in frames if not frame.is_anomalous and frame.source in sources]
    return auc_of(np.array(normal, float), np.array([score_of(frame.answer) for frame in chosen], float))


def false_alarms_per_hour(frames: Sequence[JudgedFrame], recall: float, frame_s: float) -> float:
    """False alarms where so many of the anomalies are found, each by its highest frame.

    Args:
        frames: in order of stretch and time.
        recall: share of the anomalies that the threshold must find.
        frame_s: from one judged frame to the next.
    """
    best: dict[tuple[str, int], float] = {}
    for frame in frames:
        if frame.is_anomalous:
            at = (frame.source, frame.stretch)
            best[at] = max(best.get(at, -np.inf), frame.answer.score)
    normal = [frame for frame in frames if not frame.is_anomalous]
    if not best or not normal:
        return float("nan")
    needed = int(np.ceil(recall * len(best)))
    threshold = sorted(best.values(), reverse=True)[needed - 1]
    alarms, since, last = 0, np.inf, None
    for frame in normal:
        since = np.inf if last != (frame.source, frame.stretch) else since + frame_s
        last = (frame.source, frame.stretch)
        if frame.answer.score >= threshold:
            alarms += since > _GAP_S
            since = 0.0
    return float(alarms * 3600 / (frame_s * len(normal)))


def ks_distance(p_values: npt.NDArray[np.float64]) -> float:
    """Greatest distance between the distribution of p-values and the uniform one (Kolmogorov and Smirnov)."""
    ordered = np.sort(p_values)
    count = len(ordered)
    if not count:
        return float("nan")
    above = np.arange(1, count + 1) / count - ordered
    below = ordered - np.arange(count) / count
    return float(max(above.max(), below.max()))

"""What a baseline says of a window: how unusual it is, by which part, and where."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.normality.features import Part

__all__ = ["UNUSUAL_P", "Judgement", "Place"]

UNUSUAL_P: Final = 0.05
"""A window, or a part of one, with at most this p-value is explained, and can be taught."""


@dataclass(frozen=True, slots=True)
class Place:
    """One of a part's moments.

    Attributes:
        start_ms: event time.
        p: how likely so unusual a moment is on a normal day.
    """

    start_ms: int
    p: float


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """One window under its source's normal.

    Attributes:
        anomaly_p: p-value over all parts; 1 while warming up.
        warming_up: whether too little was learned to judge.
        parts: p-value of each part that is there.
        score: grows with how unusual the window is; for one baseline comparable over time, also where p ends.
        heat: part with places in the picture -> float32 [R, C], -log10 of each cell's p.
        seconds: of sound, as far as a part that hears finds them unusual; each once, with its least p.
        words: that were unusual.
        states: names of what is wrong with a modality, such as `video.covered`.
        similar: ids of the most similar normal windows, the nearest first.
        is_anomalous: whether the source's budget of alarms has room for telling it.
    """

    anomaly_p: float
    warming_up: bool
    parts: Mapping[Part, float]
    score: float
    heat: Mapping[Part, npt.NDArray[np.float32]] = field(default_factory=dict)
    seconds: tuple[Place, ...] = ()
    words: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    similar: tuple[str, ...] = ()
    is_anomalous: bool = False

    @property
    def is_unusual(self) -> bool:
        """Whether it is worth explaining."""
        return not self.warming_up and self.anomaly_p <= UNUSUAL_P

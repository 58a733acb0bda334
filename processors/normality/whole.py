"""What the parts of a window are together, under the normal of one source, and whether that is an alarm."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy.typing as npt

from processors.normality.budget import AlarmBudget
from processors.normality.calibration import Calibrator
from processors.normality.features import Part
from processors.normality.fusing import fuse
from processors.normality.gate import ScoreGate
from processors.normality.state_file import Groups

__all__ = ["Verdict", "WholeNormal"]

_LEAST_P: Final = 1e-300


@dataclass(frozen=True, slots=True)
class Verdict:
    """Of a window, over all its parts.

    Attributes:
        score: what `fuse` makes of their p-values.
        p: of the score; 1 while warming up.
        is_anomalous: whether the budget has room for it.
    """

    score: float
    p: float
    is_anomalous: bool


class WholeNormal:
    """Puts p-values of parts together, calibrates what comes of it, and holds it to a budget of alarms.

    Args:
        alarms_per_day: how many a person can bear.

    Attributes:
        calibrator: of scores over all parts.
        vouched: minus the logarithm to base 10 of the least p-value that a part can vouch for.
    """

    def __init__(self, alarms_per_day: float) -> None:
        self.calibrator = Calibrator()
        self.vouched = math.inf
        self._gate = ScoreGate()
        self._budget = AlarmBudget(alarms_per_day)

    @property
    def is_warm(self) -> bool:
        """Whether p-values are valid."""
        return self.calibrator.is_warm

    def fuse(self, p_values: Mapping[Part, float]) -> float:
        """The score of p-values, those of 0 included."""
        return fuse({part: max(p, _LEAST_P) for part, p in p_values.items()}, self.vouched)

    def judge(self, p_values: Mapping[Part, float]) -> Verdict:
        """Say how unusual a window is. Changes nothing.

        Args:
            p_values: of the parts that are there and warm.
        """
        score = self.fuse(p_values)
        p = self.calibrator.p_of(score)
        return Verdict(score, p, self._budget.is_anomalous(p))

    def learn(self, score: float, *, trusted: bool = False) -> None:
        """Take the score of a window with a warm part, from before the window was learned."""
        if self._gate.add(score) or trusted:
            self.calibrator.add(score)

    def charge(self, start_ms: int, p: float) -> None:
        """Count what was told of a window in the budget; once for each judged window, learned or not."""
        self._budget.observe(start_ms, p)

    def state(self) -> dict[str, Mapping[str, npt.NDArray[Any]]]:
        """Everything that was learned, but for `vouched`."""
        return {"fused": self.calibrator.state(), "gate": self._gate.state(), "budget": self._budget.state()}

    def take_up(self, groups: Groups, alarms_per_day: float) -> None:
        """Go on from a `state`.

        Raises:
            ModelError: arrays are missing, or don't fit together.
        """
        self.calibrator = Calibrator.from_state(groups["fused"])
        self._gate = ScoreGate.from_state(groups["gate"])
        self._budget = AlarmBudget.from_state(groups["budget"], alarms_per_day)

"""How the scores of one part of a source are distributed."""

from typing import Final

from processors.normality.calibration import WARM_UP, Calibrator
from processors.normality.gate import ScoreGate

__all__ = ["PART_WARM_UP", "PartScores"]

_UNCALIBRATED: Final = 30
"""Windows that a part learns before its scores say anything."""
PART_WARM_UP: Final = _UNCALIBRATED + WARM_UP
"""Windows that a part learns at least before its p-values count."""


class PartScores:
    """P-values of a part's scores, by those of windows that were judged before they were learned.

    Args:
        calibrator: of the scores so far; None begins anew.
        gate: of the scores so far; None begins anew.
    """

    def __init__(self, calibrator: Calibrator | None = None, gate: ScoreGate | None = None) -> None:
        self.calibrator = calibrator or Calibrator()
        self.gate = gate or ScoreGate()

    def windows_missing(self, learned: int) -> int:
        """How many windows the part has to learn at least until its p-values count.

        Args:
            learned: how many it has learned.
        """
        return 0 if self.calibrator.is_warm else max(_UNCALIBRATED - learned, 0) + self.calibrator.missing

    def learn(self, score: float, learned: int, *, trusted: bool = False) -> None:
        """Take the score of a window.

        Args:
            score: from before the window was learned.
            learned: how many windows the part had learned by then.
            trusted: whether somebody vouches that the window is normal.
        """
        if learned >= _UNCALIBRATED and (self.gate.add(score) or trusted):
            self.calibrator.add(score)

"""From a score to a p-value, by the scores of recent windows that were judged before they were learned."""

import math
from collections.abc import Mapping, Sequence
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.sketch import TAIL_SHARE, ScoreSketch
from processors.normality.tail import ParetoTail, fit_tail

__all__ = ["WARM_UP", "Calibrator"]

WARM_UP: Final = 100
"""Scores from which on p-values are valid."""
_HALF_LIFE: Final = 20_000
_JOIN_SHARE: Final = 0.02
_JOIN_COUNT: Final = 10.0
"""Conformal down to this share of the scores, and to so many of them; from there on the tail."""
_DEEP: Final = -23.0
"""Logarithm of p, one in ten thousand million, from which on it falls slowly: so few scores can't tell more of a tail,
and higher ones still differ."""
_FEWEST_IN_TAIL: Final = 20
_HIGHEST: Final = float(np.finfo(np.float32).max)


class Calibrator:
    """Conformal p-values of one stream of scores, with a tail beyond what was seen.

    The p-value of a score is the weight of the remembered scores that are at least as high, and of the score itself, in
    that of all (Vovk, Gammerman and Shafer, 2005; with weights that fade by age, Barber et al., 2023). A score that
    comes again and again counts in full: silence after silence has p 1. Where this leaves fewer than ten scores, or one
    in fifty, a generalised Pareto tail goes on from there without a gap.

    Args:
        half_life: further scores in which the weight of a score halves.
        warm_up: scores before p-values are told.
    """

    def __init__(self, half_life: int = _HALF_LIFE, warm_up: int = WARM_UP) -> None:
        self._half_life = half_life
        self._warm_up = warm_up
        self._sketch = ScoreSketch(half_life)
        self._tail_share = TAIL_SHARE
        self._tail: ParetoTail | None = None
        self._join = math.inf

    @classmethod
    def of(cls, scores: Sequence[float]) -> Self:
        """Calibrated on scores that are there all at once, and warm however few they are.

        Up to half of them make the tail where a tenth would be too few.

        Raises:
            ModelError: a score is not a number.
        """
        calibrator = cls(warm_up=min(WARM_UP, len(scores)))
        calibrator._sketch = ScoreSketch.of([_checked(score) for score in scores], _HALF_LIFE)
        calibrator._tail_share = max(TAIL_SHARE, min(0.5, _FEWEST_IN_TAIL / max(len(scores), 1)))
        calibrator._fit()
        return calibrator

    @property
    def is_warm(self) -> bool:
        """Whether p-values are valid."""
        return self._sketch.count >= self._warm_up

    @property
    def missing(self) -> int:
        """How many scores it still takes until p-values are valid."""
        return max(self._warm_up - self._sketch.count, 0)

    def p_of(self, score: float) -> float:
        """How likely a score at least as high is on a normal day; 1 before the end of the warm-up.

        Raises:
            ModelError: the score is not a number.
        """
        score = _checked(score)
        if not self.is_warm:
            return 1.0
        p = (1 + self._sketch.weight_from(min(score, self._join))) / (1 + self._sketch.weight())
        if self._tail is None or score <= self._join:
            return p
        log_p = math.log(p) + self._tail.log_survival(score) - self._tail.log_survival(self._join)
        return math.exp(log_p if log_p >= _DEEP else _DEEP - math.log1p(_DEEP - log_p))

    def add(self, score: float) -> None:
        """Remember the score of a window, from before it was learned.

        Raises:
            ModelError: the score is not a number.
        """
        if self._sketch.add(_checked(score)):
            self._fit()

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that was learned, as small arrays of at most 1.5 KB together."""
        return self._sketch.state()

    @classmethod
    def from_state(
        cls, state: Mapping[str, npt.NDArray[np.generic]], half_life: int = _HALF_LIFE, warm_up: int = WARM_UP
    ) -> Self:
        """Take up a `state`: the same p-values to the bit.

        Raises:
            ModelError: arrays are missing, or don't fit together.
        """
        calibrator = cls(half_life, warm_up)
        calibrator._sketch = ScoreSketch.from_state(state, half_life)
        calibrator._fit()
        return calibrator

    def _fit(self) -> None:
        self._tail, self._join = None, math.inf
        share = min(max(_JOIN_SHARE, _JOIN_COUNT / (1 + self._sketch.weight_merged)), self._tail_share)
        _, beyond, _ = self._sketch.tail_scores(share)
        if not len(beyond):
            return
        threshold, values, weights = self._sketch.tail_scores(self._tail_share)
        self._tail = fit_tail(threshold, values.astype(np.float64) - threshold, weights.astype(np.float64))
        if self._tail is not None:
            self._join = float(beyond[0])


def _checked(score: float) -> float:
    if math.isnan(score):
        raise ModelError("a score to calibrate is NaN; expected a number: look at the model that gave it")
    return min(max(float(score), -_HIGHEST), _HIGHEST)

"""Beyond what was seen: a generalised Pareto tail of the highest scores."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["ParetoTail", "fit_tail"]

_SHAPE_RANGE: Final = (-0.25, 0.5)
"""From a tail that ends to one without a variance; the estimate is not good outside."""
_DEEPEST: Final = -12.0
"""Log-survival from which a tail that would end goes on exponentially, so that higher scores still differ."""
_PRIOR_SHAPE: Final = 0.0
_PRIOR_WEIGHT: Final = 10.0
"""An exponential tail, believed as firmly as so many scores."""
_FEWEST: Final = 10.0
"""Scores above the threshold, below which no tail is fitted."""
_FEWEST_DISTINCT: Final = 5


@dataclass(frozen=True, slots=True)
class ParetoTail:
    """P(score > x | score > threshold) of a generalised Pareto distribution (Pickands, 1975).

    Attributes:
        threshold: where the tail begins.
        scale: in units of the score, above 0.
        shape: 0 is exponential, above 0 heavier, below 0 the tail ends.
    """

    threshold: float
    scale: float
    shape: float

    def log_survival(self, score: float) -> float:
        """Natural logarithm of the probability of more than a score, given that it is in the tail."""
        excess = max(score - self.threshold, 0.0) / self.scale
        if abs(self.shape) < 1e-6:
            return -excess
        if self.shape < 0:
            known = (math.exp(-_DEEPEST * self.shape) - 1) / self.shape
            if excess > known:
                return _DEEPEST - (excess - known) / (1 + self.shape * known)
        return -math.log1p(self.shape * excess) / self.shape


def fit_tail(
    threshold: float, excesses: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> ParetoTail | None:
    """Fit by weighted probability-weighted moments (Hosking and Wallis, 1987).

    The shape is drawn towards that of an exponential tail where scores are few, and is widened by what a fit to so few
    scores does not know, so that a young tail errs to large p-values.

    Args:
        threshold: of the tail.
        excesses: float64 [N] over the threshold, above 0, ascending.
        weights: float64 [N], how many scores each stands for.

    Returns:
        None where the scores are too few, or too alike, to tell.
    """
    count = float(weights.sum())
    if count < _FEWEST or len(excesses) < _FEWEST_DISTINCT:
        return None
    above = 1 - (np.cumsum(weights) - weights / 2) / count
    mean = float(weights @ excesses) / count
    moment = float(weights @ (excesses * above)) / count
    if not mean > 2 * moment > 0:
        return None
    shape = 2 - mean / (mean - 2 * moment)
    shape = (count * shape + _PRIOR_WEIGHT * _PRIOR_SHAPE) / (count + _PRIOR_WEIGHT) + 1 / np.sqrt(count)
    shape = float(np.clip(shape, *_SHAPE_RANGE))
    # With the shape given, the mean sets the scale, so that clipping or drawing it leaves no gap.
    return ParetoTail(threshold, mean * (1 - shape), shape)

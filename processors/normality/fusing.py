"""One figure out of the p-values of a window's parts, without assuming that they are independent."""

from collections.abc import Collection
from typing import Final

import numpy as np

__all__ = ["fuse"]

_EXPONENT: Final = 0.35
"""1 is the harmonic mean, which sees the least likely part alone; towards 0 all parts count alike. On composed
anomalies, what several parts find a little unlikely, such as a thing that was left behind, is told apart best here."""


def fuse(p_values: Collection[float]) -> float:
    """How unusual the parts are together: minus the logarithm to base 10 of a power mean of their p-values.

    Power means of p-values (Vovk and Wang, 2020) add up the evidence of parts that depend on each other in any way. The
    figure is no p-value itself: a calibrator of such figures makes it one.

    Args:
        p_values: above 0, at most 1, of the parts that are there and warm.

    Returns:
        At least 0; 0 for no parts.
    """
    if not p_values:
        return 0.0
    powers = np.fromiter(p_values, np.float64, len(p_values)) ** -_EXPONENT
    return float(np.log10(powers.mean()) / _EXPONENT)

"""How far stated probabilities are from what comes true."""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["calibration_error"]

_BINS: Final = 15


def calibration_error(stated: npt.NDArray[np.float32], is_true: npt.NDArray[np.bool_]) -> float:
    """Expected calibration error in 15 bins of equal width.

    Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (2015).

    Args:
        stated: float32 [N], probabilities of statements.
        is_true: bool [N], whether each is true.
    """
    bins = np.minimum((stated * _BINS).astype(np.int64), _BINS - 1)
    return float(
        sum(
            (bins == each).mean() * abs(stated[bins == each].mean() - is_true[bins == each].mean())
            for each in np.unique(bins)
        )
    )

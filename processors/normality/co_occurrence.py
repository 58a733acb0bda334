"""Whether two things that are each usual are also usual together."""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["pointwise_mutual_information"]

_NEIGHBOURS: Final = 4
"""A kernel reaches so many prototypes beyond the nearest."""
_LEAST_BANDWIDTH: Final = 0.01
"""Of squared distances: prototypes that lie nearly at one place are one."""
_UNSEEN: Final = 0.01
"""How often a pair counts as seen that never was: it may have been about to come."""

Floats = npt.NDArray[np.float32]


def pointwise_mutual_information(first: Floats, second: Floats, weights: Floats) -> Floats:
    """How much more often the two sides of pairs came together than they would by chance (Church and Hanks, 1990).

    How often a side came is estimated by Gaussian kernels around prototypes of pairs, each as wide as its neighbours
    are far (Loftsgaarden and Quesenberry, 1965) beyond the nearest: a side that is new is taken for the one that it
    is like most, so that newness alone says nothing of the pair.

    Args:
        first: float32 [N, K], squared distances of the first sides of N pairs to those of K prototypes.
        second: float32 [N, K], of the second sides.
        weights: float32 [K], how often each prototype was seen; of one at least above 0.

    Returns:
        float32 [N], in nats: 0 where the sides have nothing to do with each other, below 0 where one keeps the other
        away.
    """
    seen = weights > 0
    total = weights.sum()
    shares = weights[seen] / total
    ones, others = _kernel(first[:, seen]), _kernel(second[:, seen])
    together = ((ones * others) @ weights[seen] + _UNSEEN) / (total + _UNSEEN)
    information: Floats = np.log(together) - np.log(ones @ shares) - np.log(others @ shares)
    return information


def _kernel(squares: Floats) -> Floats:
    beyond = squares - squares.min(axis=1, keepdims=True)
    neighbour = min(_NEIGHBOURS, squares.shape[1] - 1)
    bandwidth = np.partition(beyond, neighbour, axis=1)[:, neighbour, None] + np.float32(_LEAST_BANDWIDTH)
    kernel: Floats = np.exp(-beyond / (2 * bandwidth))
    return kernel

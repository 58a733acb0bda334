"""Prototypes that are near each other are islands, and an island is as common as all of them together."""

import numpy as np
import numpy.typing as npt

__all__ = ["find_islands", "shares_up_to"]

Floats = npt.NDArray[np.float32]


def find_islands(scaled: Floats, reach: Floats, held: npt.NDArray[np.bool_]) -> Floats:
    """Which prototypes of a place are linked, over others too: single linkage.

    Args:
        scaled: float32 [P, S, d], prototypes of each place, in deviations of each dimension.
        reach: float32 [P], root mean square distance up to which two are linked.
        held: bool [P, S], which slots hold a prototype.

    Returns:
        float32 [P, S, S] of 0 and 1; each is linked with itself.
    """
    squares = np.einsum("pkd,pkd->pk", scaled, scaled)
    between = squares[:, :, None] + squares[:, None] - 2 * scaled @ scaled.transpose(0, 2, 1)
    linked = (between <= reach[:, None, None] ** 2 * scaled.shape[-1]) & held[:, :, None] & held[:, None]
    islands: Floats = (linked | np.eye(linked.shape[-1], dtype=bool)).astype(np.float32)
    while not np.array_equal(islands, wider := (islands @ islands > 0).astype(np.float32)):
        islands = wider
    return islands


def shares_up_to(islands: Floats, weights: Floats) -> Floats:
    """What share of its place each prototype's island has, with all islands that are no more common.

    Args:
        islands: of `find_islands`.
        weights: float32 [P, S], 0 of free slots.

    Returns:
        float32 [P, S].
    """
    shares = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    # Rounded, so that the prototypes of one island have one mass.
    masses = np.round(np.einsum("pij,pj->pi", islands, shares), 6)
    rarer = (masses[:, None] <= masses[:, :, None]).astype(np.float32)
    through: Floats = np.einsum("pij,pj->pi", rarer, shares)
    return through

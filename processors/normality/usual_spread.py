"""How far the vectors of a part usually are from their prototypes: in each dimension, and at each place."""

from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.waiting import LASTING_SPELLS

__all__ = ["UsualSpread"]

_SLOWEST_STEP: Final = 1 / 1_000
_STEADY: Final = 1_000
"""Windows from which on the spread of late is steady enough to be remembered."""

# Arrays, which are combined with others in half the time that a number of Python takes.
_FLOOR_SHARE: Final = np.array(0.01**2, np.float32)
"""Squares below this share of those of a dimension's own size are noise of the number format."""
_FAR_OUT: Final = np.array(10, np.float32)
"""Distances count at most so many times the usual one where the usual one is learned."""
_LEAST_REACH: Final = np.array(0.05, np.float32)
_LEAST_DISTANCE: Final = np.array(1e-6, np.float32)
_ZERO: Final = np.array(0, np.float32)
_DEVIATIONS: Final = np.array(3, np.float32)
"""A distance of the mean and so many standard deviations is the unit of ratios."""

_WIDER: Final = np.float32(1 / LASTING_SPELLS)
_NARROWER: Final = np.float32(1 / 168)
"""By how much of the way the lasting spread follows that of late at the turn of an hour: up within six hours, as what
came in six becomes normal, down within a week."""
_MOST: Final = float(np.finfo(np.float16).max)

Floats = npt.NDArray[np.float32]


class UsualSpread:
    """What the distances of a memory bank are measured in.

    It is the spread of the windows of late, about a thousand, or a lasting one where that is wider: otherwise what is
    usual by day would be far from everything after each quiet night.

    Args:
        places: of the bank.
        dim: length of its vectors.
        least: deviation in each dimension that is never unusual.
    """

    def __init__(self, places: int, dim: int, least: float) -> None:
        self._least_square = np.array(least**2 + 1e-12, np.float32)
        # Parts of one array each, which take less of a state than seven.
        self._late = np.concatenate([np.zeros(2 * dim), np.ones(2 * places)]).astype(np.float32)
        self._square, self._variance, self._reach, self._reach_square = np.split(
            self._late, [dim, 2 * dim, 2 * dim + places]
        )
        self._lasting = np.zeros(dim + 2 * places, np.float32)
        self._lasting_deviation, self._lasting_reach, self._lasting_unit = np.split(self._lasting, [dim, dim + places])

    @property
    def deviation(self) -> Floats:
        """Of each dimension, above 0: float32 [d]."""
        floor = _FLOOR_SHARE * self._square + self._least_square
        deviation: Floats = np.maximum(np.sqrt(np.maximum(self._variance, floor)), self._lasting_deviation)
        return deviation

    @property
    def reach(self) -> Floats:
        """Distance of a vector from its prototype at each place, in deviations: float32 [P], above 0."""
        reach: Floats = np.maximum(np.maximum(self._reach, _LEAST_REACH), self._lasting_reach)
        return reach

    @property
    def unit(self) -> Floats:
        """Of ratios at each place: one where things come and go has a wider normal than one where nothing does."""
        unit: Floats = np.maximum(np.maximum(self._late_unit(), _LEAST_REACH), self._lasting_unit)
        return unit

    def begin_hour(self, learned: int) -> None:
        """Remember how wide the spread is at the turn of an hour; `learned` windows came before."""
        if learned < _STEADY:
            return
        late = np.concatenate([np.sqrt(self._variance), self._reach, self._late_unit()])
        step = np.where(late > self._lasting, _WIDER, _NARROWER)
        # In half precision, as in a state.
        self._lasting[:] = np.minimum(self._lasting + step * (late - self._lasting), _MOST).astype(np.float16)

    def begin(self, vectors: Floats) -> None:
        """Take up how large the first window's vectors are, float32 [N, d]: nothing was there to be away from."""
        self._square[:] = _mean(np.square(vectors))

    def follow(self, vectors: Floats, away: Floats, distances: Floats, learned: int) -> None:
        """Follow what is usual, in which what is far counts at a bounded size.

        Args:
            vectors: float32 [N, d].
            away: float32 [N, d], from the nearest prototype to each.
            distances: float32 [N], root mean square of that in deviations.
            learned: windows that came before, at least one.
        """
        # Rather by the latest windows: the distances to the first few prototypes are those of a bank that knew nothing.
        step = np.array(max(4 / (learned + 3), _SLOWEST_STEP), np.float32)
        inside = np.minimum(distances, _FAR_OUT * self.reach)
        squares = np.square(away)
        if learned > 1:
            squares *= np.square(inside / np.maximum(distances, _LEAST_DISTANCE))[:, None]
        square = np.square(inside)
        if len(self._reach) == 1 < len(inside):
            inside, square = _mean(inside[:, None]), _mean(square[:, None])
        now = np.concatenate([_mean(np.square(vectors)), _mean(squares), inside, square])
        self._late += step * (now - self._late)

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that was learned."""
        return {"late": self._late, "lasting": self._lasting.astype(np.float16)}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]], places: int, dim: int, least: float) -> Self:
        """Take up a `state`.

        Raises:
            ModelError: arrays are missing, or of another shape.
        """
        spread = cls(places, dim, least)
        for name, array in spread.state().items():
            given = state.get(name)
            if given is None or given.shape != array.shape or given.dtype != array.dtype:
                found = "missing" if given is None else f"{given.dtype} {given.shape}"
                raise ModelError(f"{name} of a spread is {found}, expected {array.dtype} {array.shape}")
        spread._late[:], spread._lasting[:] = state["late"], state["lasting"]
        return spread

    def _late_unit(self) -> Floats:
        deviation = np.sqrt(np.maximum(self._reach_square - np.square(self._reach), _ZERO))
        unit: Floats = self._reach + _DEVIATIONS * deviation
        return unit


def _mean(rows: Floats) -> Floats:
    """What `np.mean` over the first axis says, which takes longer to prepare itself than to add few rows up."""
    mean: Floats = rows[0] if len(rows) == 1 else np.add.reduce(rows, axis=0) / len(rows)
    return mean

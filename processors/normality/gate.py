"""Which scores a calibration takes: not those that are far out, as long as they are few.

A share of the highest scores can't be left out: of what is left the highest would be left out next, and p-values would
shrink for ever. What is left out is therefore told by its distance from the rest, not by its rank.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError

__all__ = ["ScoreGate"]

_RECENT: Final = 64
_FEWEST: Final = 16
_FAR: Final = 6.0
"""So many times the distance of the ninth decile from the median, above the ninth decile. An exponential tail has one
score in 150,000 beyond that."""
_FEW: Final = 0.06
_STEP: Final = 1 - 0.5 ** (1 / 2_000)


class ScoreGate:
    """Tells the few scores far out from the rest; they count where they are more than 6 % of thousands."""

    def __init__(self) -> None:
        self._recent: list[float] = []
        self._share_far = 0.0
        self._order: list[float] = []

    @property
    def median(self) -> float:
        """Of recent scores; 0 before there are any."""
        return self._order[len(self._order) // 2] if self._order else 0.0

    def add(self, score: float) -> bool:
        """Note a score; say whether it is one to calibrate with."""
        far = self._is_far(score)
        self._share_far += _STEP * (far - self._share_far)
        if far and self._share_far <= _FEW:
            return False
        self._recent.append(float(np.float32(score)))
        insort(self._order, self._recent[-1])
        if len(self._recent) > _RECENT:
            del self._order[bisect_left(self._order, self._recent.pop(0))]
        return True

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything, in 264 bytes."""
        return {"recent": np.array(self._recent, np.float32), "share_far": np.array([self._share_far])}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Take up a `state`.

        Raises:
            ModelError: arrays are missing.
        """
        gate = cls()
        try:
            gate._recent = state["recent"].astype(np.float32).reshape(-1)[-_RECENT:].tolist()
            gate._share_far = float(state["share_far"][0])
        except (KeyError, IndexError) as error:
            raise ModelError(f"the state of a gate has {sorted(state)}: {error}") from error
        gate._order = sorted(gate._recent)
        return gate

    def _is_far(self, score: float) -> bool:
        if len(self._order) < _FEWEST:
            return False
        ninth = self._order[len(self._order) * 9 // 10]
        return score > ninth + _FAR * max(ninth - self.median, 0.05 * abs(ninth))

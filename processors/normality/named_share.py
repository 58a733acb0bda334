"""How often windows of a source have a state with a name, and so how unlikely one that has is."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.normality.waiting import RARE_SHARE

__all__ = ["NamedShare"]

_KEEP: Final = 0.5 ** (1 / 20_000)
"""What is left of a window's weight after the next: half after as many as halve that of a score."""


class NamedShare:
    """Conformal p-values of a score that is 1 for windows with a named state and 0 for all others.

    Named windows wait, as all that is rare does: they are counted once they make up more than 6 %.
    """

    def __init__(self) -> None:
        self._seen = 0.0
        self._named = 0.0
        self._vouched = 0.0

    @classmethod
    def of(cls, scores: Sequence[float]) -> Self:
        """By scores that are there all at once, all of which count."""
        share = cls()
        share._seen, share._vouched = len(scores), sum(scores)
        return share

    def p_of(self, score: float) -> float:
        """How likely a window has at least such a score on a normal day."""
        named = self._vouched + (self._named if self._named > RARE_SHARE * self._seen else 0)
        return (1 + named) / (1 + self._seen) if score else 1.0

    def learn(self, score: float, *, trusted: bool = False) -> None:
        """Take the score of a window.

        Args:
            score: from before the window was learned.
            trusted: whether somebody vouches that the window is normal.
        """
        self._seen, self._named, self._vouched = (_KEEP * each for each in (self._seen, self._named, self._vouched))
        self._seen += 1
        if trusted:
            self._vouched += score
        else:
            self._named += score

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that was learned."""
        return {"counts": np.array([self._seen, self._named, self._vouched])}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Take up a `state`: the same p-values to the bit."""
        share = cls()
        share._seen, share._named, share._vouched = state["counts"].tolist()
        return share

"""The words of one source: which are usual, and how unusual those of a window are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.normality.calibration import Calibrator
from processors.normality.gate import ScoreGate
from processors.normality.state_groups import grouped, joined
from processors.normality.vocabulary import Vocabulary, hash_word

__all__ = ["WordsAnswer", "WordsNormal"]

_MOST_TOLD: Final = 8


@dataclass(frozen=True, slots=True)
class WordsAnswer:
    """The words of a window under what is usual.

    Attributes:
        score: grows with how many of them are new, or nearly.
        p: of the score.
        unheard: those that were never heard before.
        rarest: hashes of the rarest.
    """

    score: float
    p: float
    unheard: tuple[str, ...]
    rarest: frozenset[int]


class WordsNormal:
    """Judges and learns the words of windows."""

    def __init__(self) -> None:
        self.calibrator = Calibrator()
        self._vocabulary = Vocabulary()
        self._gate = ScoreGate()

    def judge(self, words: Collection[str], taught: frozenset[int]) -> WordsAnswer:
        """Say how unusual words are, but for those taught normal. Changes nothing."""
        hashes = {word: hash_word(word) for word in words}
        told = {word: each for word, each in hashes.items() if each not in taught}
        score = self._vocabulary.score(told.values())
        unheard = tuple(word for word, each in told.items() if not self._vocabulary.count(each))[:_MOST_TOLD]
        rarest = sorted(set(hashes.values()), key=lambda each: (self._vocabulary.count(each), each))[:_MOST_TOLD]
        return WordsAnswer(score, self.calibrator.p_of(score), unheard, frozenset(rarest))

    def learn(self, words: Collection[str], answer: WordsAnswer, *, trusted: bool) -> None:
        """Learn from the words of a window that were judged before."""
        if self._gate.add(answer.score) or trusted:
            self.calibrator.add(answer.score)
        self._vocabulary.learn(words)

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that was learned."""
        return joined(
            {"counts": self._vocabulary.state(), "calibration": self.calibrator.state(), "gate": self._gate.state()}
        )

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Take up a `state`.

        Raises:
            ModelError: arrays are missing, or don't fit together.
        """
        groups, normal = grouped(state), cls()
        normal.calibrator = Calibrator.from_state(groups["calibration"])
        normal._vocabulary = Vocabulary.from_state(groups["counts"])
        normal._gate = ScoreGate.from_state(groups["gate"])
        return normal

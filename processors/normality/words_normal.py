"""The words of one source: which are usual, and how unusual those of a window are."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.normality.calibration import Calibrator
from processors.normality.gate import ScoreGate
from processors.normality.judgement import UNUSUAL_P
from processors.normality.part_scores import PartScores
from processors.normality.state_groups import grouped, joined
from processors.normality.vocabulary import Vocabulary, hash_word

__all__ = ["WordsAnswer", "WordsNormal"]

_MOST_TOLD: Final = 8
"""Words that make a window's score, and are told."""
_MOST_TAUGHT: Final = 64
"""Words that a lesson keeps of a window."""
_LEAST_DEVIATION: Final = 1 / 6
_STEPS: Final = 4
"""Of a deviation: what is usual moves slowly, and words that come again and again must not seem ever more unusual."""
_SLOWEST_STEP: Final = 1 / 1_000


@dataclass(frozen=True, slots=True)
class WordsAnswer:
    """The words of a window under what is usual.

    Attributes:
        score: grows with how many of them are new, or wait to become usual, beside how many usually do.
        p: of the score.
        amounts: how new they are together, and how many wait.
        unusual: those that make it unusual, the rarest first; without those taught normal.
        rarest: hashes of the rarest, as many as a lesson keeps.
        said: hashes of all.
        waiting: hashes of those that were never heard, or are rare; as many as are told.
    """

    score: float
    p: float
    amounts: tuple[float, float]
    unusual: tuple[str, ...]
    rarest: frozenset[int]
    said: frozenset[int]
    waiting: frozenset[int]

    def is_like(self, taught: frozenset[int]) -> bool:
        """Whether at least half of the words of a lesson are said."""
        return 2 * len(taught & self.said) >= len(taught)


class WordsNormal:
    """Judges and learns the words of windows.

    Two amounts are compared with what is usual: how new words are (1 for each that was never heard, a half for one
    heard once, and so on), and how many wait. The first tells a new word where words that wait are common; the second
    still tells it when it was heard in up to 5 % of the windows.
    """

    def __init__(self) -> None:
        self._scores = PartScores()
        self._vocabulary = Vocabulary()
        self._learned = 0
        self._mean, self._square = np.zeros(2), np.zeros(2)

    @property
    def calibrator(self) -> Calibrator:
        """Of the scores."""
        return self._scores.calibrator

    @calibrator.setter
    def calibrator(self, calibrator: Calibrator) -> None:
        self._scores.calibrator = calibrator

    def judge(self, words: Collection[str], taught: frozenset[int]) -> WordsAnswer:
        """Say how unusual words are, but for those taught normal. Changes nothing."""
        said = {hash_word(word): word for word in words}
        heard = self._vocabulary.look_up(said)
        counts, waiting = heard.counts.tolist(), heard.waiting.tolist()
        order = sorted(range(len(said)), key=lambda at: (not waiting[at], counts[at], at))
        hashes = list(said)
        is_taught = [each in taught for each in hashes]
        counted = [at for at in order if not is_taught[at]][:_MOST_TOLD]
        newness = sum(1 / (1 + counts[at]) for at in counted)
        amounts = (newness, float(sum(waiting[at] for at in counted)))
        score = self._score(amounts)
        p = self.calibrator.p_of(score)
        told = [at for at in counted if waiting[at] and (not counts[at] or p <= UNUSUAL_P)]
        return WordsAnswer(
            score,
            p,
            amounts,
            tuple(said[hashes[at]] for at in told),
            frozenset(hashes[at] for at in order[:_MOST_TAUGHT]),
            frozenset(said),
            frozenset(hashes[at] for at in counted if waiting[at]),
        )

    def learn(self, answer: WordsAnswer, at_ms: int, *, trusted: bool) -> None:
        """Learn from the words of a window that were judged before.

        Args:
            answer: of `judge`, with nothing learned since.
            at_ms: start of the window.
            trusted: whether somebody vouches that they are normal.
        """
        self._scores.learn(answer.score, self._learned, trusted=trusted)
        self._learned += 1
        # Rather by the latest windows: in the first few every word is new.
        step = max(4 / (self._learned + 3), _SLOWEST_STEP)
        amounts = np.array(answer.amounts)
        self._mean += step * (amounts - self._mean)
        self._square += step * (amounts**2 - self._square)
        self._vocabulary.learn(answer.said, at_ms, trusted=trusted)

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that was learned."""
        usual = {"learned": np.array([self._learned]), "mean": self._mean, "square": self._square}
        return joined(
            {
                "vocabulary": self._vocabulary.state(),
                "usual": usual,
                "calibration": self.calibrator.state(),
                "gate": self._scores.gate.state(),
            }
        )

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Take up a `state`.

        Raises:
            ModelError: arrays are missing, or don't fit together.
        """
        groups, normal = grouped(state), cls()
        calibrator, gate = Calibrator.from_state(groups["calibration"]), ScoreGate.from_state(groups["gate"])
        normal._scores = PartScores(calibrator, gate)
        normal._vocabulary = Vocabulary.from_state(groups["vocabulary"])
        usual = groups["usual"]
        normal._learned = int(usual["learned"][0])
        normal._mean, normal._square = usual["mean"].copy(), usual["square"].copy()
        return normal

    def _score(self, amounts: tuple[float, float]) -> float:
        """How new words are, and how far both amounts are above what is usual here, together, in deviations."""
        deviation = np.sqrt(np.maximum(self._square - self._mean**2, 0)) + _LEAST_DEVIATION
        beyond = float(((np.array(amounts) - self._mean) / deviation).sum())
        return amounts[0] + max(round(_STEPS * beyond), 0) / _STEPS

"""Which words a source has heard: counts in a table of fixed size that forgets slowly."""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError

__all__ = ["Vocabulary", "hash_word"]

_ROWS: Final = 2
_COLUMNS: Final = 1_024
_HALVE_AFTER: Final = 20_000
_MOST: Final = 255
_COUNTED: Final = 8
"""The rarest words of a window that make its score."""


def hash_word(word: str) -> int:
    """32 bits of a word, the same everywhere."""
    return zlib.crc32(word.encode())


class Vocabulary:
    """A count-min sketch of words (Cormode and Muthukrishnan, 2005): never too low, seldom too high."""

    def __init__(self) -> None:
        self._counts = np.zeros((_ROWS, _COLUMNS), np.uint8)
        self._until_halving = _HALVE_AFTER

    def count(self, word_hash: int) -> int:
        """How often a word was heard lately."""
        first, second = _columns(word_hash)
        return int(min(self._counts[0, first], self._counts[1, second]))

    def score(self, word_hashes: Iterable[int]) -> float:
        """How unheard the words of a window are: 1 for each that is new, a half for each heard once, and so on."""
        rarest = sorted(self.count(each) for each in set(word_hashes))[:_COUNTED]
        return float(sum(1 / (1 + count) for count in rarest if count < _MOST))

    def learn(self, words: Iterable[str]) -> None:
        """Count the words of a window, each once."""
        for word in sorted(set(words)):
            for row, column in enumerate(_columns(hash_word(word))):
                self._counts[row, column] = min(int(self._counts[row, column]) + 1, _MOST)
            self._until_halving -= 1
        if self._until_halving <= 0:
            self._counts //= 2
            self._until_halving = _HALVE_AFTER

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything, in 2 KB."""
        return {"counts": self._counts, "until_halving": np.array([self._until_halving], np.int32)}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Take up a `state`.

        Raises:
            ModelError: arrays are missing, or of another shape.
        """
        vocabulary = cls()
        try:
            counts = state["counts"]
            vocabulary._until_halving = int(state["until_halving"][0])
        except (KeyError, IndexError) as error:
            raise ModelError(f"the state of a vocabulary has {sorted(state)}: {error}") from error
        if counts.shape != vocabulary._counts.shape or counts.dtype != np.uint8:
            raise ModelError(f"counts of words are {counts.dtype} {counts.shape}, expected uint8 {(_ROWS, _COLUMNS)}")
        vocabulary._counts = counts.copy()
        return vocabulary


def _columns(word_hash: int) -> tuple[int, int]:
    return word_hash % _COLUMNS, (word_hash >> 16) * 2_654_435_761 % 2**32 % _COLUMNS

"""Which words a source has heard, how often and in how many hours: a table of fixed size that forgets slowly."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.waiting import GONE_MS, LASTING_SPELLS, RARE_SHARE, SPELL_MS

__all__ = ["Heard", "Vocabulary", "hash_word"]

_BUCKETS: Final = 352
_WAYS: Final = 8
"""Words of a bucket. A word may be in either of two; where both are full, the one that was heard least is given up."""
_TAGS: Final = 2_047
"""A word is known in its buckets by its tag: at most one of 128 new words is taken for another, in a full table."""
_TRUSTED: Final = 7
_HALVE_AT: Final = 8_192
"""Windows with words after which all counts halve."""
_EXACT: Final = 128
_COARSE_STEP: Final = 4
"""A code of eight bits counts one by one up to `_EXACT`, and from there on every fourth, drawn by word and window."""
_SPELL_BITS: Final = 7
_THIS_HOUR: Final = 8
_LATELY: Final = 16
_TAG_SHIFT: Final = 5

Places = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Buckets and ways of words."""


def hash_word(word: str) -> int:
    """32 bits of a word, the same everywhere."""
    return zlib.crc32(word.encode())


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What is known of some words.

    Attributes:
        counts: int64 [N], windows that each was heard in lately, at least as many as hours; coarse from 128 on.
        lasting: bool [N], whether it came in six different hours, or was vouched for.
        waiting: bool [N], whether it is not usual: never heard, or in few windows of few hours.
    """

    counts: npt.NDArray[np.int64]
    lasting: npt.NDArray[np.bool_]
    waiting: npt.NDArray[np.bool_]


class Vocabulary:
    """Up to 2,816 words by hash. What is rare is held, but waits.

    A word is usual once it came in more than 6 % of the windows with words, or in six different hours. So what is said
    in 5 % of the windows of the first hour stays as unusual as what was never said.
    """

    def __init__(self) -> None:
        # Of each word its tag, whether it came in these fifteen days and in this hour, and in how many hours.
        self._marks = np.zeros((_BUCKETS, _WAYS), np.uint16)
        self._codes = np.zeros((_BUCKETS, _WAYS), np.uint8)
        self._windows = 0
        self._hour = self._stretch = -1

    def look_up(self, word_hashes: Iterable[int]) -> Heard:
        """What is known of words. Changes nothing."""
        hashes = np.fromiter(word_hashes, np.int64)
        (buckets, ways), known = self._find(hashes)
        spells = np.where(known, self._marks[buckets, ways] & _SPELL_BITS, 0)
        counts = np.maximum(np.where(known, _count_of(self._codes[buckets, ways]), 0), spells)
        lasting = spells >= LASTING_SPELLS
        return Heard(counts, lasting, ~lasting & (counts <= RARE_SHARE * self._windows))

    def learn(self, word_hashes: Iterable[int], at_ms: int, *, trusted: bool = False) -> None:
        """Count the words of a window, each once.

        Args:
            word_hashes: of its words.
            at_ms: its start.
            trusted: whether somebody vouches that its words are normal, so that none waits.
        """
        hashes = np.array(sorted(set(word_hashes)), np.int64)
        if not len(hashes):
            return
        self._begin(at_ms)
        self._windows += 1
        at, known = self._find(hashes)
        if not known.all():
            new = hashes[~known]
            for buckets, tag in zip(_buckets_of(new), _tags_of(new).tolist(), strict=True):
                self._make_room(buckets, tag)
            # Buckets that got more new words than they hold have lost the first of them.
            at, known = self._find(hashes)
        self._count((at[0][known], at[1][known]), hashes[known], trusted=trusted)
        if self._windows >= _HALVE_AT:
            self._codes = _code_of(_count_of(self._codes) // 2)
            self._windows //= 2

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything, in 8.3 KB."""
        times = np.array([self._windows, self._hour, self._stretch], np.int64)
        return {"marks": self._marks, "codes": self._codes, "times": times}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Take up a `state`.

        Raises:
            ModelError: arrays are missing, or of another shape.
        """
        vocabulary = cls()
        try:
            marks, codes = state["marks"], state["codes"]
            vocabulary._windows, vocabulary._hour, vocabulary._stretch = state["times"].tolist()
        except (KeyError, ValueError) as error:
            raise ModelError(f"the state of a vocabulary has {sorted(state)}: {error}") from error
        for given, own in ((marks, vocabulary._marks), (codes, vocabulary._codes)):
            if given.shape != own.shape or given.dtype != own.dtype:
                raise ModelError(f"words are {given.dtype} {given.shape}, expected {own.dtype} {own.shape}")
        vocabulary._marks, vocabulary._codes = marks.copy(), codes.copy()
        return vocabulary

    def _find(self, hashes: npt.NDArray[np.int64]) -> tuple[Places, npt.NDArray[np.bool_]]:
        either = _buckets_of(hashes)
        same = (self._marks[either] >> _TAG_SHIFT == _tags_of(hashes)[:, None, None]).reshape(len(hashes), -1)
        place = same.argmax(axis=1)
        return (either[np.arange(len(hashes)), place // _WAYS], place % _WAYS), same.any(axis=1)

    def _begin(self, at_ms: int) -> None:
        """Take note of a window's time, before its words are counted."""
        if at_ms // SPELL_MS != self._hour:
            self._hour = at_ms // SPELL_MS
            self._marks &= 0xFFFF ^ _THIS_HOUR
        stretch = at_ms // GONE_MS
        if stretch != self._stretch:
            gone = (self._marks & _LATELY == 0) | (stretch > self._stretch + 1)
            self._marks[gone] &= 0xFFFF ^ _SPELL_BITS
            self._marks &= 0xFFFF ^ _LATELY
            self._stretch = stretch

    def _make_room(self, buckets: npt.NDArray[np.int64], tag: int) -> None:
        marks = self._marks[buckets]
        worth = _count_of(self._codes[buckets]) + _HALVE_AT * (marks & _SPELL_BITS).astype(np.int64)
        is_free = marks == 0
        # Into the emptier bucket, so that all fill alike.
        worth = np.where(is_free, -is_free.sum(axis=1, keepdims=True), worth)
        which, way = np.unravel_index(worth.argmin(), worth.shape)
        at = buckets[which], way
        self._marks[at], self._codes[at] = tag << _TAG_SHIFT, 0

    def _count(self, at: Places, hashes: npt.NDArray[np.int64], *, trusted: bool) -> None:
        marks, codes = self._marks[at], self._codes[at]
        drawn = ((hashes ^ (self._windows * 2_654_435_761)) >> 9) % _COARSE_STEP == 0
        self._codes[at] = codes + ((codes < 255) & ((codes < _EXACT) | drawn))
        spells = marks & _SPELL_BITS
        again = (marks & _THIS_HOUR == 0) & (spells < LASTING_SPELLS)
        spells = np.full_like(spells, _TRUSTED) if trusted else spells + again
        self._marks[at] = (marks & (0xFFFF ^ _SPELL_BITS)) | spells | _THIS_HOUR | _LATELY


def _buckets_of(hashes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Two of each word: int64 [N, 2]."""
    return np.stack([hashes, hashes * 2_654_435_761 >> 16], axis=1) % _BUCKETS


def _tags_of(hashes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return 1 + (hashes // _BUCKETS) % _TAGS


def _count_of(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    wide = codes.astype(np.int64)
    return np.where(wide <= _EXACT, wide, _EXACT + _COARSE_STEP * (wide - _EXACT))


def _code_of(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    codes = np.where(counts <= _EXACT, counts, _EXACT + (counts - _EXACT) // _COARSE_STEP)
    return codes.astype(np.uint8)

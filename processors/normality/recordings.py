"""The normal of recordings that are there as a whole: learned from all, calibrated on stretches held out in turn."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from processors.errors import ModelError
from processors.normality.baseline import SourceBaseline
from processors.normality.features import WindowFeatures

__all__ = ["FEWEST_LENGTHS", "FEWEST_WINDOWS", "TooFewWindows", "learn_recordings", "learning_steps"]

FEWEST_WINDOWS: Final = 20
"""Windows below which nothing can be said."""
FEWEST_LENGTHS: Final = 8
"""How many times the length of a window the recordings last together at least, so that some do not overlap."""

_CAPACITY: Final = 8
"""Recordings are learned once and not kept in a store: half a megabyte of prototypes tells more than 64 KB."""
_FOLDS: Final = 4
_MANY_WINDOWS: Final = 4_000
"""From here on two stretches are enough: each half knows as much as it is going to."""


class TooFewWindows(ModelError):
    """Recordings are too short to learn from.

    Attributes:
        count: windows that there are.
        lasting_ms: how long they last together.
    """

    def __init__(self, count: int, lasting_ms: int, length_ms: int) -> None:
        super().__init__(
            f"{count} normal windows that last {lasting_ms} ms are too few to learn from; expected at least "
            f"{FEWEST_WINDOWS} windows that last {FEWEST_LENGTHS * length_ms} ms"
        )
        self.count = count
        self.lasting_ms = lasting_ms


def learn_recordings(
    recordings: Sequence[Sequence[WindowFeatures]], *, progress: Callable[[int], object] = lambda _: None
) -> SourceBaseline:
    """Learn from normal recordings, each in order.

    A stream is judged after hundreds of windows only, which were judged before they were learned. A recording can be
    read more than once: the windows are cut into stretches, each stretch is judged by a baseline that learned only
    windows which do not overlap it, and these scores calibrate the baseline that learned everything.

    Args:
        recordings: the windows of each, on one time line, so that none overlaps a window of another recording.
        progress: told now and then how many of `learning_steps` were made since it was told last.

    Raises:
        TooFewWindows: there are fewer than `FEWEST_WINDOWS`, or they last less than `FEWEST_LENGTHS` of them.
        ModelError: a window has features that are not finite, or are not like those of the others.
    """
    _require_enough(recordings)
    windows = sorted((window for recording in recordings for window in recording), key=lambda each: each.start_ms)
    stretches = _cut(windows)
    held_out = []
    for stretch in stretches:
        start_ms, end_ms = stretch[0].start_ms, max(window.end_ms for window in stretch)
        apart = [window for window in windows if window.end_ms <= start_ms or window.start_ms >= end_ms]
        others = _learn(apart)
        held_out.append([others.scores_of(window) for window in stretch])
        progress(len(windows))
    baseline = _learn(windows)
    baseline.calibrate(held_out)
    progress(len(windows))
    return baseline


def learning_steps(windows: int) -> int:
    """How many steps learning so many windows takes."""
    return (_folds(windows) + 1) * windows


def _learn(windows: Sequence[WindowFeatures]) -> SourceBaseline:
    baseline = SourceBaseline(capacity=_CAPACITY)
    for window in windows:
        baseline.learn(f"recording/{window.start_ms}/{window.end_ms - window.start_ms}", window, trusted=True)
    return baseline


def _cut(windows: Sequence[WindowFeatures]) -> list[Sequence[WindowFeatures]]:
    folds = _folds(len(windows))
    edges = [len(windows) * number // folds for number in range(folds + 1)]
    return [windows[first:last] for first, last in pairwise(edges)]


def _folds(windows: int) -> int:
    return 2 if windows >= _MANY_WINDOWS else _FOLDS


def _require_enough(recordings: Sequence[Sequence[WindowFeatures]]) -> None:
    count = sum(map(len, recordings))
    lasting_ms = sum(windows[-1].end_ms - windows[0].start_ms for windows in recordings if windows)
    length_ms = max((each.end_ms - each.start_ms for windows in recordings for each in windows), default=0)
    if count < FEWEST_WINDOWS or lasting_ms < FEWEST_LENGTHS * length_ms:
        raise TooFewWindows(count, lasting_ms, length_ms)

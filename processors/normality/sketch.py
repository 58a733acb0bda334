"""How scores are distributed, in two kilobytes: fine where they are high, forgetting slowly."""

from bisect import bisect_left
from collections.abc import Mapping
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError

__all__ = ["TAIL_SHARE", "ScoreSketch"]

TAIL_SHARE: Final = 0.1
"""The share of the highest scores that is kept finely, and to which a tail is fitted."""
_BULK_BINS: Final = 48
_TAIL_BINS: Final = 48
_FINEST_SHARE: Final = 1e-4
"""Below this share of the highest scores, bins grow no finer: what is that rare is kept score by score."""
_PENDING: Final = 32
_STATE: Final = ("values", "weights", "pending", "count")

Floats = npt.NDArray[np.float32]


class ScoreSketch:
    """A weighted sample of all scores, near ones merged (after the t-digest of Dunning and Ertl, 2019).

    The weight of a score halves in `half_life` further scores. While fewer than about that were seen, weights grow
    linearly with the order of coming instead, so that what an immature model scored is soon outweighed. A value that
    comes again and again stays exactly as it is.
    """

    def __init__(self, half_life: int) -> None:
        self._forget = np.log(2) / half_life
        self._values: Floats = np.zeros(0, np.float32)
        self._weights: Floats = np.zeros(0, np.float32)
        self._pending: list[float] = []
        self.count = 0
        """Scores ever added."""
        self._index()

    @classmethod
    def of(cls, scores: npt.ArrayLike, half_life: int) -> Self:
        """Of scores that are there all at once: none of them is older than another."""
        sketch = cls(half_life)
        values = np.sort(np.asarray(scores, np.float32)).astype(np.float64)
        if len(values):
            values, weights = _merged(values, np.ones(len(values)))
            sketch._values, sketch._weights = values.astype(np.float32), weights.astype(np.float32)
        sketch.count = np.size(scores)
        sketch._index()
        return sketch

    def add(self, score: float) -> bool:
        """Take one score; say whether the merged part changed, and with it what `tail_scores` returns."""
        self._pending.append(_rounded(score))
        self.count += 1
        if len(self._pending) < _PENDING:
            return False
        self._merge_pending()
        return True

    @property
    def weight_merged(self) -> float:
        """Of the scores that `tail_scores` is about."""
        return self._total

    def weight(self) -> float:
        """Of all scores together, the newest having 1."""
        return self._total + len(self._pending)

    def weight_from(self, score: float) -> float:
        """Of the scores that are at least as high; a value that came again and again counts in full, others by half."""
        rounded = _rounded(score)
        pending = float(sum([value >= rounded for value in self._pending]))
        at = bisect_left(self._places, rounded)
        if at == len(self._places):
            # The mean of the highest bin is not its highest score.
            return pending
        if at == 0:
            return pending + self._total
        low, high = self._places[at - 1], self._places[at]
        above, below = self._above[at - 1], self._below[at]
        return pending + above + (rounded - low) / (high - low) * (below - above)

    def tail_scores(self, share: float) -> tuple[float, Floats, Floats]:
        """The merged scores whose weight from above is at most a share of the whole.

        Returns:
            Where they begin, their values, ascending, and their weights; -infinity and nothing where nothing is merged
            yet.
        """
        first = max(int(np.searchsorted(-self._from, -share * self._total)), 1)
        if first >= len(self._values):
            return -np.inf, self._values[:0], self._weights[:0]
        below, gap = float(self._values[first - 1]), float(self._values[first] - self._values[first - 1])
        begin = below + gap * float(self._spread[first - 1] / (self._spread[first - 1] + self._weights[first]))
        return begin, self._values[first:], self._weights[first:]

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything, as arrays of at most 1.5 KB together."""
        state: dict[str, npt.NDArray[np.generic]] = {"count": np.array([self.count], np.int64)}
        return state | {name: np.array(getattr(self, f"_{name}"), np.float32) for name in _STATE[:-1]}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[np.generic]], half_life: int) -> Self:
        """Take up a `state`.

        Raises:
            ModelError: arrays are missing, or don't fit together.
        """
        sketch = cls(half_life)
        try:
            arrays = [np.asarray(state[name]).astype(np.float32) for name in _STATE[:-1]]
            count = int(np.asarray(state["count"]).reshape(1)[0])
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError(
                f"a calibration's state has {sorted(state)}, expected {sorted(_STATE)}: {error}"
            ) from error
        values, weights, pending = arrays
        if values.shape != weights.shape:
            shapes = {name: each.shape for name, each in zip(_STATE, arrays, strict=False)}
            raise ModelError(f"a calibration's values and weights differ in number: {shapes}")
        sketch._values, sketch._weights = values, weights
        sketch._pending = pending.tolist()
        sketch.count = count
        sketch._index()
        return sketch

    def _merge_pending(self) -> None:
        orders = np.arange(self.count - len(self._pending) + 1, self.count + 1)
        keep = 1 - np.maximum(self._forget, 1 / orders)
        fading = np.cumprod(np.append(keep[1:], 1.0)[::-1])[::-1]
        values = np.append(self._values, self._pending)
        weights = np.append(self._weights * (keep[0] * fading[0]), fading)
        order = np.argsort(values, kind="stable")
        values, weights = _merged(values[order].astype(np.float64), weights[order].astype(np.float64))
        self._values, self._weights = values.astype(np.float32), weights.astype(np.float32)
        self._pending = []
        self._index()

    def _index(self) -> None:
        weights = self._weights.astype(np.float64)
        self._from = np.cumsum(weights[::-1])[::-1]
        self._total = float(self._from[0]) if len(weights) else 0.0
        atoms = _are_atoms(weights, self._from)
        self._spread = np.where(atoms, 0.0, weights)
        # What a single score is looked up in: lists, as arrays take longer for that than the looking up.
        self._places: list[float] = self._values.tolist()
        self._above: list[float] = (self._from - weights + self._spread / 2).tolist()
        self._below: list[float] = (self._from - self._spread / 2).tolist()


def _rounded(number: float) -> float:
    return float(np.float32(number))


def _are_atoms(weights: npt.NDArray[np.float64], weight_from: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    if not len(weights):
        return np.zeros(0, bool)
    total = weight_from[0]
    return _bin_of((weight_from - weights) / total) + 2 <= _bin_of(weight_from / total)


def _merged(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    starts = np.flatnonzero(np.append(True, np.diff(values.astype(np.float32)) != 0))
    weights = np.add.reduceat(weights, starts)
    values = values[starts]
    if len(values) <= _BULK_BINS + _TAIL_BINS:
        return values, weights
    weight_from = np.cumsum(weights[::-1])[::-1]
    places = _bin_of(np.append(weight_from, 0.0) / weight_from[0]).tolist()
    firsts = [0]
    for at in range(1, len(values)):
        if places[firsts[-1]] - places[at + 1] > 1:
            firsts.append(at)
    starts = np.array(firsts)
    together = np.add.reduceat(weights, starts)
    offsets = values - np.repeat(values[starts], np.diff(np.append(starts, len(values))))
    return values[starts] + np.add.reduceat(offsets * weights, starts) / together, together


def _bin_of(share_above: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Which bin a place in the order belongs to: logarithmic in the tail, even in the bulk."""
    clipped = np.clip(share_above, _FINEST_SHARE, TAIL_SHARE)
    tail = _TAIL_BINS * np.log(clipped / _FINEST_SHARE) / np.log(TAIL_SHARE / _FINEST_SHARE)
    bulk = _BULK_BINS * np.maximum(share_above - TAIL_SHARE, 0) / (1 - TAIL_SHARE)
    finest = np.minimum(share_above / _FINEST_SHARE, 1.0) - 1.0
    return np.where(share_above < _FINEST_SHARE, 8 * finest, tail + bulk)

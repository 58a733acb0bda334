"""Between what measures normally are: their values as a few stretches, of which those that are rare wait.

One dimension of what the memory bank does for vectors: what is near a stretch widens it, what is far begins one of its
own; the rarest that together make up no more than 6 % of what was seen are held, and not normal.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.waiting import RARE_SHARE

__all__ = ["Bounds"]

_STRETCHES: Final = 6
_LASTING: Final = 450
"""Windows that what began after the warm-up lasts before it is normal, besides being more than 6 %."""
_STEP: Final = np.float32(1 - 0.5 ** (1 / 5_000))
_BACK: Final = np.float32(1 - 0.5 ** (1 / 2_000))
"""An extreme that does not come again is half forgotten after 2,000 windows."""
_HALF_WAY: Final = np.float32(0.5)
"""An end moves so far towards what lies beyond it: a single strange window does not set it."""
_FORGOTTEN: Final = 1e-4
"""Share below which what lasted once has to come back as something new."""
_MOST_SEEN: Final = 8_192
_EARLY, _LASTED = 1.0, 2.0
_STATE: Final = ("seen", "low", "mean", "high", "share", "mark")

Floats = npt.NDArray[np.float32]


class Bounds:
    """The least and the most that each measure normally is.

    Args:
        reach: float32 [M], how far beyond what was seen a value of each measure is near.
        warm_up: windows of a measure in which what it is counts from the first time on.
        late: float32 [M], windows that come before each can be measured: they count where what is rare is told.

    Attributes:
        seen: float32 [M], windows that each was measured in, up to 8,192.
        low: float32 [M], the least that is normal; 0 before anything was seen.
        high: float32 [M], the most.
    """

    def __init__(self, reach: Floats, warm_up: int, late: Floats) -> None:
        self._reach, self._warm_up, self._late = reach, warm_up, late
        size = len(reach)
        self.seen, self.low, self.high = (np.zeros(size, np.float32) for _ in range(3))
        self._low, self._mean, self._high, self._share, self._mark = np.zeros((5, size, _STRETCHES), np.float32)

    def learn(self, values: Floats, *, trusted: bool = False) -> None:
        """Take what was measured in a window.

        Args:
            values: float32 [M]; NaN for what was not measured.
            trusted: whether somebody vouches that it is normal.
        """
        rows = np.flatnonzero(np.isfinite(values))
        if not len(rows):
            return
        here, seen = values[rows], np.minimum(self.seen[rows] + 1, _MOST_SEEN)
        self.seen[rows] = seen
        at = rows, self._find(rows, here)
        step = np.maximum(1 / (seen + self._late[rows]), _STEP)
        self._share[rows] *= 1 - step[:, None]
        share, mean, low, high = (stretches[at] for stretches in (self._share, self._mean, self._low, self._high))
        share += step
        mean += step / share * (here - mean)
        low += np.where(here < low, _HALF_WAY * (here - low), _BACK * (mean - low))
        high += np.where(here > high, _HALF_WAY * (here - high), _BACK * (mean - high))
        self._share[at], self._mean[at], self._low[at], self._high[at] = share, mean, low, high
        # What is measured in some of the windows only has to last in as many of them.
        lasted = share >= _LASTING * step * seen / self.seen.max()
        lasted &= share > RARE_SHARE
        early = np.where(seen <= self._warm_up, _EARLY, 0)
        self._mark[at] = np.maximum(self._mark[at], np.where(lasted | trusted, _LASTED, early))
        self._unite(at)
        self._review()

    def state(self) -> dict[str, Floats]:
        """All of it."""
        stretches = {name: getattr(self, f"_{name}") for name in _STATE[1:]}
        return {"seen": self.seen, **stretches}

    def take_up(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take up what `state` gave.

        Raises:
            ModelError: an array is missing, or is of another shape.
        """
        for name, own in self.state().items():
            given = arrays.get(name)
            if given is None or given.shape != own.shape:
                got = "nothing" if given is None else f"shape {list(given.shape)}"
                raise ModelError(f"the normal state has {got} as `{name}`, expected shape {list(own.shape)}")
            own[...] = given
        self._review()

    def _find(self, rows: npt.NDArray[np.intp], here: Floats) -> npt.NDArray[np.intp]:
        """The stretch that each value is near, or one that begins with it in place of the rarest."""
        held = self._share[rows] > 0
        away = np.maximum(self._low[rows] - here[:, None], here[:, None] - self._high[rows])
        away = np.where(held, np.maximum(away, 0), np.inf)
        nearest: npt.NDArray[np.intp] = away.argmin(axis=1)
        far = away.min(axis=1) > self._reach[rows]
        if not far.any():
            return nearest
        lightest = (self._share[rows] + self._mark[rows]).argmin(axis=1)
        found: npt.NDArray[np.intp] = np.where(far, lightest, nearest)
        new = rows[far], found[far]
        for array in (self._low, self._mean, self._high):
            array[new] = here[far]
        self._share[new] = self._mark[new] = 0
        return found

    def _unite(self, at: tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]) -> None:
        """Make stretches one with those that they have come near to."""
        rows, own = at
        low, high = self._low[at][:, None], self._high[at][:, None]
        apart = np.maximum(self._low[rows] - high, low - self._high[rows])
        joined = (apart <= self._reach[rows][:, None]) & (self._share[rows] > 0)
        for number in np.flatnonzero(joined.sum(axis=1) > 1).tolist():
            row, slots = rows[number], np.flatnonzero(joined[number])
            shares = self._share[row, slots]
            whole = (
                self._low[row, slots].min(),
                np.average(self._mean[row, slots], weights=shares),
                self._high[row, slots].max(),
                shares.sum(),
                self._mark[row, slots].max(),
            )
            for array, value in zip((self._low, self._mean, self._high, self._share, self._mark), whole, strict=True):
                array[row, slots] = 0
                array[row, own[number]] = value

    def _review(self) -> None:
        """What is rare, or has begun lately, waits; where all of it does, what is most common is normal."""
        share = self._share
        through = np.where(share[:, None] <= share[:, :, None], share[:, None], 0).sum(axis=2)
        normal = (through > RARE_SHARE) & (self._mark >= _EARLY) | (self._mark >= _LASTED) & (share > _FORGOTTEN)
        normal |= ~normal.any(axis=1, keepdims=True) & (share == share.max(axis=1, keepdims=True))
        normal &= share > 0
        known = normal.any(axis=1)
        self.low = np.where(known, np.where(normal, self._low, np.inf).min(axis=1), 0).astype(np.float32)
        self.high = np.where(known, np.where(normal, self._high, -np.inf).max(axis=1), 0).astype(np.float32)

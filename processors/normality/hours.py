"""On which days, at which hours of the day, a thing was seen."""

from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.normality.prototype_index import PrototypeIndex

__all__ = ["DayHours", "hour_of"]

_HOUR_MS: Final = 3_600_000
_HOURS: Final = 24
_FEWEST_DAYS: Final = 3
"""Days on which an hour was seen before it is told apart from other hours."""
_MOST_DAYS: Final = 15
"""Days remembered: with one more, all counts of the hour halve. Fits into four bits."""
_USUAL_SHARE: Final = 0.2
"""What was seen on this share of the days at an hour, or at the hour before or after, is usual then."""


def hour_of(at_ms: int) -> int:
    """Hour of the day, 0 to 23, in UTC."""
    return at_ms // _HOUR_MS % _HOURS


class DayHours:
    """Counts of days per prototype and hour.

    Args:
        shape: of the prototypes: places and slots.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._days = np.zeros((*shape, _HOURS), np.uint8)
        self._all_days = np.zeros(_HOURS, np.uint8)
        self._last_hour = np.full(1, -1, np.int64)

    def usual(self, hour: int) -> npt.NDArray[np.bool_] | None:
        """Which prototypes are usual at an hour; None before the hour was seen on three days."""
        days = int(self._all_days[hour])
        if days < _FEWEST_DAYS:
            return None
        around = self._days[..., [hour - 1, hour, (hour + 1) % _HOURS]].max(axis=-1)
        usual: npt.NDArray[np.bool_] = around >= max(1.0, _USUAL_SHARE * days)
        return usual

    def begin(self, at_ms: int) -> bool:
        """Take note of a window's time, before what is in it is counted; say whether an hour begins with it."""
        if at_ms // _HOUR_MS == self._last_hour[0]:
            return False
        self._last_hour[0] = at_ms // _HOUR_MS
        hour = hour_of(at_ms)
        if self._all_days[hour] == _MOST_DAYS:
            self._all_days[hour] //= 2
            self._days[..., hour] //= 2
        self._all_days[hour] += 1
        return True

    def count(self, at: PrototypeIndex, again: npt.NDArray[np.bool_]) -> None:
        """Count the begun hour for prototypes; `again` says for which it is the first time in it."""
        hour = int(self._last_hour[0]) % _HOURS
        self._days[(*at, hour)] += again.astype(np.uint8)

    def forget(self, at: PrototypeIndex) -> None:
        """Begin anew with prototypes."""
        self._days[at] = 0

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything, two hours to a byte."""
        packed = self._days[..., ::2] | self._days[..., 1::2] << 4
        return {"days": packed, "all_days": self._all_days, "last_hour": self._last_hour}

    @classmethod
    def from_state(cls, state: Mapping[str, npt.NDArray[Any]], shape: tuple[int, int]) -> Self:
        """Take up a `state`.

        Raises:
            ModelError: arrays are missing, or of another shape.
        """
        hours = cls(shape)
        packed = state["days"]
        if packed.shape != (*shape, _HOURS // 2) or packed.dtype != np.uint8:
            raise ModelError(f"days of prototypes are {packed.dtype} {packed.shape}, expected uint8 {(*shape, 12)}")
        hours._days[..., ::2], hours._days[..., 1::2] = packed & 15, packed >> 4
        hours._all_days = state["all_days"].astype(np.uint8)
        hours._last_hour = state["last_hour"].astype(np.int64)
        return hours

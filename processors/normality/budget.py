"""The threshold that follows from how many alarms a day a person can bear."""

import math
from collections.abc import Mapping
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError

__all__ = ["EPISODE_GAP_MS", "AlarmBudget"]

_DAY_MS: Final = 86_400_000
EPISODE_GAP_MS: Final = 60_000
"""The longest pause within one alarm."""
_LONGEST_EPISODE_MS: Final = 3_600_000
"""An alarm that goes on is charged again after this long, so that one without an end can't hide from the budget."""
_GAIN: Final = 0.3
"""What one alarm too many takes off the logarithm of the threshold, at one a day; less at more, which average out."""
_CREDIT_RANGE: Final = (-0.9, 1.5)
"""How far credit may move the logarithm of the threshold."""
_OFFSET_RANGE: Final = (-4.6, 4.6)
"""How far the threshold may move for good: a hundredfold either way."""
_FIRST_OFFSET: Final = 0.7
"""Unusual windows come in company: at first, two an alarm."""
_FIRST_ALLOWANCE: Final = 3.0
_LATER_ALLOWANCE: Final = 0.3
"""How far alarms beyond the range of credit may take the threshold down for good, in about a day: more while young."""
_HIGHEST_P: Final = 0.02
_STATE: Final = ("levels", "times_ms")
_NEVER: Final = -(2**62)


class AlarmBudget:
    """Holds a source to a number of alarms a day by moving the threshold of its p-values.

    An alarm is an episode: anomalous windows no further apart than `episode_gap_ms` are one. Each judged window brings
    its part of the day's budget as credit, each alarm costs one; the logarithm of the threshold follows the credit (the
    online rule of Gibbs and Candès, 2021, on alarms instead of misses), and slowly the sum of the credit, so that it
    settles where the budget is met. A source with nothing unusual but chance so has as many alarms as its budget says.

    True anomalies cost credit too, but however many come within a day, they take the threshold down at most to a sixth
    of where it had settled in a week, and credit comes back at the pace of the budget. A p-value below the
    least that the threshold can get, a 245th of where the budget would have it, is anomalous whatever came before.

    Time is event time. Windows come in order of start.

    Args:
        per_day: alarms, above 0.
        episode_gap_ms: the longest pause within one alarm.
    """

    def __init__(self, per_day: float, episode_gap_ms: int = EPISODE_GAP_MS) -> None:
        if not per_day > 0:
            raise ValueError(f"a budget of {per_day} alarms a day; expected more than 0")
        self._per_day = per_day
        self._episode_gap_ms = episode_gap_ms
        self._gain = _GAIN / math.sqrt(max(per_day, 1.0))
        self._offset = _FIRST_OFFSET
        self._credit = 0.0
        self._allowance = _FIRST_ALLOWANCE
        self._hop_ms = 0
        self._last_start_ms = _NEVER
        self._last_anomalous_ms = _NEVER
        self._charged_ms = _NEVER

    @property
    def threshold(self) -> float:
        """P-values below are anomalous; 0 before two windows were seen."""
        if not self._hop_ms:
            return 0.0
        moved = self._offset + self._gain * self._credit
        return min(self._per_day * self._hop_ms / _DAY_MS * math.exp(moved), _HIGHEST_P)

    def is_anomalous(self, p: float) -> bool:
        """Whether a window with this p-value is an alarm, or part of one. Changes nothing."""
        return p < self.threshold

    def observe(self, start_ms: int, p: float) -> bool:
        """Take the next judged window; not one that was judged while warming up.

        Args:
            start_ms: of the window.
            p: of the window, over all parts.

        Returns:
            Whether it is anomalous, by the threshold from before.
        """
        anomalous = self.is_anomalous(p)
        step_ms = start_ms - self._last_start_ms
        if self._last_start_ms != _NEVER and step_ms > 0:
            self._hop_ms = min(self._hop_ms or step_ms, step_ms)
        self._last_start_ms = start_ms
        brought = self._per_day * self._hop_ms / _DAY_MS
        self._credit += brought
        self._allowance += (_LATER_ALLOWANCE - self._allowance) * self._hop_ms / _DAY_MS
        if anomalous:
            is_new = start_ms - self._last_anomalous_ms > self._episode_gap_ms
            if is_new or start_ms - self._charged_ms >= _LONGEST_EPISODE_MS:
                self._credit -= 1
                self._charged_ms = start_ms
            self._last_anomalous_ms = start_ms
        self._settle(brought)
        return anomalous

    def state(self) -> dict[str, npt.NDArray[np.generic]]:
        """Everything that was learned, in less than 100 bytes; the budget itself is a setting and not among it."""
        return {
            "levels": np.array([self._offset, self._credit, self._allowance]),
            "times_ms": np.array(
                [self._hop_ms, self._last_start_ms, self._last_anomalous_ms, self._charged_ms], np.int64
            ),
        }

    @classmethod
    def from_state(
        cls, state: Mapping[str, npt.NDArray[np.generic]], per_day: float, episode_gap_ms: int = EPISODE_GAP_MS
    ) -> Self:
        """Take up a `state`, under the same budget or another.

        Raises:
            ModelError: it is none.
        """
        budget = cls(per_day, episode_gap_ms)
        try:
            budget._offset, budget._credit, budget._allowance = np.asarray(state["levels"], np.float64).tolist()
            times_ms = np.asarray(state["times_ms"], np.int64).tolist()
            budget._hop_ms, budget._last_start_ms, budget._last_anomalous_ms, budget._charged_ms = times_ms
        except (KeyError, ValueError, TypeError) as error:
            raise ModelError(f"an alarm budget's state has {sorted(state)}, expected {_STATE}: {error}") from error
        return budget

    def _settle(self, brought: float) -> None:
        lowest, highest = (bound / self._gain for bound in _CREDIT_RANGE)
        if self._credit > highest:
            self._offset += self._gain * (self._credit - highest)
        elif self._credit < lowest:
            beyond = min(self._gain * (lowest - self._credit), self._allowance)
            self._allowance -= beyond
            self._offset -= beyond
        self._credit = min(max(self._credit, lowest), highest)
        # A quarter of the gain squared damps critically: the threshold comes to rest without swinging about its place.
        self._offset += self._gain**2 / 4 * self._credit * brought
        self._offset = min(max(self._offset, _OFFSET_RANGE[0]), _OFFSET_RANGE[1])

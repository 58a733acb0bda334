"""Whether a worker still does its work, for an orchestrator that restarts it when it does not."""

from collections.abc import Callable

__all__ = ["Liveness"]

_LOOP_S = 30.0  # several fetches and store calls at their timeouts
_POSITION_S = 120.0


class Liveness:
    """Alive is a worker whose loop turns and whose positions move, or that waits for something it can name.

    A worker waits for a dependency, for an assignment, or for an open window, whose bounds are the aligner's.
    """

    def __init__(self, monotonic_ms: Callable[[], int], is_waiting: Callable[[], bool]) -> None:
        """Begin as alive.

        Args:
            monotonic_ms: a clock that never jumps.
            is_waiting: whether a named dependency or an assignment is missing.
        """
        self._monotonic_ms = monotonic_ms
        self._is_waiting = is_waiting
        self._turned_ms = monotonic_ms()
        self._moved_ms: dict[int, int] = {}

    def turned(self) -> None:
        """The consumer's loop has come round."""
        self._turned_ms = self._monotonic_ms()

    def moved(self, number: int) -> None:
        """A partition's position has moved, or has nothing to move over but an open window."""
        self._moved_ms[number] = self._monotonic_ms()

    def gone(self, number: int) -> None:
        """A partition is no longer this worker's."""
        self._moved_ms.pop(number, None)

    def stalled(self) -> str | None:
        """What stands still without a reason; None for a worker that is alive."""
        now_ms = self._monotonic_ms()
        if self._is_waiting():
            self._turned_ms = now_ms
            self._moved_ms = dict.fromkeys(self._moved_ms, now_ms)
            return None
        if now_ms - self._turned_ms > _LOOP_S * 1000:
            return f"the consumer's loop has not turned for {(now_ms - self._turned_ms) / 1000:.0f} s"
        for number, moved_ms in self._moved_ms.items():
            if now_ms - moved_ms > _POSITION_S * 1000:
                return (
                    f"partition {number} holds records, no window of it is open, and its position has not moved for "
                    f"{(now_ms - moved_ms) / 1000:.0f} s"
                )
        return None

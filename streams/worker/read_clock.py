"""The read clock of a partition: how far time has come for what was read from it."""

from streams.align import ReadClock

__all__ = ["PartitionClock"]


_LONGEST_STEP_MS = 1_000  # a reader that was frozen, or kept from reading, knows nothing of the time it missed


class PartitionClock:
    """Runs on what was read while records are unread, and on monotonic time once everything is read.

    It stands still while the broker is away or intake is paused, so that lag is never taken for silence, and never
    goes back.
    """

    __slots__ = ("_largest_ms", "_last_monotonic_ms", "_now_ms")

    def __init__(self) -> None:
        self._largest_ms = 0
        self._now_ms = 0
        self._last_monotonic_ms: int | None = None

    def observe(self, timestamp_ms: int) -> None:
        """Take note of the Kafka timestamp of a record that was read, epoch milliseconds."""
        self._largest_ms = max(self._largest_ms, timestamp_ms)

    def read(self, *, caught_up: bool, wall_ms: int, monotonic_ms: int) -> ReadClock:
        """The clock's reading now.

        Args:
            caught_up: whether a fetch answered within the last second shows that everything was read.
            wall_ms: epoch milliseconds; bounds what a record's timestamp may claim.
            monotonic_ms: of any fixed origin.
        """
        self._now_ms = max(self._now_ms, min(self._largest_ms, wall_ms))
        if caught_up:
            if self._last_monotonic_ms is not None:
                self._now_ms += min(max(0, monotonic_ms - self._last_monotonic_ms), _LONGEST_STEP_MS)
            self._last_monotonic_ms = monotonic_ms
        else:
            self._last_monotonic_ms = None
        return ReadClock(self._now_ms, caught_up)

"""The read clock of a partition: how far time has come for what was read from it."""

from streams.align import ReadClock

__all__ = ["PartitionClock"]

_LONGEST_STEP_MS = 1_000  # a reader that was frozen, or kept from reading, knows nothing of the time it missed


class PartitionClock:
    """Runs on what was read while records are unread, and on monotonic time once everything is read.

    It stands still while the broker is away or intake is paused, so that lag is never taken for silence, and never
    goes back.
    """

    __slots__ = ("_last_monotonic_ms", "_now_ms", "_reading")

    def __init__(self) -> None:
        self._now_ms: int | None = None
        self._last_monotonic_ms: int | None = None
        self._reading: ReadClock | None = None  # the latest, while records are unread

    def observe(self, timestamp_ms: int, *, wall_ms: int) -> ReadClock:
        """The clock's reading with a record that was just read.

        Args:
            timestamp_ms: the record's Kafka timestamp, epoch milliseconds.
            wall_ms: the wall clock, which bounds what a timestamp may claim.
        """
        read_ms = timestamp_ms if timestamp_ms < wall_ms else wall_ms  # noqa: FURB136 - once per record; min() takes ten times as long
        if self._now_ms is None or read_ms > self._now_ms:
            self._now_ms = read_ms
        elif self._reading is not None:
            return self._reading
        self._last_monotonic_ms = None
        self._reading = ReadClock(self._now_ms, caught_up=False)
        return self._reading

    def read(self, *, caught_up: bool, wall_ms: int, monotonic_ms: int) -> ReadClock | None:
        """The clock's reading now; None before the first record of a backlog: there is nothing to tell time by.

        Args:
            caught_up: whether a fetch answered within the last second shows that everything was read.
            wall_ms: epoch milliseconds; where the clock begins when there is nothing to read.
            monotonic_ms: of any fixed origin.
        """
        if self._now_ms is None:
            if not caught_up:
                return None
            self._now_ms = wall_ms
        if not caught_up:
            self._last_monotonic_ms = None
            return ReadClock(self._now_ms, caught_up=False)
        self._reading = None
        if self._last_monotonic_ms is not None:
            self._now_ms += min(max(0, monotonic_ms - self._last_monotonic_ms), _LONGEST_STEP_MS)
        self._last_monotonic_ms = monotonic_ms
        return ReadClock(self._now_ms, caught_up=True)

"""Which records of a partition are done, and how far the position may therefore move."""

from collections import deque

__all__ = ["OffsetTracker"]


class OffsetTracker:
    """Tracks one topic partition: the position moves over done prefixes only.

    Offsets are added in the order in which they were read, gaps included (transaction markers, compaction); they may be
    done in any order. Constant time for each, amortised.
    """

    __slots__ = ("_done", "_last", "_order", "_position")

    def __init__(self) -> None:
        self._order: deque[int] = deque()
        self._done: set[int] = set()
        self._position: int | None = None
        self._last = -1

    def add(self, offset: int) -> bool:
        """Take note of a record that was read.

        Returns:
            Whether it is new. One that is read a second time is held or done already, and is to be passed over: as a
            duplicate of itself it would count as done before its windows are.
        """
        if offset <= self._last:
            return False
        self._last = offset
        self._order.append(offset)
        return True

    def done(self, offset: int) -> None:
        """Take note that nothing more has to happen for a record. Idempotent while the record is held."""
        self._done.add(offset)

    @property
    def position(self) -> int | None:
        """The first offset to be read again after a crash; None while nothing was done."""
        order, done = self._order, self._done
        last_done = None
        while order and order[0] in done:
            last_done = order.popleft()
            done.remove(last_done)
        if last_done is not None:
            self._position = last_done + 1
        return self._position

    @property
    def held(self) -> int:
        """Records that were read and over which the position has not moved."""
        return len(self._order)

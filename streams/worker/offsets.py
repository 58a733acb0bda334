"""Which records of a partition are done, and how far the position may therefore move."""

from collections import deque

__all__ = ["OffsetTracker"]


class OffsetTracker:
    """Tracks one topic partition: the position moves over done prefixes only.

    Offsets are added in the order in which they were read, gaps included (transaction markers, compaction); they may be
    done in any order. Constant time for each, amortised.

    Attributes:
        watermarks_ms: source -> largest watermark among the records before the position.
        changed: sources whose entry changed since the owner last cleared this set.
    """

    __slots__ = ("_done", "_last", "_order", "_position", "_read_through", "changed", "watermarks_ms")

    def __init__(self, start: int = 0) -> None:
        """Begin at the offset that is read first."""
        self.watermarks_ms: dict[str, int] = {}
        self.changed: set[str] = set()
        self._order: deque[tuple[int, str | None, int]] = deque()
        self._done: set[int] = set()
        self._position = start
        self._read_through = start
        self._last = start - 1

    def is_new(self, offset: int) -> bool:
        """Whether a record was not read before.

        One that is read a second time is held or done already, and is to be passed over: as a duplicate of itself it
        would count as done before its windows are.
        """
        return offset > self._last

    def add(self, offset: int, source_id: str | None = None, watermark_ms: int = 0) -> None:
        """Take note of a new record that was read.

        Args:
            offset: larger than all before.
            source_id: whose watermark it moves; None if it moves none.
            watermark_ms: of its modality, as far as this record goes.
        """
        self._last = offset
        self._order.append((offset, source_id, watermark_ms))

    def done(self, offset: int) -> None:
        """Take note that nothing more has to happen for a record. Idempotent while the record is held."""
        self._done.add(offset)

    def read_through(self, offset: int) -> None:
        """Take note that every record before `offset` was added: what lies between are transaction markers."""
        self._read_through = offset

    @property
    def position(self) -> int:
        """The first offset to be read again after a crash."""
        order, done, watermarks_ms = self._order, self._done, self.watermarks_ms
        while order and order[0][0] in done:
            offset, source_id, watermark_ms = order.popleft()
            done.discard(offset)
            self._position = offset + 1
            if source_id is not None and watermark_ms > watermarks_ms.get(source_id, watermark_ms - 1):
                watermarks_ms[source_id] = watermark_ms
                self.changed.add(source_id)
        if not order and self._read_through > self._position:
            self._position = self._read_through
        return self._position

    @property
    def held(self) -> int:
        """Records that were read and over which the position has not moved."""
        return len(self._order)

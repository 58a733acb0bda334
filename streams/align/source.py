"""One source: its watermarks, its windows, and the rules between them."""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from typing import Generic, TypeVar

from processors.modality import Modality
from streams.align.clock import ReadClock
from streams.align.events import Changes, PresenceChanged
from streams.align.items import AlignItem, counted_end_ms
from streams.align.placement import BELONGS_NOWHERE, IGNORED, Placement
from streams.align.settings import AlignSettings
from streams.align.watermarks import NEVER_MS, Presence, SourceWatermarks
from streams.align.windows import ClosedBy, SealedBy, Window, windows_of

__all__ = ["Source"]

ItemT = TypeVar("ItemT", bound=AlignItem)


class Source(Generic[ItemT]):
    """The windows of one source, from their first item to their seal.

    Attributes:
        source_id: its name.
        settings: its event-time settings.
        watermarks: how far it has come.
        windows: those that are not sealed, by start.
        wake_ms: read clock at which it is to be settled next; kept by the aligner.
        needs_schedule: whether the next wake may have become earlier than `wake_ms`; taken back by the aligner.
    """

    __slots__ = (
        "_changes",
        "_hop_ms",
        "_keep_ms",
        "_opened",
        "_out_of_orderness_ms",
        "_sealed_through_ms",
        "_since_ms",
        "_size_ms",
        "_to_close",
        "_to_seal",
        "needs_schedule",
        "settings",
        "source_id",
        "wake_ms",
        "watermarks",
        "windows",
    )

    def __init__(self, source_id: str, settings: AlignSettings, changes: Changes[ItemT], first_seen_ms: int) -> None:
        self.source_id = source_id
        self.settings = settings
        self.watermarks = SourceWatermarks(settings, first_seen_ms)
        self.windows: dict[int, Window[ItemT]] = {}
        self.wake_ms = NEVER_MS
        self.needs_schedule = True
        self._changes = changes
        self._size_ms = settings.size_ms
        self._hop_ms = settings.hop_ms
        # Windows that start before it are of an earlier cut; the settings know them, at a price.
        self._since_ms = settings.since_ms
        self._out_of_orderness_ms = settings.out_of_orderness_ms
        self._keep_ms = settings.size_ms + settings.allowed_lateness_ms
        # The largest start sealed otherwise than by the watermark, which `seal_ms - _keep_ms` tells.
        self._sealed_through_ms = NEVER_MS
        # Heaps of starts. One that closed out of order stays in `_to_close` until it is the least.
        self._to_close: list[int] = []
        self._to_seal: list[int] = []
        # (first seen, start) in order of opening; starts and not windows, so that no sealed window is kept alive.
        self._opened: deque[tuple[int, int]] = deque()

    def start_clock(self, now_ms: int) -> None:
        """Count everything as seen now: for a source that was restored before the clock was first read."""
        self.watermarks.risen_ms = now_ms
        for mark in self.watermarks.marks.values():
            mark.last_seen_ms = now_ms

    def take(self, item: ItemT, clock: ReadClock) -> Placement[ItemT]:
        """Put an item into its windows, and let the watermarks follow; idleness was judged as of `clock` before."""
        watermarks = self.watermarks
        mark = watermarks.marks.get(item.modality)
        if mark is None:
            return IGNORED
        placement: Placement[ItemT] = (
            BELONGS_NOWHERE if item.is_heartbeat else self._place(item, mark.watermark_ms, clock.now_ms)
        )
        if mark.is_idle or not mark.is_seen:
            self.needs_schedule = True
            self._tell(item.modality, mark.presence, Presence.LIVE, clock.now_ms, clock.now_ms)
        if watermarks.observe(mark, counted_end_ms(item) - self._out_of_orderness_ms, clock):
            self._follow_watermarks()
        return placement

    def rise(self, clock: ReadClock) -> None:
        """Let the watermarks follow the modalities and the read clock, and the windows follow the watermarks."""
        if self.watermarks.rise(clock):
            self._follow_watermarks()

    def settle(self, clock: ReadClock) -> bool:
        """Let the time pass up to a reading of the read clock.

        Returns:
            Whether the source has vanished: nothing of it came for `max_open_ms`; all its windows are then sealed.
        """
        for modality, mark in self.watermarks.judge_idle(clock.now_ms):
            self._tell(modality, mark.presence, Presence.IDLE, mark.last_seen_ms, clock.now_ms)
        self.rise(clock)
        self._close_expired(clock.now_ms)
        if clock.now_ms - self.watermarks.last_seen_ms < self.settings.max_open_ms:
            return False
        while self._to_seal:
            self.seal_oldest(SealedBy.VANISHED)
        for modality, mark in self.watermarks.marks.items():
            self._tell(modality, mark.presence, Presence.GONE, mark.last_seen_ms, clock.now_ms)
        return True

    def come_back(self, now_ms: int) -> None:
        """Count as there again, after having vanished; the modalities are what they are before the first new item."""
        for modality, mark in self.watermarks.marks.items():
            self._tell(modality, Presence.GONE, mark.presence, mark.last_seen_ms, now_ms)

    def next_wake_ms(self, clock: ReadClock) -> int:
        """The earliest read clock at which time alone may change anything; all is settled as of `clock`."""
        max_open_ms = self.settings.max_open_ms
        wake_ms = min(self.watermarks.idle_deadlines_ms(), default=self.watermarks.last_seen_ms + max_open_ms)
        self._forget_closed()
        if self._opened:
            wake_ms = min(wake_ms, self._opened[0][0] + max_open_ms)
        if self.watermarks.idle_count and not clock.caught_up:
            # What stands in for an idle modality moves with the read clock, and may reach an end by itself. One that
            # it has reached already waits for another modality, whose next item will settle it.
            idle_timeout_ms = self.settings.idle_timeout_ms
            if self._to_close:
                due_ms = self.settings.end_of(self._to_close[0]) + idle_timeout_ms
                wake_ms = min(wake_ms, due_ms) if due_ms > clock.now_ms else wake_ms
            if self._to_seal:
                keep_ms = self.settings.allowed_lateness_ms + idle_timeout_ms
                due_ms = self.settings.end_of(self._to_seal[0]) + keep_ms
                wake_ms = min(wake_ms, due_ms) if due_ms > clock.now_ms else wake_ms
        return wake_ms

    @property
    def oldest_start_ms(self) -> int:
        """The least start of its windows that are not sealed; there must be one."""
        return self._to_seal[0]

    def seal_oldest(self, sealed_by: SealedBy) -> None:
        """Seal the window with the least start, and with it every older one that might still have come."""
        start_ms = self.oldest_start_ms
        self.seal_through(start_ms)
        self._seal_next(sealed_by)

    def seal_through(self, start_ms: int) -> None:
        """Take no more items for windows that start at `start_ms` or before."""
        self._sealed_through_ms = max(self._sealed_through_ms, start_ms)

    def restore(self, watermarks_ms: Mapping[Modality, int], final_through_ms: int | None, clock: ReadClock) -> None:
        """Raise the watermarks to what an earlier run had reached, and seal what it had made final."""
        for modality, watermark_ms in watermarks_ms.items():
            mark = self.watermarks.marks.get(modality)
            if mark is not None:
                mark.watermark_ms = max(mark.watermark_ms, watermark_ms)
        if final_through_ms is not None:
            self.seal_through(self.settings.last_start_by(final_through_ms))
        self.rise(clock)

    def _tell(self, modality: Modality, before: Presence, after: Presence, since_ms: int, at_ms: int) -> None:
        self._changes.presence(before, PresenceChanged(self.source_id, modality, after, since_ms, at_ms))

    def _place(self, item: ItemT, own_watermark_ms: int, now_ms: int) -> Placement[ItemT]:
        present_ms = windows_of(item.start_ms, item.end_ms, self._size_ms, self._hop_ms)
        starts_ms: Sequence[int] = present_ms
        first_ms = present_ms.start
        passed_ms = self.watermarks.seal_ms
        if passed_ms < own_watermark_ms:  # noqa: PLR1730 - once per item; max() takes ten times as long
            passed_ms = own_watermark_ms
        late_through_ms = passed_ms - self._keep_ms
        if first_ms < self._since_ms:
            starts_ms = [start_ms for start_ms, _ in self.settings.spans_of(item.start_ms, item.end_ms)]
            first_ms = starts_ms[0]
            late_through_ms = self.settings.last_start_by(passed_ms - self.settings.allowed_lateness_ms)
        if late_through_ms < self._sealed_through_ms:  # noqa: PLR1730 - as above
            late_through_ms = self._sealed_through_ms
        late_for = held_by = 0
        if first_ms <= late_through_ms:
            late_for = bisect_right(starts_ms, late_through_ms)
            starts_ms = starts_ms[late_for:]
        item_id = item.item_id
        windows = self.windows
        placed: list[Window[ItemT]] = []
        for start_ms in starts_ms:
            window = windows.get(start_ms)
            if window is None:
                window = self._open(start_ms, now_ms)
            elif item_id in window.items:
                held_by += 1
                continue
            elif window.closed_by is not None:
                self._changes.revised(window)
            window.items[item_id] = item
            placed.append(window)
        return Placement(placed, late_for, held_by)

    def _open(self, start_ms: int, now_ms: int) -> Window[ItemT]:
        end_ms = start_ms + self._size_ms if start_ms >= self._since_ms else self.settings.end_of(start_ms)
        window: Window[ItemT] = Window(self.source_id, start_ms, end_ms, now_ms)
        self.windows[start_ms] = window
        heappush(self._to_seal, start_ms)
        if window.end_ms <= self.watermarks.source_ms:
            self._close(window, ClosedBy.WATERMARK)
        else:
            heappush(self._to_close, start_ms)
            self._opened.append((now_ms, start_ms))
        self._thresholds_changed()
        return window

    def _close(self, window: Window[ItemT], closed_by: ClosedBy) -> None:
        window.closed_by = closed_by
        self._changes.closed(window)
        self._thresholds_changed()

    def _seal_next(self, sealed_by: SealedBy) -> None:
        window = self.windows.pop(heappop(self._to_seal))
        if window.closed_by is None:
            # Only memory pressure comes this early: the other two seal after a bound that closes.
            self._close(window, ClosedBy.MEMORY)
        window.sealed_by = sealed_by
        self._changes.sealed(window)
        self._thresholds_changed()

    def _thresholds_changed(self) -> None:
        # With everyone live only items move the watermarks, and no wake depends on where windows end.
        if self.watermarks.idle_count:
            self.needs_schedule = True

    def _follow_watermarks(self) -> None:
        last_closed_ms = self.watermarks.source_ms - self._size_ms
        last_sealed_ms = self.watermarks.seal_ms - self._keep_ms
        if last_sealed_ms < self._since_ms:
            last_closed_ms = self.settings.last_start_by(self.watermarks.source_ms)
            last_sealed_ms = self.settings.last_start_by(self.watermarks.seal_ms - self.settings.allowed_lateness_ms)
        while self._to_close and self._to_close[0] <= last_closed_ms:
            window = self.windows.get(heappop(self._to_close))
            if window is not None and window.closed_by is None:
                self._close(window, ClosedBy.WATERMARK)
        while self._to_seal and self._to_seal[0] <= last_sealed_ms:
            self._seal_next(SealedBy.WATERMARK)

    def _close_expired(self, now_ms: int) -> None:
        last_expired_ms = now_ms - self.settings.max_open_ms
        while self._opened and self._opened[0][0] <= last_expired_ms:
            window = self.windows.get(self._opened.popleft()[1])
            if window is not None and window.closed_by is None:
                self._close(window, ClosedBy.MAX_OPEN)

    def _forget_closed(self) -> None:
        while self._opened and not self._is_open(self._opened[0][1]):
            self._opened.popleft()
        while self._to_close and not self._is_open(self._to_close[0]):
            heappop(self._to_close)

    def _is_open(self, start_ms: int) -> bool:
        window = self.windows.get(start_ms)
        return window is not None and window.closed_by is None

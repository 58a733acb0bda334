"""All sources of one partition number: time passes, items come, windows close and are sealed."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, TypeVar

from processors.modality import Modality
from streams.align.clock import ReadClock
from streams.align.events import AlignEvent, Changes
from streams.align.items import AlignItem
from streams.align.placement import IGNORED, Placement
from streams.align.settings import AlignSettings, Role
from streams.align.source import Source
from streams.align.watermarks import NEVER_MS, ModalityState, Presence
from streams.align.windows import SealedBy

__all__ = ["Aligner"]

ItemT = TypeVar("ItemT", bound=AlignItem)


class Aligner(Generic[ItemT]):
    """Lines up the items of all sources that share one partition number.

    Every call that carries a reading of the read clock first lets the time pass up to it, for all sources, and then
    does its work: what an item is late for never depends on how often `advance` is called. A call costs nothing per
    source that it does not concern: a source is looked at when it brings an item, when a deadline of its own passes,
    or, with an idle modality, when the reader falls behind or catches up.

    Not safe for use by several threads at a time.
    """

    def __init__(self, settings_for: Callable[[str], AlignSettings], *, remembered_sources: int = 10_000) -> None:
        """Start with no source.

        Args:
            settings_for: gives a source's settings; asked when the source comes into sight.
            remembered_sources: how many vanished sources are remembered, those that vanished last. A remembered source
                that returns finds its watermarks as they were, about 2 KB each; one that is forgotten starts anew.
        """
        self._settings_for = settings_for
        self._remembered_sources = remembered_sources
        self._changes: Changes[ItemT] = Changes()
        self._sources: dict[str, Source[ItemT]] = {}
        self._vanished: OrderedDict[str, Source[ItemT]] = OrderedDict()
        # Those that may have to be looked at when the reader falls behind or catches up.
        self._part_idle: dict[str, Source[ItemT]] = {}
        # (read clock, source id); an entry counts only while it is the source's `wake_ms`.
        self._wakes: list[tuple[int, str]] = []
        self._handed_in: ReadClock | None = None
        self._clock = ReadClock(NEVER_MS, caught_up=False)
        self._backlog = self._clock

    def add(self, item: ItemT, clock: ReadClock) -> Placement[ItemT]:
        """Take one item, in the order of its topic's partition.

        Args:
            item: the item; a heartbeat moves its modality's watermark and goes into no window.
            clock: the read clock, this item's own record included.

        Returns:
            The windows that it went into, and what it was late for. What that did to windows is told by `advance`.
        """
        if clock is not self._handed_in:
            self._pass_time(clock)
        source = self._sources.get(item.source_id)
        if source is None:
            source = self._enter(item)
            if source is None:
                return IGNORED
        elif source.watermarks.idle_count:
            self._keep_up(source)
        placement = source.take(item, self._clock)
        if source.needs_schedule:
            self._schedule(source)
        return placement

    def advance(self, clock: ReadClock) -> list[AlignEvent[ItemT]]:
        """Let the time pass, and tell what happened to windows and sources since the last call.

        Args:
            clock: the read clock.

        Returns:
            First the windows' events in order of start, a window's closing or revision before its seal, each at most
            once. Then changed presences in order of the read clock, at most one per modality of a source: how it ended,
            if that is not how it began. Last the sources that were forgotten, after all that is told of them.
        """
        self._pass_time(clock)
        return self._changes.drain()

    def seal_oldest(self, count: int = 1, *, source_id: str | None = None) -> int:
        """Seal the windows with the least starts, to release their memory; the next `advance` tells of them.

        Args:
            count: how many at most.
            source_id: of this source only.

        Returns:
            How many were sealed.
        """
        candidates = self._sources.values() if source_id is None else filter(None, [self._sources.get(source_id)])
        oldest = [(source.oldest_start_ms, source.source_id) for source in candidates if source.windows]
        heapify(oldest)
        sealed = 0
        while oldest and sealed < count:
            source = self._sources[oldest[0][1]]
            source.seal_oldest(SealedBy.MEMORY)
            if source.needs_schedule:
                self._schedule(source)
            sealed += 1
            if source.windows:
                heapreplace(oldest, (source.oldest_start_ms, source.source_id))
            else:
                heappop(oldest)
        return sealed

    def restore(
        self, source_id: str, watermarks: Mapping[Modality, int], *, final_through_ms: int | None = None
    ) -> None:
        """Continue where an earlier run stood; to be called before the first item of the source is added.

        Marks are only ever raised. The modalities of a source that was not in sight count as seen at the present
        reading of the clock, or at the first. Windows that are already held stay as they are.

        Args:
            source_id: the source.
            watermarks: its watermarks as `watermarks` gave them, as of the position that is read from.
            final_through_ms: the end of its last final window; it and all before it are sealed.
        """
        source = self._find(source_id)
        if source is None:
            source = self._begin(source_id, self._settings_for(source_id))
        source.restore(watermarks, final_through_ms, self._clock)
        if self._handed_in is not None and source_id in self._sources:
            self._schedule(source)

    def watermarks(self, source_id: str) -> dict[Modality, int]:
        """The watermark of each modality of a source that has brought anything, epoch milliseconds."""
        source = self._find(source_id)
        if source is None:
            return {}
        marks = source.watermarks.marks.items()
        return {modality: mark.watermark_ms for modality, mark in marks if mark.watermark_ms != NEVER_MS}

    def source_watermark(self, source_id: str) -> int | None:
        """The watermark that closes a source's windows; `None` while there is none."""
        source = self._find(source_id)
        return None if source is None or source.watermarks.source_ms == NEVER_MS else source.watermarks.source_ms

    def seal_watermark(self, source_id: str) -> int | None:
        """The watermark that ends a source's windows; `None` while there is none."""
        source = self._find(source_id)
        return None if source is None or source.watermarks.seal_ms == NEVER_MS else source.watermarks.seal_ms

    def states(self, source_id: str) -> dict[Modality, ModalityState]:
        """Whether each modality of a source is there, as of the latest reading; nothing for a source never seen."""
        source = self._find(source_id)
        if source is None:
            return {}
        is_gone = source_id in self._vanished
        return {
            modality: ModalityState(Presence.GONE if is_gone else mark.presence, mark.last_seen_ms)
            for modality, mark in source.watermarks.marks.items()
        }

    @property
    def source_ids(self) -> list[str]:
        """The sources that have brought anything within their `max_open_ms`."""
        return list(self._sources)

    @property
    def open_windows(self) -> int:
        """How many windows are held, closed ones that may still be revised included; looks at every such source."""
        return sum(len(source.windows) for source in self._sources.values())

    @property
    def oldest_open_start_ms(self) -> int | None:
        """The least start of the windows held, `None` without any; looks at every such source."""
        return min((source.oldest_start_ms for source in self._sources.values() if source.windows), default=None)

    def _pass_time(self, clock: ReadClock) -> None:
        is_first = self._handed_in is None
        self._handed_in = clock
        before = self._clock
        has_flipped = clock.caught_up != before.caught_up and not is_first
        if has_flipped:
            # What stood in for idle modalities until now, before it changes what they count as.
            self._settle_idle()
        # A clock that goes back stands still.
        self._clock = clock if clock.now_ms >= before.now_ms else ReadClock(before.now_ms, clock.caught_up)
        if not clock.caught_up:
            self._backlog = self._clock
        if is_first:
            for source in self._sources.values():
                source.start_clock(self._clock.now_ms)
                self._schedule(source)
        elif has_flipped:
            self._settle_idle()
        wakes = self._wakes
        while wakes and wakes[0][0] <= self._clock.now_ms:
            wake_ms, source_id = heappop(wakes)
            due = self._sources.get(source_id)
            if due is not None and due.wake_ms == wake_ms:
                self._settle(due)

    def _settle_idle(self) -> None:
        for source_id, source in list(self._part_idle.items()):
            watermarks = source.watermarks
            # Without a window, one of which everything is idle waits for nothing; it is caught up with when looked at.
            if watermarks.idle_count and (source.windows or not watermarks.is_all_idle):
                self._settle(source)
            else:
                del self._part_idle[source_id]

    def _settle(self, source: Source[ItemT]) -> None:
        self._keep_up(source)
        if not source.settle(self._clock):
            self._schedule(source)
            return
        del self._sources[source.source_id]
        self._part_idle.pop(source.source_id, None)
        self._vanished[source.source_id] = source
        if len(self._vanished) > self._remembered_sources:
            forgotten_id, _ = self._vanished.popitem(last=False)
            self._changes.forgotten(forgotten_id)

    def _schedule(self, source: Source[ItemT]) -> None:
        source.needs_schedule = False
        if source.watermarks.idle_count:
            self._part_idle[source.source_id] = source
        wake_ms = source.next_wake_ms(self._clock)
        if wake_ms != source.wake_ms:
            source.wake_ms = wake_ms
            heappush(self._wakes, (wake_ms, source.source_id))

    def _enter(self, item: ItemT) -> Source[ItemT] | None:
        """Bring the source of an item into sight; `None` if the item's modality is absent from it."""
        source_id = item.source_id
        source = self._vanished.get(source_id)
        settings = self._settings_for(source_id) if source is None else source.settings
        if settings.roles.get(item.modality, Role.ABSENT) is Role.ABSENT:
            return None
        if source is None:
            return self._begin(source_id, settings)
        self._keep_up(source)
        source.come_back(self._clock.now_ms)
        del self._vanished[source_id]
        self._sources[source_id] = source
        return source

    def _begin(self, source_id: str, settings: AlignSettings) -> Source[ItemT]:
        """Start a source of which nothing is known."""
        source = Source(source_id, settings, self._changes, self._clock.now_ms)
        if self._changes.begins(source_id):
            # Nobody was told yet that it had been forgotten: as far as anyone knows it only came back.
            source.come_back(self._clock.now_ms)
        self._sources[source_id] = source
        return source

    def _find(self, source_id: str) -> Source[ItemT] | None:
        source = self._sources.get(source_id) or self._vanished.get(source_id)
        if source is not None:
            self._keep_up(source)
        return source

    def _keep_up(self, source: Source[ItemT]) -> None:
        """Let what stands in for idle modalities follow the read clock, as far as there was a backlog."""
        if source.watermarks.idle_count and source.watermarks.risen_ms <= self._backlog.now_ms:
            source.rise(self._backlog)

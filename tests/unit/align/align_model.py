"""The rules of event time once more, slow and plain: every source is judged again at every step.

It shares the settings and the names of modalities with the product, and no rule. Nothing is scheduled or cached here,
so it is what the aligner is compared with wherever time matters.
"""

from dataclasses import dataclass, field

from processors.modality import Modality
from streams.align import AlignSettings, Role


@dataclass(frozen=True)
class Item:
    item_id: str
    modality: Modality
    start_ms: int
    end_ms: int
    timestamp_ms: int
    source_id: str = "dock-1"
    is_heartbeat: bool = False


def starts_by_looking(start_ms, end_ms, size_ms, hop_ms):
    """All window starts around an item, each asked whether it overlaps."""
    end_ms = max(end_ms, start_ms + 1)
    lowest_k, highest_k = (start_ms - size_ms) // hop_ms - 2, end_ms // hop_ms + 2
    starts = (k * hop_ms for k in range(lowest_k, highest_k + 1))
    return [start for start in starts if start < end_ms and start_ms < start + size_ms]


def spans_by_looking(start_ms, end_ms, settings):
    """All windows around an item: of each cut those that lie between the changes before and after it."""
    cuts = [(cut.size_ms, cut.hop_ms) for cut in settings.earlier] + [(settings.size_ms, settings.hop_ms)]
    changes = [float("-inf"), *(cut.until_ms for cut in settings.earlier), float("inf")]
    return [
        (start, start + size_ms)
        for number, (size_ms, hop_ms) in enumerate(cuts)
        for start in starts_by_looking(start_ms, end_ms, size_ms, hop_ms)
        if changes[number] <= start and start + size_ms <= changes[number + 1]
    ]


@dataclass
class ModelWindow:
    source_id: str
    start_ms: int
    end_ms: int
    first_seen_ms: int
    items: dict = field(default_factory=dict)
    closed_by: str | None = None
    sealed_by: str | None = None


@dataclass
class ModelSource:
    source_id: str
    settings: AlignSettings
    first_seen_ms: int
    watermarks: dict = field(default_factory=dict)
    last_seen_ms: dict = field(default_factory=dict)
    source_ms: int | None = None
    seal_ms: int | None = None
    windows: dict = field(default_factory=dict)
    sealed_through_ms: int | None = None
    is_gone: bool = False
    presences: dict = field(default_factory=dict)

    def __post_init__(self):
        self.presences = dict.fromkeys(self.modalities, ("awaited", self.first_seen_ms, self.first_seen_ms))

    @property
    def modalities(self):
        return [m for m in Modality if self.settings.roles.get(m, Role.ABSENT) is not Role.ABSENT]

    def seen_ms(self, modality):
        return self.last_seen_ms.get(modality, self.first_seen_ms)


class Model:
    """A worker's partition by the book; `log` holds what happened to which window."""

    def __init__(self, settings_for, *, remembers_sources=True):
        self.settings_for = settings_for
        self.remembers_sources = remembers_sources
        self.sources = {}
        self.forgotten = {}
        self.told = {}
        self.now_ms = None
        self.caught_up = False
        self.log = []

    def pass_time(self, now_ms, caught_up):
        self.now_ms = now_ms if self.now_ms is None else max(self.now_ms, now_ms)
        self.caught_up = caught_up
        for source in self.sources.values():
            self.judge(source)
        for source in list(self.sources.values()):
            if source.is_gone and not self.remembers_sources:
                self.forgotten[source.source_id] = self.sources.pop(source.source_id)

    def judge(self, source):
        settings, now_ms = source.settings, self.now_ms
        counts = {}
        for modality in source.modalities:
            watermark_ms = source.watermarks.get(modality, float("-inf"))
            if now_ms - source.seen_ms(modality) >= settings.idle_timeout_ms:
                if self.caught_up:
                    continue
                watermark_ms = max(watermark_ms, now_ms - settings.idle_timeout_ms)
            counts[modality] = watermark_ms
        required = [counts[m] for m in counts if settings.roles[m] is Role.REQUIRED]
        if counts:
            source.source_ms = _later(source.source_ms, min(required or counts.values()))
            source.seal_ms = _later(source.seal_ms, min(counts.values()))
        for window in sorted(source.windows.values(), key=lambda w: w.start_ms):
            end_ms = window.end_ms
            if window.closed_by is None and source.source_ms is not None and source.source_ms >= end_ms:
                self.close(window, "watermark")
            if window.closed_by is None and now_ms - window.first_seen_ms >= settings.max_open_ms:
                self.close(window, "max_open")
            if source.seal_ms is not None and source.seal_ms >= end_ms + settings.allowed_lateness_ms:
                self.seal(source, window, "watermark")
        source.is_gone = now_ms - max(source.seen_ms(m) for m in source.modalities) >= settings.max_open_ms
        self.judge_presence(source)
        if source.is_gone:
            for window in sorted(source.windows.values(), key=lambda w: w.start_ms):
                source.sealed_through_ms = _later(source.sealed_through_ms, window.start_ms)
                self.seal(source, window, "vanished")

    def judge_presence(self, source):
        for modality in source.modalities:
            if source.is_gone:
                presence = "gone"
            elif self.now_ms - source.seen_ms(modality) >= source.settings.idle_timeout_ms:
                presence = "idle"
            else:
                presence = "live" if modality in source.last_seen_ms else "awaited"
            if presence != source.presences[modality][0]:
                source.presences[modality] = presence, source.seen_ms(modality), self.now_ms

    def close(self, window, by):
        window.closed_by = by
        self.log.append(("closed", window))

    def seal(self, source, window, by):
        window.sealed_by = by
        del source.windows[window.start_ms]
        self.log.append(("sealed", window))

    def add(self, item, now_ms, caught_up):
        """Returns (starts it went into, late for, held by), or None for an item of an absent modality."""
        self.pass_time(now_ms, caught_up)
        settings = self.settings_for(item.source_id)
        if settings.roles.get(item.modality, Role.ABSENT) is Role.ABSENT:
            return None
        source = self.sources.get(item.source_id)
        if source is None:
            source = self.sources[item.source_id] = ModelSource(item.source_id, settings, self.now_ms)
            self.forgotten.pop(item.source_id, None)
        placed, late_for, held_by = [], 0, 0
        if not item.is_heartbeat:
            for start_ms, end_ms in spans_by_looking(item.start_ms, item.end_ms, settings):
                bound_ms = end_ms + settings.allowed_lateness_ms
                by_seal = source.seal_ms is not None and source.seal_ms >= bound_ms
                by_own = source.watermarks.get(item.modality, float("-inf")) >= bound_ms
                by_hand = source.sealed_through_ms is not None and start_ms <= source.sealed_through_ms
                if by_seal or by_own or by_hand:
                    late_for += 1
                    continue
                window = source.windows.get(start_ms)
                if window is None:
                    window = source.windows[start_ms] = ModelWindow(item.source_id, start_ms, end_ms, self.now_ms)
                if item.item_id in window.items:
                    held_by += 1
                    continue
                if window.closed_by is not None:
                    self.log.append(("revised", window))
                window.items[item.item_id] = item
                placed.append(start_ms)
        source.last_seen_ms[item.modality] = self.now_ms
        reached_ms = min(item.end_ms, item.timestamp_ms) - settings.out_of_orderness_ms
        source.watermarks[item.modality] = _later(source.watermarks.get(item.modality), reached_ms)
        self.judge(source)
        return placed, late_for, held_by

    def seal_oldest(self):
        windows = [w for source in self.sources.values() for w in source.windows.values()]
        if windows:
            window = min(windows, key=lambda w: (w.start_ms, w.source_id))
            source = self.sources[window.source_id]
            source.sealed_through_ms = _later(source.sealed_through_ms, window.start_ms)
            if window.closed_by is None:
                self.close(window, "memory")
            self.seal(source, window, "memory")

    def drain(self):
        """What `advance` is to say: by start and source; closed stands for its revisions; each at most once."""
        happened = {}
        for what, window in self.log:
            happened.setdefault(id(window), (window, set()))[1].add(what)
        self.log = []
        told = []
        for window, what in sorted(happened.values(), key=lambda entry: (entry[0].start_ms, entry[0].source_id)):
            if "closed" in what:
                what.discard("revised")
            told += [(kind, *facts(window)) for kind in ("closed", "revised", "sealed") if kind in what]
        return told

    def drain_presences(self):
        """What `advance` is to say of modalities: each that is not as it was said to be the last time."""
        told = []
        for source in [*self.sources.values(), *self.forgotten.values()]:
            for modality, (presence, since_ms, at_ms) in source.presences.items():
                if presence != self.told.get((source.source_id, modality), "awaited"):
                    told.append((at_ms, source.source_id, modality, presence, since_ms))
                    self.told[source.source_id, modality] = presence
        return sorted(told)

    def drain_forgotten(self):
        """The sources that are not remembered; nothing that was said of them counts any more."""
        forgotten, self.forgotten = sorted(self.forgotten), {}
        self.told = {key: presence for key, presence in self.told.items() if key[0] not in forgotten}
        return forgotten


def facts(window):
    """What must be equal of two windows, whoever built them."""
    span = window.start_ms, window.end_ms
    return window.source_id, *span, window.first_seen_ms, window.closed_by, window.sealed_by, [*window.items]


def _later(before_ms, after_ms):
    if after_ms == float("-inf"):
        return before_ms
    return after_ms if before_ms is None else max(before_ms, after_ms)

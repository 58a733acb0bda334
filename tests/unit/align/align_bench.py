"""Short ways to make items and clocks for the event-time tests; a unit of time is a millisecond."""

import itertools

from align_model import Item

from processors.modality import Modality
from streams.align import (
    Aligner,
    AlignSettings,
    PresenceChanged,
    ReadClock,
    SourceForgotten,
    WindowClosed,
    WindowRevised,
    WindowSealed,
)

VIDEO, AUDIO, TRANSCRIPT = Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT


class Bench:
    """An aligner with a clock that the test turns by hand; items get ids by themselves."""

    def __init__(self, **settings):
        self.settings = AlignSettings(
            **{
                "size_ms": 1000,
                "hop_ms": 1000,
                "out_of_orderness_ms": 0,
                "allowed_lateness_ms": 2000,
                "idle_timeout_ms": 5000,
                "max_open_ms": 30_000,
                **settings,
            }
        )
        self.aligner = Aligner(lambda source_id: self.settings)
        self.now_ms = 0
        self.caught_up = True
        self._ids = itertools.count()

    def clock(self):
        return ReadClock(self.now_ms, self.caught_up)

    def item(
        self, modality, start_ms, end_ms=None, *, item_id=None, timestamp_ms=10**9, source_id="dock-1", beat=False
    ):
        end_ms = start_ms if end_ms is None else end_ms
        item_id = item_id or f"{modality}-{next(self._ids)}"
        return Item(item_id, modality, start_ms, end_ms, timestamp_ms, source_id, beat)

    def add(self, modality, start_ms, end_ms=None, **more):
        return self.aligner.add(self.item(modality, start_ms, end_ms, **more), self.clock())

    def beat(self, modality, at_ms, **more):
        return self.add(modality, at_ms, beat=True, **more)

    def beat_all(self, at_ms, modalities=tuple(Modality), **more):
        for modality in modalities:
            self.beat(modality, at_ms, **more)

    def advance(self, now_ms=None):
        """(what, start) of every window's event, at a later reading when one is given."""
        if now_ms is not None:
            self.now_ms = now_ms
        kinds = {WindowClosed: "closed", WindowRevised: "revised", WindowSealed: "sealed"}
        events = self.aligner.advance(self.clock())
        self.events = [event for event in events if type(event) in kinds]
        self.presences = [event for event in events if isinstance(event, PresenceChanged)]
        self.forgotten = [event.source_id for event in events if isinstance(event, SourceForgotten)]
        assert events == self.events + self.presences + [SourceForgotten(source_id) for source_id in self.forgotten]
        return [(kinds[type(event)], event.window.start_ms) for event in self.events]

    @property
    def source_ms(self):
        return self.aligner.source_watermark("dock-1")

    @property
    def seal_ms(self):
        return self.aligner.seal_watermark("dock-1")

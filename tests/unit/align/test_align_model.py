"""The aligner against the rules once more, plain and slow, through everything that a read clock can do."""

from dataclasses import astuple

from align_histories import earlier_windows
from align_model import Item, Model, facts
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from processors.modality import Modality
from streams.align import (
    Aligner,
    AlignSettings,
    PresenceChanged,
    ReadClock,
    Role,
    SourceForgotten,
    WindowClosed,
    WindowRevised,
    WindowSealed,
)

KINDS = {WindowClosed: "closed", WindowRevised: "revised", WindowSealed: "sealed"}
ROLES = [
    {Modality.VIDEO: Role.REQUIRED, Modality.AUDIO: Role.REQUIRED, Modality.TRANSCRIPT: Role.OPTIONAL},
    {Modality.VIDEO: Role.REQUIRED, Modality.AUDIO: Role.OPTIONAL, Modality.TRANSCRIPT: Role.ABSENT},
    {Modality.VIDEO: Role.OPTIONAL, Modality.AUDIO: Role.OPTIONAL},
]

configurations = st.builds(
    lambda hop_ms, out_of_orderness_ms, allowed_lateness_ms, idle_timeout_ms, spare_ms, roles, before: AlignSettings(
        size_ms=100,
        hop_ms=hop_ms,
        out_of_orderness_ms=out_of_orderness_ms,
        allowed_lateness_ms=allowed_lateness_ms,
        idle_timeout_ms=idle_timeout_ms,
        max_open_ms=100 + out_of_orderness_ms + idle_timeout_ms + spare_ms,
        roles=roles,
        earlier=earlier_windows([*before, (100, hop_ms)], not_before_ms=0),
    ),
    hop_ms=st.sampled_from([100, 50, 70]),
    out_of_orderness_ms=st.sampled_from([0, 20]),
    allowed_lateness_ms=st.sampled_from([0, 60, 200]),
    idle_timeout_ms=st.sampled_from([30, 120]),
    spare_ms=st.sampled_from([10, 150]),
    roles=st.sampled_from(ROLES),
    before=st.sampled_from([[], [], [(150, 50)], [(40, 40)], [(200, 100), (60, 30)]]),
)

# Times are multiples of ten, so that bounds are met exactly; event times lie around the read clock, a few leap.
offsets_ms = st.one_of(st.integers(-15, 4), st.integers(-15, 4), st.integers(-60, 60)).map(lambda n: n * 10)
lengths_ms = st.sampled_from([0, 0, 30, 130])
delays_ms = st.sampled_from([0, 10, 60])
elapsed_ms = st.sampled_from([0, 0, 10, 10, 20, 30, 60])
source_ids = st.sampled_from(["a", "b"])
modalities = st.sampled_from(list(Modality))


class Worker(RuleBasedStateMachine):
    """An aligner and the model live through the same; whatever the one tells, the other must have told."""

    @initialize(settings_a=configurations, settings_b=configurations, ask_marks=st.booleans(), remembers=st.booleans())
    def begin(self, settings_a, settings_b, ask_marks, remembers):
        self.settings = {"a": settings_a, "b": settings_b}
        self.aligner = Aligner(self.settings.__getitem__, remembered_sources=10 if remembers else 0)
        self.model = Model(self.settings.__getitem__, remembers_sources=remembers)
        # Asking lets what stands in for idle modalities follow: half of the histories go without.
        self.ask_marks, self.remembers = ask_marks, remembers
        self.now_ms, self.caught_up, self.number = 0, False, 0
        self.away, self.marks, self.closed, self.sealed_ms = set(), {}, set(), {}

    @rule(
        ms=elapsed_ms,
        source_id=source_ids,
        modality=modalities,
        offset_ms=offsets_ms,
        length_ms=lengths_ms,
        delay_ms=delays_ms,
        again=st.sampled_from([False, False, True]),
    )
    def an_item_comes(self, ms, source_id, modality, offset_ms, length_ms, delay_ms, again):
        if (source_id, modality) in self.away:
            return
        self.now_ms += ms
        self.number += 1
        start_ms = self.now_ms + offset_ms
        end_ms = start_ms + length_ms
        item_id = "again" if again else str(self.number)
        self.take(Item(item_id, modality, start_ms, end_ms, end_ms + delay_ms - 10, source_id))

    @rule(ms=elapsed_ms, source_id=source_ids, modality=modalities, offset_ms=offsets_ms)
    def a_heartbeat_comes(self, ms, source_id, modality, offset_ms):
        if (source_id, modality) in self.away:
            return
        self.now_ms += ms
        at_ms = self.now_ms + offset_ms
        self.take(Item("beat", modality, at_ms, at_ms, at_ms, source_id, is_heartbeat=True))

    def take(self, item):
        placement = self.aligner.add(item, ReadClock(self.now_ms, self.caught_up))
        expected = self.model.add(item, self.now_ms, self.caught_up)
        got = [window.start_ms for window in placement.windows], placement.late_for, placement.held_by
        assert placement.is_ignored == (expected is None)
        assert got == (expected or ([], 0, 0))

    @rule(source_id=source_ids, modality=modalities)
    def a_modality_leaves_or_rejoins(self, source_id, modality):
        self.away ^= {(source_id, modality)}

    @rule(source_id=source_ids)
    def a_source_vanishes(self, source_id):
        self.now_ms += self.settings[source_id].max_open_ms

    @rule(ms=st.sampled_from([10, 130]))
    def the_clock_goes_back(self, ms):
        self.now_ms -= ms

    @rule()
    def the_reader_catches_up_or_falls_behind(self):
        self.caught_up = not self.caught_up

    @rule()
    def memory_runs_short(self):
        if self.model.now_ms is not None:
            self.aligner.seal_oldest()
            self.model.seal_oldest()

    @rule(ms=elapsed_ms)
    def time_passes_and_is_told(self, ms):
        self.now_ms += ms
        self.tell()

    def tell(self):
        events = self.aligner.advance(ReadClock(self.now_ms, self.caught_up))
        self.model.pass_time(self.now_ms, self.caught_up)
        windows = [event for event in events if type(event) in KINDS]
        assert [(KINDS[type(event)], *facts(event.window)) for event in windows] == self.model.drain()
        presences = [astuple(event) for event in events if isinstance(event, PresenceChanged)]
        presences = [(at, source, modality, how, since) for source, modality, how, since, at in presences]
        assert presences == self.model.drain_presences()
        forgotten = [event.source_id for event in events if isinstance(event, SourceForgotten)]
        assert forgotten == self.model.drain_forgotten()
        for event in windows:
            self.follow(event)

    def follow(self, event):
        """One window's life by itself: closed once, then revised at will, then sealed once, in order of start."""
        window = event.window
        if isinstance(event, WindowClosed):
            assert window not in self.closed
            self.closed.add(window)
        assert window in self.closed
        if isinstance(event, WindowSealed):
            self.closed.remove(window)
            if self.remembers:
                assert self.sealed_ms.get(window.source_id, float("-inf")) < window.start_ms
            self.sealed_ms[window.source_id] = window.start_ms

    @invariant()
    def the_watermarks_are_the_models_and_never_go_back(self):
        for source_id, source in self.model.sources.items() if self.ask_marks else ():
            self.check_marks(source_id, source)
            marks = source.source_ms, source.seal_ms
            if self.remembers and None not in marks:
                before = self.marks.get(source_id, marks)
                assert before[0] <= marks[0]
                assert before[1] <= marks[1] <= marks[0]
                self.marks[source_id] = marks

    def check_marks(self, source_id, source):
        assert self.aligner.source_watermark(source_id) == source.source_ms
        assert self.aligner.seal_watermark(source_id) == source.seal_ms
        assert self.aligner.watermarks(source_id) == source.watermarks
        states = {
            modality: (state.presence, state.since_ms) for modality, state in self.aligner.states(source_id).items()
        }
        assert states == {m: (source.presences[m][0], source.seen_ms(m)) for m in source.modalities}

    @invariant()
    def the_windows_held_are_the_models(self):
        held = [(s.source_id, start) for s in self.model.sources.values() for start in s.windows]
        assert self.aligner.open_windows == len(held)
        assert self.aligner.oldest_open_start_ms == min((start for _, start in held), default=None)

    def teardown(self):
        if hasattr(self, "model"):
            self.tell()
            for source_id, source in self.model.sources.items():
                self.check_marks(source_id, source)


TestWorker = Worker.TestCase
TestWorker.settings = settings(max_examples=150, stateful_step_count=60)

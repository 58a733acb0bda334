"""The aligner against the rules once more, plain and slow, through everything that a read clock can do."""

from dataclasses import astuple

from align_model import Item, Model, facts
from hypothesis import given, settings
from hypothesis import strategies as st

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
    lambda hop_ms, out_of_orderness_ms, allowed_lateness_ms, idle_timeout_ms, spare_ms, roles: AlignSettings(
        size_ms=100,
        hop_ms=hop_ms,
        out_of_orderness_ms=out_of_orderness_ms,
        allowed_lateness_ms=allowed_lateness_ms,
        idle_timeout_ms=idle_timeout_ms,
        max_open_ms=100 + out_of_orderness_ms + idle_timeout_ms + spare_ms,
        roles=roles,
    ),
    hop_ms=st.sampled_from([100, 50, 70]),
    out_of_orderness_ms=st.sampled_from([0, 20]),
    allowed_lateness_ms=st.sampled_from([0, 60, 200]),
    idle_timeout_ms=st.sampled_from([30, 120]),
    spare_ms=st.sampled_from([10, 150]),
    roles=st.sampled_from(ROLES),
)

# Times are multiples of ten, so that bounds are met exactly; event times lie around the read clock, a few leap.
offsets_ms = st.one_of(st.integers(-15, 4), st.integers(-15, 4), st.integers(-60, 60)).map(lambda n: n * 10)
items = st.tuples(
    st.just("add"),
    st.sampled_from(["a", "b"]),
    st.sampled_from(list(Modality)),
    offsets_ms,
    st.sampled_from([0, 0, 30, 130]),
    st.sampled_from([0, 10, 60]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([None, None, None, "again"]),
)
steps = st.one_of(
    items,
    items,
    items,
    items,
    st.just(("advance",)),
    st.just(("advance",)),
    st.just(("advance",)),
    st.just(("relieve",)),
)
histories = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 10, 10, 20, 30, 60, 130, -10]), st.sampled_from([None] * 8 + [True, False]), steps
    ),
    min_size=25,
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(configurations, configurations, histories, st.booleans(), st.booleans())
def test_does_what_the_rules_say_at_every_step_whatever_the_clock_does(
    settings_a, settings_b, history, ask_marks, remembers
):
    settings_for = {"a": settings_a, "b": settings_b}.__getitem__
    aligner = Aligner(settings_for, remembered_sources=10 if remembers else 0)
    model = Model(settings_for, remembers_sources=remembers)
    now_ms, caught_up = 0, False
    for number, (elapsed_ms, flip, step) in enumerate([*history, (0, None, ("advance",))]):
        now_ms += elapsed_ms
        caught_up = caught_up if flip is None else flip
        clock = ReadClock(now_ms, caught_up)
        match step:
            case ("add", source_id, modality, offset_ms, length_ms, delay_ms, is_heartbeat, item_id):
                start_ms = now_ms + offset_ms
                end_ms = start_ms + length_ms
                item = Item(
                    item_id or str(number), modality, start_ms, end_ms, end_ms + delay_ms - 10, source_id, is_heartbeat
                )
                placement = aligner.add(item, clock)
                expected = model.add(item, now_ms, caught_up)
                got = [window.start_ms for window in placement.windows], placement.late_for, placement.held_by
                assert placement.is_ignored == (expected is None)
                assert got == (expected or ([], 0, 0)), f"step {number}"
            case ("relieve",) if model.now_ms is not None:
                aligner.seal_oldest()
                model.seal_oldest()
            case ("advance",):
                events = aligner.advance(clock)
                model.pass_time(now_ms, caught_up)
                windows = [(KINDS[type(event)], *facts(event.window)) for event in events if type(event) in KINDS]
                assert windows == model.drain(), f"step {number}"
                presences = [astuple(event) for event in events if isinstance(event, PresenceChanged)]
                presences = [(at, source, modality, how, since) for source, modality, how, since, at in presences]
                assert presences == model.drain_presences(), f"step {number}"
                forgotten = [event.source_id for event in events if isinstance(event, SourceForgotten)]
                assert forgotten == model.drain_forgotten(), f"step {number}"
        for source_id, source in model.sources.items() if ask_marks else ():
            assert aligner.source_watermark(source_id) == source.source_ms, f"step {number}"
            assert aligner.seal_watermark(source_id) == source.seal_ms, f"step {number}"
            assert aligner.watermarks(source_id) == source.watermarks, f"step {number}"
        if ask_marks:
            held = {(s.source_id, start) for s in model.sources.values() for start in s.windows}
            assert aligner.open_windows == len(held)
            assert aligner.oldest_open_start_ms == min((start for _, start in held), default=None)
    for source_id, source in model.sources.items():
        assert aligner.source_watermark(source_id) == source.source_ms
        assert aligner.seal_watermark(source_id) == source.seal_ms

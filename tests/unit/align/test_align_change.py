"""Windows whose settings change: which there are around the change, and that a crash across it changes nothing."""

import pytest
from align_bench import AUDIO, VIDEO, Bench
from align_histories import earlier_windows
from align_model import spans_by_looking
from hypothesis import given
from hypothesis import strategies as st

from streams.align import AlignSettings, EarlierWindows, Role

CHANGE_MS = 12_000
# From four seconds every two to three seconds every one and a half.
CHANGED = AlignSettings(
    size_ms=3_000,
    hop_ms=1_500,
    allowed_lateness_ms=0,
    out_of_orderness_ms=0,
    earlier=(EarlierWindows(size_ms=4_000, hop_ms=2_000, until_ms=CHANGE_MS),),
)

cuts = st.sampled_from([(100, 100), (100, 30), (250, 125), (40, 40), (70, 20)])


@st.composite
def changed(draw):
    chosen = [draw(cuts) for _ in range(draw(st.integers(1, 3)))] + [draw(cuts.filter(lambda cut: cut[0] >= 100))]
    size_ms, hop_ms = chosen[-1]
    return AlignSettings(size_ms=size_ms, hop_ms=hop_ms, earlier=earlier_windows(chosen, not_before_ms=0))


def around(settings):
    last_ms = settings.earlier[-1].until_ms if settings.earlier else 0
    return st.integers(-500, last_ms + 700)


@given(settings=changed(), length_ms=st.integers(0, 700), data=st.data())
def test_an_item_belongs_to_exactly_the_windows_of_every_cut_that_it_overlaps(settings, length_ms, data):
    start_ms = data.draw(around(settings))
    expected = spans_by_looking(start_ms, start_ms + length_ms, settings)
    assert settings.spans_of(start_ms, start_ms + length_ms) == expected


@given(settings=changed(), data=st.data())
def test_every_moment_is_in_some_window_and_ends_follow_starts(settings, data):
    spans = settings.spans_of(at_ms := data.draw(around(settings)), at_ms)
    assert spans
    assert all(start_ms <= at_ms < end_ms for start_ms, end_ms in spans)
    ends = [end_ms for _, end_ms in settings.spans_of(at_ms, at_ms + 1_000)]
    assert ends == sorted(set(ends))


@given(settings=changed(), data=st.data())
def test_a_bound_on_ends_is_one_on_starts(settings, data):
    at_ms = data.draw(around(settings))
    last_ms = settings.last_start_by(at_ms)
    for start_ms, end_ms in settings.spans_of(at_ms - 600, at_ms + 600):
        assert (start_ms <= last_ms) == (end_ms <= at_ms)
        assert settings.last_start_by(end_ms) == start_ms
        assert settings.end_of(start_ms) == end_ms


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "expected"),
    [
        (CHANGE_MS - 1, CHANGE_MS - 1, [(8_000, 12_000)]),  # the one from 10,000 would reach beyond the change
        (CHANGE_MS, CHANGE_MS, [(12_000, 15_000)]),  # the one from 10,500 would begin before it
        (11_000, 13_000, [(8_000, 12_000), (12_000, 15_000)]),
        (9_000, 14_000, [(6_000, 10_000), (8_000, 12_000), (12_000, 15_000), (13_500, 16_500)]),
    ],
)
def test_no_window_reaches_across_the_change(start_ms, end_ms, expected):
    assert CHANGED.spans_of(start_ms, end_ms) == expected


def bench_across(**settings):
    names = ("size_ms", "hop_ms", "allowed_lateness_ms", "out_of_orderness_ms", "earlier")
    changed = {name: getattr(CHANGED, name) for name in names}
    return Bench(**(changed | {"roles": {VIDEO: Role.REQUIRED, AUDIO: Role.OPTIONAL}} | settings))


def test_an_interval_across_the_change_is_in_windows_of_both_cuts():
    placement = bench_across().add(AUDIO, 11_500, 12_500)
    assert [window.id for window in placement.windows] == ["dock-1/8000/4000", "dock-1/12000/3000"]


def test_windows_close_and_are_sealed_at_their_own_ends_on_both_sides():
    bench = bench_across()
    bench.add(VIDEO, 11_000)
    bench.add(VIDEO, 12_500)
    bench.beat_all(CHANGE_MS, (AUDIO,))
    assert bench.advance() == [("closed", 8_000), ("sealed", 8_000)]
    bench.beat_all(14_999, (VIDEO, AUDIO))
    assert bench.advance() == []
    bench.beat_all(15_000, (VIDEO, AUDIO))
    assert bench.advance() == [("closed", 12_000), ("sealed", 12_000)]


def test_in_a_backlog_time_alone_closes_and_seals_an_earlier_window_at_its_own_end():
    bench = bench_across(roles={VIDEO: Role.REQUIRED}, allowed_lateness_ms=500, idle_timeout_ms=5_000)
    bench.caught_up, bench.now_ms = False, 11_000
    bench.add(VIDEO, 11_000)
    assert bench.advance(16_999) == []
    assert bench.advance(17_499) == [("closed", 8_000)]
    assert bench.advance(17_500) == [("sealed", 8_000)]


def test_what_was_final_at_the_change_stays_sealed_and_what_begins_there_is_open():
    bench = bench_across()
    bench.aligner.restore("dock-1", {VIDEO: 11_000}, final_through_ms=CHANGE_MS)
    assert bench.add(VIDEO, CHANGE_MS - 1).is_late
    placement = bench.add(AUDIO, 11_500, 12_500)
    assert [window.id for window in placement.windows] == ["dock-1/12000/3000"]
    assert placement.late_for == 1


def test_settings_without_a_change_have_one_cut():
    settings = AlignSettings()
    assert settings.spans_of(3_000, 3_000) == [(0, 4_000), (2_000, 6_000)]
    assert (settings.end_of(2_000), settings.last_start_by(6_000)) == (6_000, 2_000)


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ([(4_000, 2_000, 11_000)], "none of them ends there"),
        ([(4_000, 2_000, 14_000)], "a multiple of the next hop, 1500"),
        ([(4_000, 0, 12_000)], "expected a hop from 1"),
        ([(4_000, 4_001, 12_000)], "expected a hop from 1"),
        ([(4_000, 2_000, 12_000), (6_000, 3_000, 15_000)], "none of them fits after 12000"),
        ([(4_000, 2_000, 12_000), (6_000, 3_000, 12_000)], "none of them fits after 12000"),
    ],
)
def test_a_change_that_leaves_a_moment_without_a_window_is_refused(earlier, expected):
    cuts = tuple(EarlierWindows(size_ms=size, hop_ms=hop, until_ms=until) for size, hop, until in earlier)
    with pytest.raises(ValueError, match=expected):
        AlignSettings(size_ms=3_000, hop_ms=1_500, earlier=cuts)

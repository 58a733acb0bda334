"""Presences: what is told when a modality comes, falls silent and returns, and when its whole source goes."""

from align_bench import AUDIO, TRANSCRIPT, VIDEO

from streams.align import Presence, PresenceChanged


def told(bench, now_ms=None):
    """(modality, presence, since, at) of every change that the next `advance` tells."""
    bench.advance(now_ms)
    return [(event.modality, event.presence, event.since_ms, event.at_ms) for event in bench.presences]


def test_the_first_item_is_told_once_and_no_modality_is_told_as_awaited(bench):
    bench.now_ms = 100
    bench.beat(VIDEO, 1_000)
    bench.beat(VIDEO, 1_100)
    bench.advance()
    assert bench.presences == [PresenceChanged("dock-1", VIDEO, Presence.LIVE, 100, 100)]
    bench.beat(VIDEO, 1_200)
    assert told(bench) == []


def test_falling_silent_and_coming_back_are_told(bench):
    bench.beat(VIDEO, 1_000)
    assert told(bench) == [(VIDEO, Presence.LIVE, 0, 0)]
    bench.now_ms = 2_000
    bench.beat(AUDIO, 1_000)
    assert told(bench) == [(AUDIO, Presence.LIVE, 2_000, 2_000)]
    assert told(bench, 4_999) == []
    assert told(bench, 5_010) == [(TRANSCRIPT, Presence.IDLE, 0, 5_010), (VIDEO, Presence.IDLE, 0, 5_010)]
    bench.now_ms = 6_000
    bench.beat(VIDEO, 1_000)
    assert told(bench) == [(VIDEO, Presence.LIVE, 6_000, 6_000)]


def test_what_ended_as_it_began_is_not_told(bench):
    bench.beat(VIDEO, 1_000)
    bench.advance()
    bench.now_ms = 5_000
    bench.beat(AUDIO, 1_000)  # the video is idle now
    bench.beat(VIDEO, 1_000)
    assert told(bench) == [(AUDIO, Presence.LIVE, 5_000, 5_000), (TRANSCRIPT, Presence.IDLE, 0, 5_000)]


def test_only_the_last_of_several_changes_is_told(bench):
    bench.beat(VIDEO, 1_000)
    bench.now_ms = 5_000
    bench.beat(AUDIO, 1_000)
    assert (VIDEO, Presence.IDLE, 0, 5_000) in told(bench)
    assert len(bench.presences) == 3


def test_a_source_that_vanishes_is_gone_with_every_modality_also_those_never_seen(bench):
    bench.beat(VIDEO, 1_000)
    bench.advance(5_000)
    gone = [(modality, Presence.GONE, 0, 30_000) for modality in (AUDIO, TRANSCRIPT, VIDEO)]
    assert told(bench, 30_000) == gone
    assert told(bench, 90_000) == []


def test_a_source_that_returns_is_live_in_what_it_brings_and_idle_in_the_rest(bench):
    bench.beat(VIDEO, 1_000)
    bench.advance(30_000)
    bench.now_ms = 31_000
    bench.beat(AUDIO, 1_000)
    assert told(bench) == [
        (AUDIO, Presence.LIVE, 31_000, 31_000),
        (TRANSCRIPT, Presence.IDLE, 0, 31_000),
        (VIDEO, Presence.IDLE, 0, 31_000),
    ]


def test_an_absent_modality_has_no_presence_to_change(video_only):
    video_only.beat(VIDEO, 1_000)
    video_only.beat(AUDIO, 1_000)
    assert told(video_only) == [(VIDEO, Presence.LIVE, 0, 0)]
    assert told(video_only, 30_000) == [(VIDEO, Presence.GONE, 0, 30_000)]


def test_changes_come_in_order_of_the_read_clock_over_all_sources(bench):
    bench.beat(VIDEO, 1_000, source_id="dock-2")
    bench.now_ms = 10
    bench.beat(VIDEO, 1_000, source_id="dock-1")
    bench.advance()
    assert [(event.source_id, event.at_ms) for event in bench.presences] == [("dock-2", 0), ("dock-1", 10)]


def test_a_restored_source_that_brings_nothing_is_told_as_idle_then_gone(bench):
    bench.aligner.restore("dock-1", {VIDEO: 500})
    assert told(bench, 0) == []
    assert {presence for _, presence, *_ in told(bench, 5_000)} == {Presence.IDLE}
    assert {presence for _, presence, *_ in told(bench, 30_000)} == {Presence.GONE}


def test_a_source_is_told_as_forgotten_after_its_last_presence(bench):
    bench.aligner._remembered_sources = 0
    bench.beat(VIDEO, 1_000)
    assert {presence for _, presence, *_ in told(bench, 30_000)} == {Presence.GONE}
    assert bench.forgotten == ["dock-1"]
    bench.beat(VIDEO, 1_000)
    assert told(bench) == [(VIDEO, Presence.LIVE, 30_000, 30_000)]
    assert bench.forgotten == []


def test_a_source_that_returns_before_it_was_told_as_forgotten_only_differs_from_what_was_told(bench):
    bench.aligner._remembered_sources = 0
    bench.beat(VIDEO, 1_000)
    bench.beat(AUDIO, 1_000)
    bench.advance()
    bench.now_ms = 30_000
    bench.beat(VIDEO, 1_000, source_id="dock-2")  # the time passes, and dock-1 is forgotten
    assert bench.aligner.watermarks("dock-1") == {}
    bench.beat(VIDEO, 1_000)
    bench.advance()
    assert bench.presences == [
        PresenceChanged("dock-1", AUDIO, Presence.AWAITED, 30_000, 30_000),
        PresenceChanged("dock-2", VIDEO, Presence.LIVE, 30_000, 30_000),
    ]
    assert bench.forgotten == []

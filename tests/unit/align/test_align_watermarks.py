"""How far a source has come: one law per test."""

import pytest
from align_bench import AUDIO, TRANSCRIPT, VIDEO

from streams.align import Presence, ReadClock, Role


def test_a_watermark_is_the_largest_end_minus_the_out_of_orderness(make_bench):
    bench = make_bench(out_of_orderness_ms=300)
    bench.add(AUDIO, 1000, 2000)
    bench.add(AUDIO, 500, 1500)
    assert bench.aligner.watermarks("dock-1") == {AUDIO: 1700}


def test_an_item_counts_at_most_up_to_its_own_kafka_timestamp(bench):
    bench.add(VIDEO, 90_000, timestamp_ms=5_000)
    assert bench.aligner.watermarks("dock-1") == {VIDEO: 5_000}
    assert not bench.add(VIDEO, 4_900, timestamp_ms=5_100).is_late


def test_a_heartbeat_moves_the_watermark_and_makes_no_window(bench):
    placement = bench.beat(VIDEO, 5_000)
    assert bench.aligner.watermarks("dock-1") == {VIDEO: 5_000}
    assert (list(placement.windows), placement.late_for, placement.held_by) == ([], 0, 0)
    assert not placement.is_late
    assert not placement.is_duplicate
    assert not placement.is_ignored
    assert bench.aligner.open_windows == 0


def test_a_heartbeat_far_behind_is_not_late(bench):
    bench.beat_all(90_000)
    assert not bench.beat(VIDEO, 1_000).is_late


def test_the_source_watermark_is_the_least_of_the_required_modalities(bench):
    bench.beat(VIDEO, 7_000)
    bench.beat(AUDIO, 5_000)
    assert bench.source_ms == 5_000
    assert bench.seal_ms is None


def test_the_seal_watermark_is_the_least_of_all_modalities(bench):
    bench.beat(VIDEO, 7_000)
    bench.beat(AUDIO, 5_000)
    bench.beat(TRANSCRIPT, 2_000)
    assert (bench.source_ms, bench.seal_ms) == (5_000, 2_000)


def test_a_modality_that_was_not_seen_yet_is_awaited(bench):
    bench.beat(VIDEO, 7_000)
    assert bench.source_ms is None
    bench.advance(4_999)
    assert bench.source_ms is None


def test_a_modality_never_seen_is_idle_counted_from_when_the_source_was_first_seen(bench):
    bench.now_ms = 1_000
    bench.beat(VIDEO, 7_000)
    bench.now_ms = 5_999
    bench.beat(VIDEO, 8_000)
    assert bench.source_ms is None
    bench.advance(6_000)
    assert (bench.source_ms, bench.seal_ms) == (8_000, 8_000)


def test_without_a_live_required_modality_all_live_ones_count(bench):
    bench.beat_all(1_000)
    bench.now_ms = 4_000
    bench.beat(TRANSCRIPT, 3_000)
    bench.advance(5_000)
    assert (bench.source_ms, bench.seal_ms) == (3_000, 3_000)


def test_with_none_at_all_it_stands_still(bench):
    bench.beat(VIDEO, 3_000)
    bench.beat(AUDIO, 2_000)
    bench.beat(TRANSCRIPT, 1_000)
    bench.advance(29_000)
    assert (bench.source_ms, bench.seal_ms) == (2_000, 1_000)


def test_neither_watermark_goes_back_when_an_idle_modality_returns(bench):
    bench.beat_all(1_000)
    bench.now_ms = 4_000
    bench.beat(VIDEO, 6_000)
    bench.advance(5_000)
    assert (bench.source_ms, bench.seal_ms) == (6_000, 6_000)
    bench.beat(AUDIO, 1_500)
    assert (bench.source_ms, bench.seal_ms) == (6_000, 6_000)
    bench.beat(VIDEO, 7_000)
    assert bench.source_ms == 6_000
    bench.beat(AUDIO, 6_500)
    assert bench.source_ms == 6_500


def test_only_optional_modalities_make_a_source_watermark_of_their_own(make_bench):
    bench = make_bench(roles={VIDEO: Role.OPTIONAL, AUDIO: Role.OPTIONAL})
    bench.beat(VIDEO, 7_000)
    bench.beat(AUDIO, 5_000)
    assert (bench.source_ms, bench.seal_ms) == (5_000, 5_000)


def test_an_absent_modality_holds_nothing_back(video_only):
    video_only.beat(VIDEO, 7_000)
    assert (video_only.source_ms, video_only.seal_ms) == (7_000, 7_000)


def test_in_a_backlog_an_idle_modality_counts_as_the_read_clock_minus_the_timeout(bench):
    bench.caught_up = False
    bench.beat(VIDEO, 9_000)
    bench.now_ms = 8_000
    bench.beat(VIDEO, 9_500)
    assert (bench.source_ms, bench.seal_ms) == (3_000, 3_000)
    bench.advance(8_500)
    assert bench.source_ms == 3_500


def test_in_a_backlog_an_idle_modality_counts_at_least_as_far_as_it_came(bench):
    bench.caught_up = False
    bench.beat(VIDEO, 9_000)
    bench.beat(AUDIO, 1_000)
    bench.now_ms = 6_000
    bench.beat(AUDIO, 9_500)
    assert bench.source_ms == 9_000


def test_caught_up_an_idle_modality_is_left_out(bench):
    bench.caught_up = False
    bench.beat(VIDEO, 9_000)
    bench.now_ms = 8_000
    bench.beat(VIDEO, 9_500)
    bench.caught_up = True
    bench.advance()
    assert bench.source_ms == 9_500


def test_what_a_backlog_reached_stays_when_the_reader_catches_up(bench):
    bench.caught_up = False
    bench.beat(VIDEO, 1_000)
    bench.advance(20_000)
    bench.caught_up = True
    bench.advance()
    assert bench.source_ms == 15_000


def test_what_stood_in_for_idle_modalities_until_the_reader_caught_up_counts(bench):
    bench.caught_up = False
    bench.beat(VIDEO, 1_000)
    bench.advance(20_000)
    bench.advance(25_000)
    bench.caught_up = True
    bench.advance(26_000)
    assert bench.source_ms == 20_000


def test_a_vanished_source_finds_how_far_the_backlog_went_without_it(bench):
    bench.caught_up = False
    bench.beat(VIDEO, 1_000)
    bench.advance(50_000)
    bench.advance(90_000)
    bench.caught_up = True
    bench.now_ms = 91_000
    assert bench.add(VIDEO, 81_999).is_late
    assert bench.seal_ms == 85_000


def test_falling_behind_counts_for_a_source_that_vanished_at_the_same_reading(bench):
    bench.beat(VIDEO, 1_000)
    bench.advance(30_000)
    bench.caught_up = False
    assert bench.add(VIDEO, 20_000).is_late  # everyone counts as having come to 25,000


def test_a_read_clock_that_goes_back_stands_still(bench):
    bench.now_ms = 10_000
    bench.beat(VIDEO, 1_000)
    bench.now_ms = 4_000
    bench.beat(AUDIO, 3_000)
    bench.now_ms = 12_000
    bench.beat(VIDEO, 2_000)
    bench.advance(14_999)
    assert bench.aligner.states("dock-1")[AUDIO] == (Presence.LIVE, 10_000)
    bench.advance(15_000)
    assert bench.aligner.states("dock-1")[AUDIO] == (Presence.IDLE, 10_000)


def test_states_tell_awaited_live_idle_and_gone(bench):
    bench.now_ms = 100
    bench.beat(VIDEO, 1_000)
    assert bench.aligner.states("dock-1") == {
        VIDEO: (Presence.LIVE, 100),
        AUDIO: (Presence.AWAITED, 100),
        TRANSCRIPT: (Presence.AWAITED, 100),
    }
    bench.advance(5_100)
    assert {state.presence for state in bench.aligner.states("dock-1").values()} == {Presence.IDLE}
    bench.beat(AUDIO, 1_000)
    assert bench.aligner.states("dock-1")[AUDIO] == (Presence.LIVE, 5_100)
    bench.advance(35_100)
    assert bench.aligner.states("dock-1")[AUDIO] == (Presence.GONE, 5_100)


def test_an_absent_modality_has_no_state(video_only):
    video_only.beat(VIDEO, 1_000)
    assert set(video_only.aligner.states("dock-1")) == {VIDEO}


def test_a_source_never_seen_has_no_marks(bench):
    assert bench.aligner.watermarks("dock-9") == {}
    assert bench.aligner.states("dock-9") == {}
    assert bench.aligner.source_watermark("dock-9") is None
    assert bench.aligner.seal_watermark("dock-9") is None


def test_restored_watermarks_judge_lateness_as_before(bench):
    bench.aligner.restore("dock-1", {VIDEO: 9_000, AUDIO: 8_000, TRANSCRIPT: 7_000})
    assert bench.aligner.watermarks("dock-1") == {VIDEO: 9_000, AUDIO: 8_000, TRANSCRIPT: 7_000}
    assert (bench.source_ms, bench.seal_ms) == (8_000, 7_000)
    assert bench.add(VIDEO, 6_999).is_late
    assert not bench.add(VIDEO, 7_000).is_late


def test_restoring_never_lowers_a_mark(bench):
    bench.beat_all(9_000)
    bench.aligner.restore("dock-1", {VIDEO: 1_000, AUDIO: 9_500})
    assert bench.aligner.watermarks("dock-1") == {VIDEO: 9_000, AUDIO: 9_500, TRANSCRIPT: 9_000}
    assert bench.source_ms == 9_000


def test_a_restored_modality_counts_as_seen_at_the_first_reading(bench):
    bench.aligner.restore("dock-1", {VIDEO: 1_000, AUDIO: 9_000, TRANSCRIPT: 9_000})
    bench.advance(50_000)
    assert bench.source_ms == 1_000
    assert bench.aligner.states("dock-1")[VIDEO] == (Presence.AWAITED, 50_000)
    bench.now_ms = 54_000
    bench.beat(AUDIO, 9_500)
    bench.advance(55_000)
    assert bench.source_ms == 9_500


def test_a_restored_modality_without_a_role_is_left_out(video_only):
    video_only.aligner.restore("dock-1", {VIDEO: 1_000, AUDIO: 500})
    assert video_only.aligner.watermarks("dock-1") == {VIDEO: 1_000}


def test_windows_that_were_final_before_are_not_built_again(bench):
    bench.advance(0)
    bench.aligner.restore("dock-1", {}, final_through_ms=5_000)
    assert bench.add(VIDEO, 4_999).is_late
    assert [window.start_ms for window in bench.add(VIDEO, 5_000).windows] == [5_000]


def test_settings_are_asked_for_once_while_a_source_is_in_sight(make_bench):
    bench, asked = make_bench(), []
    bench.aligner._settings_for = lambda source_id: asked.append(source_id) or bench.settings
    bench.beat(VIDEO, 1_000)
    bench.beat(AUDIO, 1_000)
    bench.beat(VIDEO, 1_000, source_id="dock-2")
    assert asked == ["dock-1", "dock-2"]


@pytest.mark.parametrize("caught_up", [False, True])
def test_the_same_reading_may_be_handed_in_again(bench, caught_up):
    clock = ReadClock(1_000, caught_up)
    bench.aligner.add(bench.item(VIDEO, 1_000, beat=True), clock)
    bench.aligner.add(bench.item(AUDIO, 1_000, beat=True), clock)
    assert len(bench.aligner.advance(clock)) == 2  # both are live
    assert bench.aligner.advance(clock) == []
    assert bench.source_ms == 1_000

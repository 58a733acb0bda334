"""When a window gets its first answer, when it is revised and when it is sealed: one law per test."""

import pytest
from align_bench import AUDIO, TRANSCRIPT, VIDEO

from streams.align import ClosedBy, Role, SealedBy, WindowClosed, WindowSealed


def test_a_window_closes_when_the_source_watermark_reaches_its_end(bench):
    bench.add(VIDEO, 500)
    bench.beat(VIDEO, 1_500)
    bench.beat(AUDIO, 999)
    assert bench.advance() == []
    bench.beat(AUDIO, 1_000)
    assert bench.advance() == [("closed", 0)]
    assert bench.events[0].window.closed_by is ClosedBy.WATERMARK


def test_an_optional_modality_never_holds_back_the_first_answer(bench):
    bench.add(VIDEO, 500)
    bench.beat_all(1_000, [VIDEO, AUDIO])
    assert bench.advance() == [("closed", 0)]


def test_an_optional_modality_holds_back_the_seal(bench):
    bench.add(VIDEO, 500)
    bench.beat_all(3_000, [VIDEO, AUDIO])
    assert bench.advance() == [("closed", 0)]
    bench.beat(TRANSCRIPT, 2_999)
    assert bench.advance() == []
    bench.beat(TRANSCRIPT, 3_000)
    assert bench.advance() == [("sealed", 0)]
    assert bench.events[0].window.sealed_by is SealedBy.WATERMARK


def test_a_window_closes_when_it_has_been_open_for_too_long(make_bench):
    bench = make_bench(max_open_ms=7_000)
    bench.add(VIDEO, 500)
    for now_ms in (2_000, 4_000, 6_000, 6_999):
        bench.now_ms = now_ms
        bench.beat_all(600)
    assert bench.advance(6_999) == []
    assert bench.advance(7_000) == [("closed", 0)]
    assert bench.events[0].window.closed_by is ClosedBy.MAX_OPEN


def test_a_window_that_was_open_for_too_long_still_takes_items(make_bench):
    bench = make_bench(max_open_ms=7_000)
    bench.add(VIDEO, 500)
    for now_ms in (3_000, 6_000):
        bench.now_ms = now_ms
        bench.beat(AUDIO, 600)
    assert bench.advance(7_000) == [("closed", 0)]
    bench.add(AUDIO, 600, 700)
    assert bench.advance() == [("revised", 0)]


def test_a_required_modality_that_brings_nothing_is_waited_for_until_it_is_idle(bench):
    bench.add(VIDEO, 500)
    bench.now_ms = 4_999
    bench.beat(VIDEO, 1_200)
    assert bench.advance() == []
    assert bench.advance(5_000) == [("closed", 0)]


def test_windows_that_hold_nothing_are_not_told(bench):
    bench.beat_all(50_000)
    bench.add(VIDEO, 50_500)
    bench.beat_all(60_000)
    assert bench.advance() == [("closed", 50_000), ("sealed", 50_000)]


def test_a_source_from_which_nothing_comes_makes_no_windows(bench):
    bench.beat_all(1_000)
    assert bench.advance(100_000) == []
    assert bench.aligner.open_windows == 0


def test_an_item_in_time_for_a_closed_window_makes_a_revision(bench):
    bench.add(VIDEO, 500)
    bench.beat_all(1_000, [VIDEO, AUDIO])
    bench.advance()
    bench.add(TRANSCRIPT, 100, 900)
    assert bench.advance() == [("revised", 0)]
    assert len(bench.events[0].window.items) == 2


def test_a_window_is_revised_at_most_once_per_advance(bench):
    bench.add(VIDEO, 500)
    bench.beat_all(1_000, [VIDEO, AUDIO])
    bench.advance()
    bench.add(TRANSCRIPT, 100, 500)
    bench.add(TRANSCRIPT, 500, 900)
    assert bench.advance() == [("revised", 0)]
    assert bench.advance() == []


def test_what_comes_before_the_first_answer_was_told_is_part_of_it(bench):
    bench.add(VIDEO, 500)
    bench.beat_all(1_000, [VIDEO, AUDIO])
    bench.add(TRANSCRIPT, 100, 900)
    assert bench.advance() == [("closed", 0)]
    assert len(bench.events[0].window.items) == 2


def test_a_duplicate_makes_no_revision(bench):
    bench.add(VIDEO, 500, item_id="x")
    bench.beat_all(1_000, [VIDEO, AUDIO])
    bench.advance()
    assert bench.add(VIDEO, 500, item_id="x").is_duplicate
    assert bench.advance() == []


def test_a_window_whose_end_has_passed_closes_as_soon_as_it_holds_something(bench):
    bench.beat_all(2_500)
    bench.add(VIDEO, 700)
    assert bench.advance() == [("closed", 0)]
    assert len(bench.events[0].window.items) == 1


def test_a_revision_is_told_before_the_seal_and_the_closing_before_either(bench):
    bench.add(VIDEO, 500)
    bench.beat_all(1_000, [VIDEO, AUDIO])
    bench.advance()
    bench.add(TRANSCRIPT, 100, 900)
    bench.add(VIDEO, 1_500)
    bench.beat_all(4_000)
    assert bench.advance() == [("revised", 0), ("sealed", 0), ("closed", 1000), ("sealed", 1000)]


def test_events_come_in_order_of_start_over_all_sources(bench):
    for source_id in ("dock-2", "dock-1"):
        bench.add(VIDEO, 1_500, source_id=source_id)
        bench.add(VIDEO, 500, source_id=source_id)
        bench.beat_all(2_000, [VIDEO, AUDIO], source_id=source_id)
    bench.advance()
    assert [(event.window.start_ms, event.window.source_id) for event in bench.events] == [
        (0, "dock-1"),
        (0, "dock-2"),
        (1000, "dock-1"),
        (1000, "dock-2"),
    ]


def test_windows_overlap_when_the_hop_is_less_than_the_size(make_bench):
    bench = make_bench(size_ms=1000, hop_ms=500)
    placement = bench.add(AUDIO, 900, 1_600)
    assert [window.start_ms for window in placement.windows] == [0, 500, 1000, 1500]
    assert all(len(window.items) == 1 for window in placement.windows)


def test_when_nothing_of_a_source_comes_its_windows_are_sealed_as_vanished(bench):
    bench.add(VIDEO, 500)
    bench.now_ms = 1_000
    bench.add(VIDEO, 90_500)
    assert bench.advance(30_000) == [("closed", 0)]
    assert bench.advance(30_999) == []
    assert bench.advance(31_000) == [("sealed", 0), ("closed", 90_000), ("sealed", 90_000)]
    assert {e.window.sealed_by for e in bench.events if isinstance(e, WindowSealed)} == {SealedBy.VANISHED}
    assert {e.window.closed_by for e in bench.events if isinstance(e, WindowClosed)} == {ClosedBy.MAX_OPEN}


def test_a_heartbeat_keeps_a_source_from_vanishing(bench):
    bench.add(VIDEO, 500)
    bench.now_ms = 10_000
    bench.beat(AUDIO, 100)
    assert ("sealed", 0) not in bench.advance(39_999)
    assert bench.advance(40_000) == [("sealed", 0)]


def test_an_absent_modality_does_not_keep_a_source_from_vanishing(video_only):
    video_only.add(VIDEO, 500)
    video_only.now_ms = 10_000
    video_only.add(AUDIO, 100, 200)
    assert video_only.advance(30_000) == [("closed", 0), ("sealed", 0)]


def test_a_vanished_source_is_released_and_finds_its_marks_when_it_returns(bench):
    bench.add(VIDEO, 500)
    bench.beat_all(20_000)
    bench.advance(30_000)
    assert bench.aligner.source_ids == []
    assert bench.aligner.watermarks("dock-1")[VIDEO] == 20_000
    assert bench.add(VIDEO, 16_500).is_late
    assert not bench.add(VIDEO, 20_500).is_late
    assert bench.seal_ms == 20_500  # the two others are idle and stay so
    assert bench.aligner.source_ids == ["dock-1"]


def test_a_window_of_a_vanished_source_takes_nothing_when_it_returns(bench):
    bench.add(VIDEO, 500)
    bench.advance(30_000)
    assert bench.add(VIDEO, 600).is_late
    assert not bench.add(VIDEO, 1_000).is_late


def test_an_item_of_an_absent_modality_does_not_bring_a_vanished_source_back(video_only):
    video_only.add(VIDEO, 500)
    video_only.advance(30_000)
    assert video_only.add(AUDIO, 31_000).is_ignored
    assert video_only.aligner.source_ids == []


def test_marks_of_a_vanished_source_can_be_restored(bench):
    bench.beat_all(1_000)
    bench.advance(30_000)
    bench.aligner.restore("dock-1", {VIDEO: 9_000}, final_through_ms=12_000)
    assert bench.aligner.watermarks("dock-1")[VIDEO] == 9_000
    assert bench.aligner.source_ids == []
    assert bench.add(VIDEO, 11_999).is_late


def test_more_vanished_sources_than_remembered_are_forgotten_oldest_first(bench):
    bench.aligner._remembered_sources = 2
    for number in range(3):
        bench.now_ms = number
        bench.beat(VIDEO, 1_000, source_id=f"dock-{number}")
    bench.advance(100_000)
    assert [n for n in range(3) if bench.aligner.watermarks(f"dock-{n}")] == [1, 2]
    assert bench.forgotten == ["dock-0"]


def test_under_memory_pressure_the_oldest_windows_are_sealed_first(bench):
    bench.add(VIDEO, 2_500)
    bench.add(VIDEO, 500, source_id="dock-2")
    bench.add(VIDEO, 1_500)
    assert bench.aligner.oldest_open_start_ms == 0
    assert bench.aligner.seal_oldest(2) == 2
    assert bench.advance() == [("closed", 0), ("sealed", 0), ("closed", 1000), ("sealed", 1000)]
    assert {event.window.closed_by for event in bench.events} == {ClosedBy.MEMORY}
    assert {event.window.sealed_by for event in bench.events} == {SealedBy.MEMORY}
    assert (bench.aligner.open_windows, bench.aligner.oldest_open_start_ms) == (1, 2000)


def test_what_memory_sealed_takes_no_more_items_nor_does_anything_before_it(bench):
    bench.add(VIDEO, 2_500)
    bench.aligner.seal_oldest()
    assert bench.add(VIDEO, 2_600).is_late
    assert bench.add(VIDEO, 1_600).is_late
    assert not bench.add(VIDEO, 3_000).is_late


def test_memory_can_be_taken_from_one_source(bench):
    bench.add(VIDEO, 500, source_id="dock-2")
    bench.add(VIDEO, 1_500)
    assert bench.aligner.seal_oldest(5, source_id="dock-1") == 1
    assert bench.aligner.seal_oldest(5, source_id="dock-9") == 0
    assert bench.aligner.oldest_open_start_ms == 0


def test_a_window_that_was_closed_keeps_its_reason_when_memory_seals_it(bench):
    bench.add(VIDEO, 500)
    bench.beat_all(1_000, [VIDEO, AUDIO])
    bench.aligner.seal_oldest()
    assert bench.advance() == [("closed", 0), ("sealed", 0)]
    assert bench.events[0].window.closed_by is ClosedBy.WATERMARK


def test_in_a_backlog_a_camera_without_a_microphone_does_not_block(bench):
    bench.caught_up = False
    for now_ms in range(0, 20_000, 500):
        bench.now_ms = now_ms
        bench.add(VIDEO, now_ms)
    closed = [start_ms for what, start_ms in bench.advance() if what == "closed"]
    # The read clock stands at 19,500: sound counts as having come to 14,500.
    assert closed == list(range(0, 14_000, 1_000))


def test_in_a_backlog_time_alone_closes_and_seals_what_waits_for_idle_modalities(bench):
    bench.caught_up = False
    bench.add(VIDEO, 500)
    bench.now_ms = 4_000
    bench.add(VIDEO, 8_500)
    assert bench.advance(5_999) == []
    assert bench.advance(6_000) == [("closed", 0)]
    assert bench.advance(7_999) == []
    assert bench.advance(8_000) == [("sealed", 0)]


def test_in_a_backlog_a_window_that_opens_behind_the_others_closes_in_its_own_time(bench):
    bench.caught_up = False
    bench.beat(VIDEO, 500)
    bench.now_ms = 4_000
    bench.beat(VIDEO, 3_000)
    bench.now_ms = 5_500
    bench.add(VIDEO, 2_500)  # sound is idle and counts as having come to 500; video next falls silent at 10,500
    assert bench.advance(7_999) == []
    assert bench.advance(8_000) == [("closed", 2000)]


def test_in_a_backlog_the_window_after_one_that_an_item_closed_closes_in_its_own_time(bench):
    bench.caught_up = False
    bench.add(VIDEO, 500)
    bench.now_ms = 4_000
    bench.add(VIDEO, 1_500, timestamp_ms=400)
    assert bench.advance(5_000) == []
    assert bench.advance(6_500) == []  # sound counts as having come to 1,500, and video holds the first window back
    bench.beat(VIDEO, 2_500)
    assert bench.advance(6_999) == [("closed", 0)]
    assert bench.advance(7_000) == [("closed", 1000)]


def test_falling_behind_brings_idle_modalities_back_into_count(bench):
    bench.now_ms = 1_000
    bench.add(VIDEO, 500)
    assert bench.advance(6_500) == []  # caught up, with everyone idle, it stands still
    bench.caught_up = False
    assert bench.advance(6_500) == [("closed", 0)]


@pytest.mark.parametrize("roles", [{VIDEO: Role.REQUIRED}, {VIDEO: Role.OPTIONAL}])
def test_a_single_modality_closes_and_seals_its_windows_itself(make_bench, roles):
    bench = make_bench(roles=roles)
    bench.add(VIDEO, 500)
    bench.add(VIDEO, 1_000)
    assert bench.advance() == [("closed", 0)]
    bench.add(VIDEO, 3_000)
    assert bench.advance() == [("sealed", 0), ("closed", 1000)]

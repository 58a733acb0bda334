"""What is late, what is a duplicate, and what is neither: one law per test."""

from align_bench import AUDIO, TRANSCRIPT, VIDEO


def test_an_item_is_late_for_a_window_that_its_own_watermark_has_passed(bench):
    bench.beat(VIDEO, 2_999)
    assert not bench.add(VIDEO, 999).is_late
    bench.beat(VIDEO, 3_000)
    placement = bench.add(VIDEO, 998)
    assert placement.is_late
    assert placement.late_for == 1


def test_the_watermark_before_the_item_judges_it(bench):
    assert not bench.add(AUDIO, 0, 50_000).is_late


def test_another_modalitys_watermark_makes_nothing_late(bench):
    bench.beat_all(90_000, [AUDIO, TRANSCRIPT])
    assert not bench.add(VIDEO, 500).is_late


def test_an_item_is_late_for_a_sealed_window_though_its_own_modality_is_behind(bench):
    bench.beat_all(3_000, [VIDEO, AUDIO])
    bench.beat(TRANSCRIPT, 100)
    bench.now_ms = 4_000
    bench.beat_all(3_000, [VIDEO, AUDIO])
    bench.advance(5_000)
    assert bench.seal_ms == 3_000
    assert bench.add(TRANSCRIPT, 200, 900).is_late


def test_a_window_is_sealed_whether_or_not_it_held_anything(bench):
    bench.beat_all(3_000)
    assert bench.add(VIDEO, 999).is_late
    assert bench.aligner.open_windows == 0


def test_lateness_is_judged_window_by_window(make_bench):
    bench = make_bench(size_ms=1000, hop_ms=500)
    bench.beat(AUDIO, 3_000)
    placement = bench.add(AUDIO, 400, 1_200)
    assert [window.start_ms for window in placement.windows] == [500, 1000]
    assert placement.late_for == 2
    assert not placement.is_late


def test_lateness_inside_a_batch_does_not_wait_for_advance(bench):
    bench.beat(AUDIO, 90_000)
    bench.beat(TRANSCRIPT, 90_000)
    bench.add(VIDEO, 500)
    bench.add(VIDEO, 3_000)
    assert bench.add(VIDEO, 700).is_late
    assert bench.advance() == [("closed", 0), ("sealed", 0)]


def test_time_passes_before_the_item_is_judged(bench):
    bench.beat_all(3_000, [VIDEO, AUDIO])
    bench.beat(TRANSCRIPT, 100)
    bench.now_ms = 4_000
    bench.beat_all(3_000, [VIDEO, AUDIO])
    bench.now_ms = 5_000
    assert bench.add(TRANSCRIPT, 200, 900).is_late


def test_in_a_backlog_what_stands_in_for_idle_modalities_seals_between_advances(bench):
    bench.caught_up = False
    bench.beat_all(100)
    bench.now_ms = 7_999
    bench.beat(AUDIO, 100, source_id="dock-2")
    assert not bench.add(VIDEO, 900).is_late
    bench.now_ms = 8_000
    bench.beat(AUDIO, 100, source_id="dock-2")
    bench.now_ms = 14_000
    assert bench.add(AUDIO, 900, 950).is_late


def test_a_late_item_still_shows_that_its_modality_lives(bench):
    bench.beat_all(3_000)
    bench.now_ms = 4_000
    assert bench.add(VIDEO, 0).is_late
    bench.advance(5_000)
    assert bench.aligner.states("dock-1")[VIDEO].since_ms == 4_000
    assert bench.aligner.states("dock-1")[VIDEO].presence == "live"


def test_a_second_item_with_an_id_of_the_same_window_is_a_duplicate(bench):
    first = bench.add(VIDEO, 500, item_id="x")
    second = bench.add(VIDEO, 500, item_id="x")
    assert (first.is_duplicate, second.is_duplicate) == (False, True)
    assert not second.is_late
    assert len(first.windows[0].items) == 1


def test_an_item_that_is_in_every_window_it_is_in_time_for_is_a_duplicate(make_bench):
    bench = make_bench(size_ms=1000, hop_ms=500)
    bench.add(AUDIO, 400, 1_200, item_id="x")
    bench.beat(AUDIO, 3_000)
    placement = bench.add(AUDIO, 400, 1_200, item_id="x")
    assert (placement.is_duplicate, placement.is_late) == (True, False)
    assert (placement.late_for, placement.held_by) == (2, 2)


def test_a_duplicate_that_grew_goes_into_the_windows_that_do_not_hold_it(bench):
    bench.add(AUDIO, 100, 900, item_id="x")
    placement = bench.add(AUDIO, 100, 1_900, item_id="x")
    assert [window.start_ms for window in placement.windows] == [1000]
    assert not placement.is_duplicate


def test_the_same_id_in_another_source_is_another_item(bench):
    bench.add(VIDEO, 500, item_id="x")
    assert not bench.add(VIDEO, 500, item_id="x", source_id="dock-2").is_duplicate


def test_an_item_of_an_absent_modality_is_ignored_and_leaves_no_trace(video_only):
    placement = video_only.add(AUDIO, 100, 200)
    assert placement.is_ignored
    assert (placement.is_late, placement.is_duplicate, list(placement.windows)) == (False, False, [])
    assert video_only.aligner.source_ids == []
    video_only.add(VIDEO, 500)
    assert video_only.add(AUDIO, 100, 200).is_ignored
    assert video_only.aligner.watermarks("dock-1") == {VIDEO: 500}


def test_a_camera_whose_clock_leaps_ahead_makes_only_windows_of_its_own(bench):
    bench.beat_all(1_000)
    leap = bench.add(VIDEO, 500_000, timestamp_ms=1_100)
    assert [window.start_ms for window in leap.windows] == [500_000]
    assert not bench.add(VIDEO, 1_050, timestamp_ms=1_150).is_late

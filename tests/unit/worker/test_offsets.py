"""The position moves over done prefixes only, and takes the watermarks of what it passes along."""

from hypothesis import given
from hypothesis import strategies as st

from streams.worker.offsets import OffsetTracker


def test_nothing_done_moves_nothing():
    tracker = OffsetTracker(5)
    tracker.add(5)
    assert tracker.position == 5


def test_a_hole_holds_the_position():
    tracker = OffsetTracker(5)
    for offset in (5, 6, 7):
        tracker.add(offset)
    tracker.done(6)
    tracker.done(7)
    assert tracker.position == 5
    tracker.done(5)
    assert tracker.position == 8


def test_gaps_between_offsets_need_not_be_done():
    tracker = OffsetTracker(4)
    for offset in (4, 8):
        tracker.add(offset)
        tracker.done(offset)
    assert tracker.position == 9


def test_a_gap_at_the_end_is_passed_once_everything_before_it_is_done():
    tracker = OffsetTracker(4)
    tracker.add(4)
    tracker.read_through(6)
    assert tracker.position == 4
    tracker.done(4)
    assert tracker.position == 6


def test_a_record_that_is_read_again_is_told_from_a_new_one():
    tracker = OffsetTracker(5)
    assert not tracker.is_new(4), "it lies before where reading began"
    seen = []
    for offset in (5, 6, 5, 6, 7):
        seen.append(tracker.is_new(offset))
        if seen[-1]:
            tracker.add(offset)
    assert seen == [True, True, False, False, True]
    assert tracker.held == 3


def test_watermarks_are_those_of_the_records_before_the_position():
    tracker = OffsetTracker()
    for offset, watermark_ms in enumerate([100, 300, 200]):
        tracker.add(offset, "cam", watermark_ms)
    tracker.add(3, "other", -50)
    assert tracker.watermarks_ms == {}
    tracker.done(1)
    tracker.done(0)
    assert tracker.position == 2
    assert tracker.watermarks_ms == {"cam": 300}
    tracker.changed.clear()
    tracker.done(2)
    tracker.done(3)
    assert tracker.position == 4
    assert tracker.watermarks_ms == {"cam": 300, "other": -50}
    assert tracker.changed == {"other"}


@given(st.sets(st.integers(0, 60), min_size=1), st.randoms(use_true_random=False))
def test_the_position_never_passes_a_record_that_is_not_done(offsets, rng):
    order, done = sorted(offsets), set()
    tracker = OffsetTracker(order[0])
    for offset in order:
        tracker.add(offset)
    for offset in rng.sample(order, len(order)):
        tracker.done(offset)
        done.add(offset)
        first_open = next((o for o in order if o not in done), None)
        before = [o for o in order if first_open is None or o < first_open]
        assert tracker.position == (before[-1] + 1 if before else order[0])
    assert tracker.held == 0

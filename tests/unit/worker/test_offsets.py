"""The position moves over done prefixes only."""

from hypothesis import given
from hypothesis import strategies as st

from streams.worker.offsets import OffsetTracker


def test_nothing_done_moves_nothing():
    tracker = OffsetTracker()
    tracker.add(5)
    assert tracker.position is None


def test_a_hole_holds_the_position():
    tracker = OffsetTracker()
    for offset in (5, 6, 7):
        tracker.add(offset)
    tracker.done(6)
    tracker.done(7)
    assert tracker.position is None
    tracker.done(5)
    assert tracker.position == 8


def test_gaps_between_offsets_need_not_be_done():
    tracker = OffsetTracker()
    for offset in (4, 8):
        tracker.add(offset)
        tracker.done(offset)
    assert tracker.position == 9


def test_a_record_that_is_read_again_is_not_tracked_a_second_time():
    tracker = OffsetTracker()
    assert [tracker.add(offset) for offset in (5, 6, 5, 6, 7)] == [True, True, False, False, True]
    assert tracker.held == 3


@given(st.sets(st.integers(0, 60), min_size=1), st.randoms(use_true_random=False))
def test_the_position_never_passes_a_record_that_is_not_done(offsets, rng):
    tracker, order, done = OffsetTracker(), sorted(offsets), set()
    for offset in order:
        tracker.add(offset)
    for offset in rng.sample(order, len(order)):
        tracker.done(offset)
        done.add(offset)
        first_open = next((o for o in order if o not in done), None)
        before = [o for o in order if first_open is None or o < first_open]
        assert tracker.position == (before[-1] + 1 if before else None)
    assert tracker.held == 0

"""The read clock of a partition."""

from hypothesis import given
from hypothesis import strategies as st

from streams.worker.read_clock import PartitionClock

FAR_MS = 10**13


def observe(clock, *timestamps_ms, wall_ms=FAR_MS):
    return [clock.observe(timestamp_ms, wall_ms=wall_ms).now_ms for timestamp_ms in timestamps_ms]


def now(clock, *, caught_up, wall_ms=FAR_MS, monotonic_ms=0):
    return clock.read(caught_up=caught_up, wall_ms=wall_ms, monotonic_ms=monotonic_ms).now_ms


def test_in_a_backlog_it_shows_the_largest_timestamp_read():
    clock = PartitionClock()
    assert observe(clock, 500, 900, 700) == [500, 900, 900]
    assert now(clock, caught_up=False, monotonic_ms=10_000) == 900


def test_a_timestamp_beyond_the_wall_clock_counts_up_to_it():
    assert observe(PartitionClock(), 9_999, wall_ms=1_000) == [1_000]


def test_once_caught_up_it_runs_with_monotonic_time():
    clock = PartitionClock()
    observe(clock, 900)
    assert now(clock, caught_up=True, monotonic_ms=50) == 900
    assert now(clock, caught_up=True, monotonic_ms=350) == 1_200


def test_it_stands_still_while_the_broker_is_away():
    clock = PartitionClock()
    observe(clock, 900)
    now(clock, caught_up=True, monotonic_ms=0)
    assert now(clock, caught_up=False, monotonic_ms=60_000) == 900
    assert now(clock, caught_up=True, monotonic_ms=120_000) == 900


def test_before_the_first_record_of_a_backlog_there_is_no_time():
    """A reading of zero would make the first record look as if decades of silence had passed."""
    clock = PartitionClock()
    assert clock.read(caught_up=False, wall_ms=FAR_MS, monotonic_ms=0) is None
    assert observe(clock, 700) == [700]


def test_where_there_is_nothing_to_read_it_begins_with_the_wall_clock():
    clock = PartitionClock()
    assert now(clock, caught_up=True, wall_ms=5_000, monotonic_ms=0) == 5_000
    assert now(clock, caught_up=True, wall_ms=9_000, monotonic_ms=100) == 5_100
    assert observe(clock, 4_000, 5_050, 6_000) == [5_100, 5_100, 6_000]


def test_a_reader_that_was_frozen_does_not_take_that_time_for_silence():
    clock = PartitionClock()
    observe(clock, 10_000)
    now(clock, caught_up=True, monotonic_ms=0)
    assert now(clock, caught_up=True, monotonic_ms=900) == 10_900
    assert now(clock, caught_up=True, monotonic_ms=20_900) == 11_900


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10_000), st.integers(-50, 500))))
def test_it_never_goes_back(steps):
    clock, monotonic_ms, last = PartitionClock(), 0, 0
    for caught_up, timestamp, passed_ms in steps:
        monotonic_ms += passed_ms
        [shown] = observe(clock, timestamp, wall_ms=5_000)
        assert shown >= last
        last = now(clock, caught_up=caught_up, wall_ms=5_000, monotonic_ms=monotonic_ms)
        assert last >= shown

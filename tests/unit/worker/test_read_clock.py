"""The read clock of a partition."""

from hypothesis import given
from hypothesis import strategies as st

from streams.worker.read_clock import PartitionClock


def now(clock, *, caught_up, wall_ms=10**13, monotonic_ms=0):
    return clock.read(caught_up=caught_up, wall_ms=wall_ms, monotonic_ms=monotonic_ms).now_ms


def test_in_a_backlog_it_shows_the_largest_timestamp_read():
    clock = PartitionClock()
    for timestamp in (500, 900, 700):
        clock.observe(timestamp)
    assert now(clock, caught_up=False, monotonic_ms=10_000) == 900


def test_a_timestamp_beyond_the_wall_clock_counts_up_to_it():
    clock = PartitionClock()
    clock.observe(9_999)
    assert now(clock, caught_up=False, wall_ms=1_000) == 1_000


def test_once_caught_up_it_runs_with_monotonic_time():
    clock = PartitionClock()
    clock.observe(900)
    assert now(clock, caught_up=True, monotonic_ms=50) == 900
    assert now(clock, caught_up=True, monotonic_ms=350) == 1_200


def test_it_stands_still_while_the_broker_is_away():
    clock = PartitionClock()
    clock.observe(900)
    now(clock, caught_up=True, monotonic_ms=0)
    assert now(clock, caught_up=False, monotonic_ms=60_000) == 900
    assert now(clock, caught_up=True, monotonic_ms=120_000) == 900


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10_000), st.integers(-50, 500))))
def test_it_never_goes_back(steps):
    clock, monotonic_ms, last = PartitionClock(), 0, 0
    for caught_up, timestamp, passed_ms in steps:
        monotonic_ms += passed_ms
        clock.observe(timestamp)
        shown = now(clock, caught_up=caught_up, wall_ms=5_000, monotonic_ms=monotonic_ms)
        assert shown >= last
        last = shown


def test_a_reader_that_was_frozen_does_not_take_that_time_for_silence():
    clock = PartitionClock()
    clock.observe(10_000)
    clock.read(caught_up=True, wall_ms=20_000, monotonic_ms=0)
    assert clock.read(caught_up=True, wall_ms=20_000, monotonic_ms=900).now_ms == 10_900
    assert clock.read(caught_up=True, wall_ms=40_000, monotonic_ms=20_900).now_ms == 11_900

import asyncio

import pytest

from streams.errors import ConfigurationError
from streams.ingest import Pace, Playing
from streams.ingest.pacing import beginning_ms, wait_until

NOW_MS = 1_700_000_000_000


class HandClock:
    """Stands still until someone sleeps."""

    def __init__(self):
        self.now_s = 100.0
        self.slept_s = []

    def epoch_ms(self):
        return NOW_MS

    def monotonic_s(self):
        return self.now_s

    async def sleep(self, seconds):
        self.slept_s.append(seconds)
        self.now_s += seconds


class StandingClock(HandClock):
    async def sleep(self, seconds):
        await asyncio.Event().wait()


def test_real_time_begins_now_and_fast_ends_now():
    assert beginning_ms(Playing(), 5000, NOW_MS, 60_000) == NOW_MS
    assert beginning_ms(Playing(pace=Pace.FAST), 5000, NOW_MS, 60_000) == NOW_MS - 5000


def test_the_beginning_that_was_asked_for_is_taken():
    for pace in Pace:
        assert beginning_ms(Playing(pace=pace, start_ms=7), 5000, NOW_MS, 60_000) == 7


@pytest.mark.parametrize(("pace", "start_ms"), [(Pace.REALTIME, NOW_MS + 60_001), (Pace.FAST, NOW_MS + 60_001 - 5000)])
def test_records_too_far_in_the_future_are_refused(pace, start_ms):
    with pytest.raises(ConfigurationError, match="into the future"):
        beginning_ms(Playing(pace=pace, start_ms=start_ms), 5000, NOW_MS, 60_000)
    assert beginning_ms(Playing(pace=pace, start_ms=start_ms - 1), 5000, NOW_MS, 60_000) == start_ms - 1


def test_repeating_at_the_fast_pace_is_refused():
    with pytest.raises(ConfigurationError, match="leave out --loop"):
        beginning_ms(Playing(pace=Pace.FAST, loop=True), 5000, NOW_MS, 60_000)


async def test_waiting_ends_at_the_moment_and_a_past_moment_is_not_waited_for():
    clock = HandClock()
    await wait_until(102.5, clock, asyncio.Event())
    await wait_until(101.0, clock, asyncio.Event())
    assert clock.slept_s == [2.5]


async def test_waiting_ends_when_told_to_stop():
    stop = asyncio.Event()
    waiting = asyncio.create_task(wait_until(1e9, StandingClock(), stop))
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(waiting, 5)

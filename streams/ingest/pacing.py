"""When a time line begins, and waiting for its moments."""

import asyncio

from streams.errors import ConfigurationError
from streams.ingest.clock import Clock
from streams.ingest.options import Pace, Playing

__all__ = ["beginning_ms", "wait_until"]


def beginning_ms(playing: Playing, duration_ms: int, now_ms: int, max_future_ms: int) -> int:
    """Event time at which the first file begins, epoch milliseconds.

    Args:
        playing: pace, repetition and the beginning that was asked for.
        duration_ms: of all files together.
        now_ms: wall clock, epoch milliseconds.
        max_future_ms: how far after the wall clock an item may lie.

    Raises:
        ConfigurationError: records would lie in the future, where they are refused as poison.
    """
    is_fast = playing.pace is Pace.FAST
    if is_fast and playing.loop:
        raise ConfigurationError(
            "repeating at the fast pace would run into the future without end; leave out --loop, or use --pace realtime"
        )
    if playing.start_ms is None:
        return now_ms - duration_ms if is_fast else now_ms
    latest_ms = playing.start_ms + (duration_ms if is_fast else 0)
    if latest_ms - now_ms > max_future_ms:
        raise ConfigurationError(
            f"the beginning that was asked for puts records {(latest_ms - now_ms) / 1000:.0f} s into the future; at "
            f"most {max_future_ms / 1000:.0f} s are taken (limits.max_future_ms); begin earlier (--start-time)"
        )
    return playing.start_ms


async def wait_until(moment_s: float, clock: Clock, stop: asyncio.Event) -> None:
    """Return at a moment of the monotonic clock, or when told to stop."""
    remaining_s = moment_s - clock.monotonic_s()
    if remaining_s <= 0 or stop.is_set():
        return
    waiting = {asyncio.create_task(clock.sleep(remaining_s)), asyncio.create_task(stop.wait())}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()

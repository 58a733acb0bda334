"""The clock that playing runs on; a parameter, so that tests turn it by hand."""

import asyncio
import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """What playing needs to know about time."""

    def epoch_ms(self) -> int:
        """Wall clock, epoch milliseconds."""

    def monotonic_s(self) -> float:
        """Seconds since any fixed moment, never going back."""

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class SystemClock:
    """This machine's clock."""

    def epoch_ms(self) -> int:
        """Wall clock, epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds since any fixed moment, never going back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        await asyncio.sleep(seconds)

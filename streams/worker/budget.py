"""How many bytes a worker may hold: payloads that wait for decoding, and what open windows keep."""

import asyncio

from streams.worker.metrics import HELD_BYTES, UNDECODED_BYTES

__all__ = ["ByteBudget", "ByteLedger"]

_HARD_TIMES = (
    2  # at so many times the limit on what is held, windows are sealed; up to there the oldest get what they need
)


class ByteBudget:
    """Soft bounds: taking is never refused, but whoever takes looks for room before the next batch.

    So a bound may be passed by one batch, and nothing that was read has to be put back. Undecoded bytes are relieved by
    encoding alone; held bytes only by windows that become final, for which more may have to be read.
    """

    def __init__(self, undecoded_limit_bytes: int, held_limit_bytes: int) -> None:
        """Set the limits."""
        self._undecoded_limit_bytes = undecoded_limit_bytes
        self._held_limit_bytes = held_limit_bytes
        self._undecoded_bytes = 0
        self._held_bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    async def has_room(self) -> None:
        """Wait until fewer undecoded bytes than the limit are taken."""
        await self._room.wait()

    @property
    def is_full(self) -> bool:
        """Whether windows hold so much that only what the oldest of them wait for should be read."""
        return self._held_bytes >= self._held_limit_bytes

    @property
    def is_overfull(self) -> bool:
        """Whether windows hold so much that the oldest must be sealed if nothing else relieves it."""
        return self._held_bytes >= self._held_limit_bytes * _HARD_TIMES

    def change(self, *, undecoded_bytes: int = 0, held_bytes: int = 0) -> None:
        """Count bytes as taken, or as given back when negative."""
        self._undecoded_bytes += undecoded_bytes
        self._held_bytes += held_bytes
        UNDECODED_BYTES.set(self._undecoded_bytes)
        HELD_BYTES.set(self._held_bytes)
        if self._undecoded_bytes < self._undecoded_limit_bytes:
            self._room.set()
        else:
            self._room.clear()


class ByteLedger:
    """One partition's account with the budget, so that all of it can be given back at once."""

    def __init__(self, budget: ByteBudget) -> None:
        """Open an account without anything taken."""
        self._budget = budget
        self._undecoded_bytes = 0
        self._held_bytes = 0

    def change(self, *, undecoded_bytes: int = 0, held_bytes: int = 0) -> None:
        """Count bytes as taken, or as given back when negative."""
        self._undecoded_bytes += undecoded_bytes
        self._held_bytes += held_bytes
        self._budget.change(undecoded_bytes=undecoded_bytes, held_bytes=held_bytes)

    def close(self) -> None:
        """Give everything back."""
        self.change(undecoded_bytes=-self._undecoded_bytes, held_bytes=-self._held_bytes)

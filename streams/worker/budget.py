"""How many payload bytes may wait to be decoded and encoded."""

import asyncio

from streams.worker.metrics import UNDECODED_BYTES

__all__ = ["ByteBudget"]


class ByteBudget:
    """A soft bound: taking is never refused, but whoever takes waits for room before the next batch.

    So the bound may be passed by one batch, and nothing that was read has to be put back.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Allow `limit_bytes` before `has_room` waits."""
        self._limit_bytes = limit_bytes
        self._taken_bytes = 0
        self._room = asyncio.Event()
        self._room.set()

    def take(self, count_bytes: int) -> None:
        """Count bytes as waiting."""
        self._change(count_bytes)

    def give_back(self, count_bytes: int) -> None:
        """Count bytes as done with."""
        self._change(-count_bytes)

    async def has_room(self) -> None:
        """Wait until less than the limit is taken."""
        await self._room.wait()

    def _change(self, by_bytes: int) -> None:
        self._taken_bytes += by_bytes
        UNDECODED_BYTES.set(self._taken_bytes)
        if self._taken_bytes < self._limit_bytes:
            self._room.set()
        else:
            self._room.clear()

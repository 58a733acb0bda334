"""What all clients of one Triton share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from streams.inference.breaker import CircuitBreaker

__all__ = ["TrialGate", "TritonServer"]


class TrialGate:
    """Lets batches pass side by side, and a row on trial pass alone; belongs to one event loop.

    What takes the server down while a row is on trial is then that row, as far as this worker is concerned. A trial
    holds the batches back for three calls at most, each with its timeout.
    """

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._together = 0
        self._trials = 0
        self._is_alone = False

    @asynccontextmanager
    async def together(self) -> AsyncIterator[None]:
        """For one call of a batch."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._trials == 0)
            self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            await self._tell()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """For the few calls of one trial; never held while waiting for a server that is away."""
        self._trials += 1
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._together == 0 and not self._is_alone)
                self._is_alone = True
            try:
                yield
            finally:
                self._is_alone = False
        finally:
            self._trials -= 1
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


class TritonServer:
    """One Triton, as all the clients of a worker see it.

    Attributes:
        address: `host:port` of its gRPC endpoint.
        breaker: opens for all models when the server is away.
        gate: between batches and trials of all models.
    """

    def __init__(self, address: str, breaker: CircuitBreaker | None = None) -> None:
        """Nothing is connected yet."""
        self.address = address
        self.breaker = breaker or CircuitBreaker("triton")
        self.gate = TrialGate()

    def aside(self, dependency: str) -> "TritonServer":
        """The same Triton for calls whose failures are to keep no other call away; trials go before them, too.

        Args:
            dependency: as in the metric `braid_circuit_open`.
        """
        other = TritonServer(self.address, CircuitBreaker(dependency))
        other.gate = self.gate
        return other

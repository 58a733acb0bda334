"""Micro-batching without a timer: whatever waits while the line is busy travels together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

__all__ = ["MicroBatcher"]

T = TypeVar("T")
R = TypeVar("R")


class MicroBatcher(Generic[T, R]):
    """Joins single submissions into batches.

    An idle line sends at once, so a lone item never waits for company; a busy one sends what has gathered as soon as a
    request returns. Belongs to one event loop.
    """

    def __init__(
        self,
        process: Callable[[Sequence[T]], Awaitable[Sequence[R | BaseException]]],
        *,
        max_batch: int,
        max_in_flight: int,
        capacity: int,
    ) -> None:
        """Set the bounds.

        Args:
            process: answers a batch: one result, or one exception, for each of its items.
            max_batch: items of one batch at most.
            max_in_flight: batches under way at a time at most.
            capacity: submissions that may be pending; further ones wait in `submit`.
        """
        self._process = process
        self._max_batch = max_batch
        self._max_in_flight = max_in_flight
        self._capacity = asyncio.Semaphore(capacity)
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._batches: set[asyncio.Task[None]] = set()
        self._is_pump_due = False

    async def submit(self, item: T) -> R:
        """Process one item together with whatever else is waiting.

        Raises:
            Exception: what `process` answered or raised for this item.
        """
        async with self._capacity:
            loop = asyncio.get_running_loop()
            future: asyncio.Future[R] = loop.create_future()
            self._waiting.append((item, future))
            if not self._is_pump_due:
                self._is_pump_due = True
                # Not now but in this turn of the loop: submissions of the same turn go together.
                loop.call_soon(self._pump)
            return await future

    async def close(self) -> None:
        """End the batches under way and refuse what waits. Idempotent."""
        for _, future in self._waiting:
            future.cancel()
        self._waiting.clear()
        batches = list(self._batches)
        for batch in batches:
            batch.cancel()
        await asyncio.gather(*batches, return_exceptions=True)

    def _pump(self) -> None:
        self._is_pump_due = False
        while self._waiting and len(self._batches) < self._max_in_flight:
            batch: list[tuple[T, asyncio.Future[R]]] = []
            while self._waiting and len(batch) < self._max_batch:
                item, future = self._waiting.popleft()
                if not future.done():
                    batch.append((item, future))
            if batch:
                task = asyncio.create_task(self._run(batch))
                self._batches.add(task)
                task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._batches.discard(task)
        self._pump()

    async def _run(self, batch: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            results = await self._process([item for item, _ in batch])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - the outermost frame of this task: each submitter gets the error
            results = [error] * len(batch)
        for (_, future), result in zip(batch, results, strict=True):
            if future.done():
                continue
            if isinstance(result, BaseException):
                future.set_exception(result)
            else:
                future.set_result(result)

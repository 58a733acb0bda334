"""Pulling a slow iterator in a thread, a little ahead of its consumer."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from itertools import islice
from typing import TypeVar

__all__ = ["read_ahead"]

T = TypeVar("T")

_BATCH = 8


async def read_ahead(items: Iterator[T]) -> AsyncGenerator[T, None]:
    """All items, read in a thread so that the event loop is free meanwhile.

    At most two batches of eight are held: one being given, one being read. Close it (`contextlib.aclosing`) before
    dropping it: it waits for the batch being read, so that the thread does not outlive it.
    """
    reading = asyncio.create_task(asyncio.to_thread(_take, items))
    try:
        # Waited for instead of awaited: a consumer that is cancelled must not lose hold of the thread.
        while True:
            await asyncio.wait({reading})
            batch = reading.result()
            if not batch:
                return
            reading = asyncio.create_task(asyncio.to_thread(_take, items))
            for item in batch:
                yield item
    finally:
        await asyncio.wait({reading})
        reading.exception()


def _take(items: Iterator[T]) -> list[T]:
    return list(islice(items, _BATCH))

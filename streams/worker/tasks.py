"""Tasks with an owner who awaits them and hears of their failures."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

__all__ = ["Spawn", "TaskOwner"]

_CANCEL_AGAIN_S = 1.0


class Spawn(Protocol):
    """Starts a task whose owner awaits it and hears of its failure."""

    def __call__(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start `work`."""


class TaskOwner:
    """Starts tasks, and ends them all. Belongs to one event loop.

    Attributes:
        is_open: whether the work goes on; False from the first failure, or from `close`.
    """

    def __init__(self, fail: Callable[[BaseException], None]) -> None:
        """Own nothing yet.

        Args:
            fail: hears of the first error of a task, once.
        """
        self.is_open = True
        self._fail = fail
        self._tasks: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    async def drain(self, timeout_s: float) -> None:
        """Let what is under way come to its end, for a bounded time; the caller hands in nothing more."""
        deadline_s = asyncio.get_running_loop().time() + timeout_s
        while self._tasks and (left_s := deadline_s - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)

    async def close(self) -> None:
        """Cancel and await every task. Idempotent.

        A task that goes on is cancelled again: up to Python 3.11, libraries that wait with `asyncio.wait_for` lose a
        cancellation that comes just as what they wait for is done.
        """
        self.is_open = False
        tasks = set(self._tasks)
        while tasks:
            for task in tasks:
                task.cancel()
            _, tasks = await asyncio.wait(tasks, timeout=_CANCEL_AGAIN_S)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self.is_open:
            self.is_open = False
            self._fail(error)

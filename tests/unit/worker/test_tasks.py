"""Tasks and their owner."""

import asyncio
from contextlib import suppress

import pytest

from streams.worker import tasks as module
from streams.worker.tasks import TaskOwner


async def test_closing_ends_every_task():
    owner = TaskOwner(pytest.fail)
    tasks = [owner.spawn(asyncio.sleep(3_600)) for _ in range(3)]
    await owner.close()
    assert all(task.cancelled() for task in tasks)
    assert not owner.is_open


async def test_a_task_that_loses_a_cancellation_is_cancelled_again(monkeypatch):
    monkeypatch.setattr(module, "_CANCEL_AGAIN_S", 0.01)

    async def lose_the_first():
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3_600)
        await asyncio.sleep(3_600)

    owner = TaskOwner(pytest.fail)
    task = owner.spawn(lose_the_first())
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await owner.close()
    assert task.cancelled()


async def test_the_first_error_is_told_and_closes_the_work():
    told = []

    async def fail(text):
        raise RuntimeError(text)

    owner = TaskOwner(told.append)
    await asyncio.wait({owner.spawn(fail("first")), owner.spawn(fail("second"))})
    await asyncio.sleep(0)
    assert [str(error) for error in told] == ["first"]
    assert not owner.is_open
    await owner.close()

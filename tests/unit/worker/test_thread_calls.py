"""Calls in the consumer's thread: their time, their errors, their end."""

import asyncio

import pytest
from aiokafka.errors import CommitFailedError, KafkaConnectionError

from streams.errors import DependencyUnavailable
from streams.worker import thread_calls as module
from streams.worker.thread_calls import call_in_thread


class Thread:
    """Hands over what is put into its promise, as Faust's does."""

    def __init__(self):
        self.promise = asyncio.get_running_loop().create_future()

    async def call_thread(self, fun, *args, **kwargs):
        return await self.promise


async def ask(thread):
    return await call_in_thread(thread, None)


async def test_a_result_is_handed_over():
    thread = Thread()
    thread.promise.set_result(7)
    assert await ask(thread) == 7


async def test_a_refused_commit_is_told_as_it_is():
    thread = Thread()
    thread.promise.set_exception(CommitFailedError())
    with pytest.raises(CommitFailedError):
        await ask(thread)


@pytest.mark.parametrize("error", [KafkaConnectionError("closed"), asyncio.CancelledError()], ids=repr)
async def test_a_call_that_fails_in_the_thread_is_a_dependency_that_is_away(error):
    thread = Thread()
    thread.promise.set_exception(error)
    with pytest.raises(DependencyUnavailable):
        await ask(thread)


async def test_no_answer_in_time_is_a_dependency_that_is_away(monkeypatch):
    monkeypatch.setattr(module, "_CALL_TIMEOUT_S", 0.01)
    with pytest.raises(DependencyUnavailable, match="TimeoutError"):
        await ask(Thread())


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost():
    thread = Thread()
    task = asyncio.create_task(ask(thread))
    await asyncio.sleep(0)
    thread.promise.set_result(None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

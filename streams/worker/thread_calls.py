"""Calls of aiokafka in the thread that Faust keeps its consumer in."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from mode.threads import QueueServiceThread

from streams.errors import DependencyUnavailable

__all__ = ["call_in_thread"]

_CALL_TIMEOUT_S = 5.0

R = TypeVar("R")


async def call_in_thread(thread: QueueServiceThread, call: Callable[..., Awaitable[R]], *arguments: object) -> R:
    """Make a call of aiokafka in its thread, within the time allowed.

    Raises:
        IllegalStateError: the partition is not assigned.
        CommitFailedError: the group's coordinator refuses a commit.
        DependencyUnavailable: no answer, or not in time.
    """
    task = asyncio.current_task()
    cancelled_before = task.cancelling() if task else 0
    try:
        # Not asyncio.wait_for, which up to Python 3.11 loses a cancellation that comes just as the call is done.
        async with asyncio.timeout(_CALL_TIMEOUT_S):
            answer: R = await thread.call_thread(call, *arguments)
            return answer
    except asyncio.CancelledError as error:
        if task and task.cancelling() > cancelled_before:
            raise
        # The thread also hands over what was cancelled there, as aiokafka does with its waits when a group is left.
        raise DependencyUnavailable("Kafka's client gave the call up", code="kafka") from error
    except (IllegalStateError, CommitFailedError):
        raise
    except (KafkaError, TimeoutError) as error:
        raise DependencyUnavailable(f"Kafka does not answer: {error!r}", code="kafka") from error

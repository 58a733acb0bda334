"""What a worker is waiting for, and the retries that go with it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from streams.errors import DependencyUnavailable
from streams.worker.metrics import RETRIES

__all__ = ["Readiness"]

R = TypeVar("R")

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0

log = structlog.get_logger(__name__)


class Readiness:
    """Knows which dependencies are away; calls that need one are tried again until it is back.

    Attributes:
        missing: dependency -> what it said; empty when the worker can do all its work.
    """

    def __init__(self) -> None:
        self.missing: dict[str, str] = {"assignment": "no partitions assigned yet"}

    def set_missing(self, name: str, reason: str) -> None:
        """Say that something is missing. The first time it is logged."""
        if name not in self.missing:
            log.warning("dependency_missing", dependency=name, reason=reason)
        self.missing[name] = reason

    def set_present(self, name: str) -> None:
        """Say that something is there."""
        if self.missing.pop(name, None) is not None:
            log.info("dependency_present", dependency=name)

    async def until_available(self, name: str, call: Callable[[], Awaitable[R]]) -> R:
        """Make a call, again and again with growing, jittered pauses, for as long as its dependency is away.

        Endless on purpose: an item is never given up because a server is down. Ends when the task is cancelled.

        Args:
            name: of the dependency, as readiness shows it.
            call: makes one attempt; it has a timeout of its own. A pause is never shorter than the `retry_after_s`
                of its error.

        Raises:
            Exception: whatever `call` raises other than `DependencyUnavailable`.
        """
        backoff = wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S)

        def pause_s(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            least_s = error.retry_after_s if isinstance(error, DependencyUnavailable) else 0.0
            return max(least_s, backoff(state))

        def note(state: RetryCallState) -> None:
            RETRIES.labels(name).inc()
            error = state.outcome.exception() if state.outcome else None
            self.set_missing(name, str(error))

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(DependencyUnavailable),
            wait=pause_s,
            before_sleep=note,
        )
        result: R = await retrying(call)
        self.set_present(name)
        return result

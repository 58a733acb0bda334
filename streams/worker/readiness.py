"""What a worker is waiting for, and the retries that go with it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from streams.errors import DependencyUnavailable
from streams.worker.metrics import RETRIES

__all__ = ["DEPENDENCIES", "OneTry", "Readiness"]

R = TypeVar("R")

DEPENDENCIES = frozenset({"kafka", "redis", "triton"})
_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0

log = structlog.get_logger(__name__)


class Readiness:
    """Knows what is missing, by name; calls that need a dependency are tried again until it is back."""

    def __init__(self) -> None:
        self._stated: dict[str, str] = {"assignment": "no partitions assigned yet"}
        self._waits: dict[str, dict[object, str]] = {}

    @property
    def missing(self) -> Mapping[str, str]:
        """What is missing -> what it said last; empty when the worker can do all its work."""
        return self._stated | {name: list(reasons.values())[-1] for name, reasons in self._waits.items()}

    @property
    def is_dependency_away(self) -> bool:
        """Whether Kafka, Redis or Triton is missing: nothing new should be begun."""
        return not DEPENDENCIES.isdisjoint(self._waits)

    def set_missing(self, name: str, reason: str) -> None:
        """Say that something is missing. The first time it is logged."""
        if name not in self._stated:
            log.warning("dependency_missing", dependency=name, reason=reason)
        self._stated[name] = reason

    def set_present(self, name: str) -> None:
        """Say that something is there."""
        if self._stated.pop(name, None) is not None:
            log.info("dependency_present", dependency=name)

    @contextmanager
    def waiting_for(self, name: str, reason: str) -> Iterator[Callable[[str], None]]:
        """Say that something is missing for as long as the block lasts, however it ends.

        Yields:
            Replaces the reason.
        """
        key = object()
        if name not in self._waits:
            log.warning("dependency_missing", dependency=name, reason=reason)
        self._waits.setdefault(name, {})[key] = reason

        def restate(reason: str) -> None:
            self._waits[name][key] = reason

        try:
            yield restate
        finally:
            del self._waits[name][key]
            if not self._waits[name]:
                del self._waits[name]
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
        try:
            return await call()
        except DependencyUnavailable as error:
            away = error
        return await self._until_back(name, call, away)

    async def _until_back(self, name: str, call: Callable[[], Awaitable[R]], away: DependencyUnavailable | None) -> R:
        """Go on after the attempt that ended with `away`.

        Apart from that attempt, because what a retry needs is a cycle of objects each time, which waits for the garbage
        collector.
        """
        backoff = wait_random_exponential(multiplier=_FIRST_WAIT_S, max=_LONGEST_WAIT_S)

        def pause_s(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            least_s = error.retry_after_s if isinstance(error, DependencyUnavailable) else 0.0
            return least_s + backoff(state)

        async def attempt() -> R:
            nonlocal away
            if away is not None:
                first, away = away, None
                raise first
            return await call()

        with ExitStack() as waiting:
            restate: Callable[[str], None] | None = None

            def note(state: RetryCallState) -> None:
                nonlocal restate
                RETRIES.labels(name).inc()
                reason = str(state.outcome.exception() if state.outcome else None)
                if restate is None:
                    restate = waiting.enter_context(self.waiting_for(name, reason))
                else:
                    restate(reason)

            retrying = AsyncRetrying(
                retry=retry_if_exception_type(DependencyUnavailable), wait=pause_s, before_sleep=note
            )
            result: R = await retrying(attempt)
            return result


class OneTry(Readiness):
    """For a person who waits: a dependency that is away is said at once, not waited for."""

    async def until_available(self, name: str, call: Callable[[], Awaitable[R]]) -> R:  # noqa: ARG002 - as inherited
        """Make a call once.

        Raises:
            Exception: whatever `call` raises.
        """
        return await call()

"""Keeps calls away from a server that does not answer, and lets one at a time find out whether it is back."""

import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from streams.errors import BraidError, DependencyUnavailable, ModelFailed
from streams.inference.metrics import CIRCUIT_OPEN

__all__ = ["UNSENT", "CircuitBreaker"]

R = TypeVar("R")

UNSENT = "triton.circuit_open"
"""Code of the error for a call that was not made."""

_OPENS_AFTER = 5
"""Fewer would open for what one slow or deadly row does to the batches around it; a server that is gone fails all
requests under way at once, so it opens as early."""
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0  # as long as the longest pause of a single call's retries: nobody waits longer than without it

log = structlog.get_logger(__name__)


class CircuitBreaker:
    """Counts calls without an answer in a row; belongs to one event loop.

    Closed, all calls pass. After a few in a row without an answer it opens: calls fail at once, without touching the
    network. After a pause one call passes as a probe: any answer, an error included, closes it; none opens it again for
    twice as long. Pauses are jittered, so that the workers of a group do not probe in step.
    """

    def __init__(
        self,
        dependency: str,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Begin closed.

        Args:
            dependency: as in the metric `braid_circuit_open`.
            monotonic_s: a clock that never jumps.
            jitter: a number in [0, 1) each time.
        """
        self._dependency = dependency
        self._monotonic_s = monotonic_s
        self._jitter = jitter
        self._unanswered = 0
        self._pause_s = _FIRST_PAUSE_S
        self._probe_at_s: float | None = None
        self._is_probing = False
        CIRCUIT_OPEN.labels(dependency).set(0)

    @property
    def is_open(self) -> bool:
        """Whether calls are kept away, but for a probe."""
        return self._probe_at_s is not None

    async def call(self, attempt: Callable[[], Awaitable[R]]) -> R:
        """Make one call, unless the server is known to be away.

        Args:
            attempt: makes the call; has a timeout; raises `DependencyUnavailable` when there is no answer.

        Raises:
            DependencyUnavailable: code `UNSENT` while open, with the time until the next probe as `retry_after_s`.
            Exception: whatever `attempt` raises.
        """
        is_probe = self._admit()
        try:
            result = await attempt()
        except DependencyUnavailable as error:
            if isinstance(error, ModelFailed):
                self._answered()
            elif is_probe or not self.is_open:
                self._missed()
            raise
        except BraidError:
            self._answered()
            raise
        else:
            self._answered()
            return result
        finally:
            if is_probe:
                self._is_probing = False

    def _admit(self) -> bool:
        """Whether the call is a probe; raises if it may not be made."""
        if self._probe_at_s is None:
            return False
        left_s = max(0.0, self._probe_at_s - self._monotonic_s())
        if left_s > 0 or self._is_probing:
            raise DependencyUnavailable(
                f"{self._dependency} did not answer {self._unanswered} times in a row; next try in {left_s:.1f} s",
                code=UNSENT,
                retry_after_s=left_s,
            )
        self._is_probing = True
        return True

    def _answered(self) -> None:
        self._unanswered = 0
        self._pause_s = _FIRST_PAUSE_S
        if self._probe_at_s is not None:
            self._probe_at_s = None
            CIRCUIT_OPEN.labels(self._dependency).set(0)
            log.info("circuit_closed", dependency=self._dependency)

    def _missed(self) -> None:
        self._unanswered += 1
        if self._unanswered < _OPENS_AFTER:
            return
        if self._probe_at_s is None:
            CIRCUIT_OPEN.labels(self._dependency).set(1)
            log.warning("circuit_opened", dependency=self._dependency, unanswered=self._unanswered)
        self._probe_at_s = self._monotonic_s() + self._pause_s * (1 + self._jitter()) / 2
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)

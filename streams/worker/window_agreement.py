"""All workers of a group make the same windows: one whose settings differ waits, one that is overtaken ends."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

import structlog

from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.store import AgreedWindows, Store
from streams.worker.readiness import Readiness
from streams.worker.window_change import CHECK_EVERY_S, Proposal, cuts_of, judge, lead_ms

__all__ = ["WindowAgreement"]

R = TypeVar("R")

_POLL_S = 1.0

log = structlog.get_logger(__name__)


class WindowAgreement:
    """What a worker's group makes of its window settings."""

    def __init__(self, store: Store, settings: Settings, readiness: Readiness, wall_ms: Callable[[], int]) -> None:
        """Ask `store`; `readiness` is told what is missing."""
        self._store = store
        self._settings = settings
        self._readiness = readiness
        self._wall_ms = wall_ms
        self._group = settings.kafka.group
        self._told_of: AgreedWindows | None = None

    async def reach(self) -> AgreedWindows:
        """Agree, as the first worker with these settings, or with the others; waits for as long as they differ.

        Raises:
            ConfigurationError: the settings change the windows at a moment at which they can't.
        """
        with ExitStack() as waiting:
            restate: Callable[[str], None] | None = None
            while True:
                verdict = await self._ask()
                if verdict.wanted is not None:
                    return verdict.wanted
                if restate is None:
                    restate = waiting.enter_context(self._readiness.waiting_for("windows", verdict.reason))
                else:
                    restate(verdict.reason)
                await asyncio.sleep(_POLL_S)

    async def verify(self, agreed: AgreedWindows) -> None:
        """See whether what was reached still holds, and hold on to it if the store went back.

        Raises:
            ConfigurationError: a change has been agreed on and is near: this worker must not go beyond it.
        """
        stored = await self._redis(partial(self._store.read_windows, self._group))
        if stored is None or agreed.continues(stored):
            await self._agree(stored, agreed)
        elif stored.continues(agreed):
            change_ms = stored.earlier[len(agreed.earlier)].until_ms
            if self._wall_ms() >= change_ms - self._lead_ms(agreed):
                raise ConfigurationError(self._overtaken(agreed, stored), code="configuration.windows")
            if self._told_of != stored:
                self._told_of = stored
                log.warning("windows_change_ahead", change_ms=change_ms, reason=self._overtaken(agreed, stored))
        elif (stored.cuts, stored.earlier) != (agreed.cuts, agreed.earlier):
            raise ConfigurationError(self._overtaken(agreed, stored), code="configuration.windows")

    async def watch(self, agreed: AgreedWindows) -> None:
        """Verify again and again what was reached; ends only as `verify` does."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            await self.verify(agreed)

    def _overtaken(self, agreed: AgreedWindows, stored: AgreedWindows) -> str:
        moment = stored.effective_from_ms
        return (
            f"the workers of group {self._group} have agreed on windows of {stored.cuts} from {moment} on, and this "
            f"worker makes windows of {agreed.cuts}; start it with the new settings and windows.effective_from_ms: "
            f"{moment}"
        )

    def _lead_ms(self, agreed: AgreedWindows) -> int:
        return lead_ms(agreed.cuts, self._settings.limits.max_future_ms) - round(CHECK_EVERY_S * 1000)

    async def _ask(self) -> Proposal:
        own = AgreedWindows(cuts=cuts_of(self._settings), effective_from_ms=self._settings.windows.effective_from_ms)
        stored = await self._agree(None, own)
        while True:
            verdict = judge(stored, self._settings, self._wall_ms())
            if verdict.wanted is None or verdict.wanted == stored:
                return verdict
            log.warning("windows_change", cuts=str(own.cuts), effective_from_ms=own.effective_from_ms)
            stored = await self._agree(stored, verdict.wanted)

    async def _agree(self, expected: AgreedWindows | None, new: AgreedWindows) -> AgreedWindows:
        return await self._redis(partial(self._store.agree_on_windows, self._group, expected, new))

    async def _redis(self, call: Callable[[], Awaitable[R]]) -> R:
        return await self._readiness.until_available("redis", call)

"""Keeps one process running: start, readiness by a real request, restart with backoff, stop."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from streams.errors import EXIT_CONFIGURATION, BraidError, ConfigurationError, DependencyUnavailable
from streams.local.logs import tail
from streams.local.process import Child, Command
from streams.local.state import ProcessRecord, ProcessState

__all__ = ["Service", "ServicePlan"]

_PROBE_TIMEOUT_S = 5.0
_PROBE_EVERY_S = 0.05
_LONGEST_BACKOFF_S = 30.0
_HEALTHY_AFTER_S = 60.0


@dataclass(frozen=True)
class ServicePlan:
    """How to run a process.

    Attributes:
        name: as in the state and the log's file name.
        command: what to run.
        probe: makes one real request of the process with that pid; raises DependencyUnavailable, OSError or
            TimeoutError while it is not ready.
        ready_within_s: how long a start may take.
        stop_within_s: how long SIGTERM may take.
        restarts: how often in a row it is started again before it is given up; None: always.
        health: `host:port` of its health endpoint, if it has one.
        clean_up: removes what it leaves outside the data directory when it is killed.
        first_backoff_s: how long to wait before the first restart; each further one in a row waits twice as long.
    """

    name: str
    command: Command
    probe: Callable[[int], Awaitable[None]]
    ready_within_s: float
    stop_within_s: float
    restarts: int | None = None
    health: str | None = None
    clean_up: Callable[[], None] | None = None
    first_backoff_s: float = 0.5


class Service:
    """One process kept running.

    Args:
        plan: how.
        logs: folder of its log.
        on_change: called after every change of `record`.
        say: tells a person about deaths and restarts, one line each.
    """

    def __init__(
        self, plan: ServicePlan, logs: Path, on_change: Callable[[], None], say: Callable[[str], None]
    ) -> None:
        self.plan = plan
        self.log_path = logs / f"{plan.name}.log"
        self.record = ProcessRecord(plan.name, health=plan.health)
        self._on_change = on_change
        self._say = say
        self._child: Child | None = None

    async def start(self) -> None:
        """Start the process and wait until it is ready.

        Raises:
            DependencyUnavailable: it ends or is not ready in time; the message ends with the log's tail.
            ConfigurationError: it says with its exit code that only a person can mend the cause.
        """
        await self._run("starting")

    async def keep(self) -> None:
        """Start the process again whenever it ends. Runs until cancelled.

        Raises:
            DependencyUnavailable: it died too often in a row.
        """
        loop = asyncio.get_running_loop()
        deaths, backoff_s = 0, self.plan.first_backoff_s
        while self._child is not None:
            since_s = loop.time()
            fault = f"ended with exit code {await self._child.wait()}"
            await self._child.kill()
            while True:
                if loop.time() - since_s > _HEALTHY_AFTER_S:
                    deaths, backoff_s = 0, self.plan.first_backoff_s
                deaths += 1
                self._set("restarting", None)
                if self.plan.restarts is not None and deaths > self.plan.restarts:
                    raise DependencyUnavailable(
                        f"{self.plan.name} {fault}, {deaths} times in a row; the end of {self.log_path}:\n"
                        f"{tail(self.log_path)}",
                        code="local.gave_up",
                    )
                self._say(f"{self.plan.name} {fault}; starting it again in {backoff_s:g} s (log: {self.log_path})")
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, _LONGEST_BACKOFF_S)
                since_s = loop.time()
                try:
                    await self._run("restarting")
                    break
                except BraidError as error:
                    fault = str(error).partition("\n")[0].removeprefix(f"{self.plan.name} ")
            self._say(f"{self.plan.name} is back, pid {self.record.pid}")

    async def stop(self) -> None:
        """Stop the process: SIGTERM, then SIGKILL. Idempotent."""
        if self._child is not None and not await self._child.stop(self.plan.stop_within_s):
            self._say(f"{self.plan.name} did not stop within {self.plan.stop_within_s:g} s and was killed")
        self._child = None
        if self.plan.clean_up is not None:
            self.plan.clean_up()
        self._set("stopped", None)

    def kill(self) -> None:
        """SIGKILL at once, for a person who does not want to wait; a `stop` under way ends then."""
        if self._child is not None:
            self._child.kill_now()

    async def _run(self, state: ProcessState) -> None:
        self._child = child = await Child.spawn(self.plan.command, self.log_path)
        self._set(state, child)
        try:
            await self._until_ready(child)
        except BraidError:
            await child.kill()
            raise
        self._set("running", child)

    async def _until_ready(self, child: Child) -> None:
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self.plan.ready_within_s
        reason = "no answer"
        while loop.time() < deadline_s:
            try:
                async with asyncio.timeout(min(_PROBE_TIMEOUT_S, self.plan.ready_within_s)):
                    return await self.plan.probe(child.pid)
            except DependencyUnavailable as error:
                reason = str(error)
            except (OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
            if (code := await child.wait(_PROBE_EVERY_S)) is not None:
                await child.kill()
                kind = ConfigurationError if code == EXIT_CONFIGURATION else DependencyUnavailable
                raise kind(
                    f"{self.plan.name} ended with exit code {code} before it was ready; the end of {self.log_path}:\n"
                    f"{tail(self.log_path)}",
                    code="local.ended_early",
                )
        raise DependencyUnavailable(
            f"{self.plan.name} is not ready after {self.plan.ready_within_s:g} s: {reason}; the end of "
            f"{self.log_path}:\n{tail(self.log_path)}",
            code="local.not_ready",
        )

    def _set(self, state: ProcessState, child: Child | None) -> None:
        pid, mark = (child.pid, child.mark) if child else (None, None)
        self.record = ProcessRecord(self.plan.name, pid, mark, state, self.plan.health)
        self._on_change()

"""The workers of a scenario: started again whenever they end, as an orchestrator would."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import aiohttp
import yaml

from streams.local.logs import tail
from streams.local.ports import PortBook
from streams.local.process import Child, Command
from streams.settings import Settings

__all__ = ["Exit", "Fleet", "braid"]

Cause = Literal["kill", "term", "early", "own", "end"]

_ROOT = Path(__file__).parents[2]
_STOP_S = 15.0
_AFTER_OWN_EXIT_S = 1.0
_PROBE_S = 2.0
_POLL_S = 0.1


@dataclass(frozen=True)
class Exit:
    """One end of a worker.

    Attributes:
        cause: what the harness had done to it; `early` if it was told to end before it could hear it, `own` if nothing.
        code: exit code, negative for a signal.
        last_words: the end of its log.
    """

    worker: str
    cause: Cause
    code: int
    last_words: str


class _Slot:
    """One worker of that name, running or about to.

    Attributes:
        was_frozen: whether this run of it was frozen: it may wake with its work in other hands, and then ends by itself
            at a moment of its own, so that the exit code that SIGTERM finds says nothing.
    """

    def __init__(self, name: str, command: Command, log: Path, health_port: int) -> None:
        self.name = name
        self.command = command
        self.log = log
        self.health_port = health_port
        self.child: Child | None = None
        self.cause: Cause = "own"
        self.was_frozen = False
        self.is_ending = False
        self.keeping: asyncio.Task[None] | None = None


class Fleet:
    """Starts workers, hurts them, and starts them again. `end` stops them for good."""

    def __init__(self, settings: Settings, home: Path, ports: PortBook) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.config = home / "worker.yaml"
        document = settings.model_dump(mode="json")
        document["redis"]["url"] = settings.redis.url.get_secret_value() if settings.redis.url else None
        self.config.write_text(yaml.safe_dump(document), encoding="utf-8")
        self.exits: list[Exit] = []
        self.deeds: Counter[str] = Counter()
        self._home = home
        self._ports = ports
        self._slots: list[_Slot] = []

    def add(self) -> None:
        """Start one more worker."""
        name = f"w{len(self._slots) + 1}"
        port = self._ports.port(f"{self._home.name}-{name}")
        command = braid("worker", "--name", name, "--health-port", str(port), "--config", str(self.config))
        slot = _Slot(name, command, self._home / f"{name}.log", port)
        slot.keeping = asyncio.create_task(self._keep(slot))
        self._slots.append(slot)

    def kill(self, number: int) -> None:
        """SIGKILL, if it runs."""
        self._signal(number, signal.SIGKILL, "kill")

    async def terminate(self, number: int) -> None:
        """SIGTERM, and SIGKILL if it does not end in time, which its exit code shows.

        One that is ending already is left to it: a second signal kills, as a person at a terminal wants it.
        """
        slot = self._slots[number % len(self._slots)]
        if slot.cause == "term":
            return
        async with _probing() as session:
            # While Python starts nobody listens for the signal either, and it ends the process as it ends any other.
            is_listening = await _missing(session, slot) is not None
        child = self._signal(number, signal.SIGTERM, "term" if is_listening else "early")
        if child is not None and await child.wait(_STOP_S) is None:
            child.kill_now()

    async def freeze(self, number: int, lasts_s: float) -> None:
        """SIGSTOP, and SIGCONT later."""
        child = self._signal(number, signal.SIGSTOP, "own")
        self._slots[number % len(self._slots)].was_frozen = True
        await asyncio.sleep(lasts_s)
        if child is not None and not child.has_ended:
            os.kill(child.pid, signal.SIGCONT)

    async def missing(self) -> dict[str, dict[str, str] | None]:
        """Worker -> what its `/readyz` says is missing; None where nothing listens."""
        async with _probing() as session:
            return {slot.name: await _missing(session, slot) for slot in self._slots}

    async def until_ready(self, within_s: float) -> bool:
        """Whether all workers are ready in time."""
        try:
            async with asyncio.timeout(within_s):
                while any(missing != {} for missing in (await self.missing()).values()):
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            return False
        return True

    async def end(self) -> None:
        """Stop all with SIGTERM, for good. Idempotent."""
        for slot in self._slots:
            slot.is_ending = True
        await asyncio.gather(*(self._end(slot) for slot in self._slots))

    def logs(self) -> str:
        """The end of each worker's log."""
        return "\n".join(f"--- {slot.name}:\n{tail(slot.log)}" for slot in self._slots)

    async def _end(self, slot: _Slot) -> None:
        if slot.keeping is None:
            return
        if slot.child is not None and not slot.child.has_ended:
            slot.cause = "own" if slot.was_frozen else "end"
            with contextlib.suppress(ProcessLookupError):
                os.kill(slot.child.pid, signal.SIGCONT)
            await slot.child.stop(_STOP_S)
        slot.keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await slot.keeping
        if slot.child is not None:
            await slot.child.kill()
            if slot.cause == "end":
                self._note_exit(slot, await slot.child.wait() or 0)
        slot.keeping = None

    def _signal(self, number: int, signum: signal.Signals, cause: Cause) -> Child | None:
        slot = self._slots[number % len(self._slots)]
        if slot.child is None or slot.child.has_ended:
            return None
        slot.cause = "own" if cause == "term" and slot.was_frozen else cause
        self.deeds[signum.name] += 1
        with contextlib.suppress(ProcessLookupError):
            os.kill(slot.child.pid, signum)
        return slot.child

    async def _keep(self, slot: _Slot) -> None:
        while not slot.is_ending:
            slot.cause, slot.was_frozen = "own", False
            slot.child = await Child.spawn(slot.command, slot.log)
            code = await slot.child.wait() or 0
            await slot.child.kill()
            if slot.is_ending:
                return
            self._note_exit(slot, code)
            if slot.cause == "own":
                await asyncio.sleep(_AFTER_OWN_EXIT_S)

    def _note_exit(self, slot: _Slot, code: int) -> None:
        self.exits.append(Exit(slot.name, slot.cause, code, tail(slot.log)))


def _probing() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_PROBE_S))


async def _missing(session: aiohttp.ClientSession, slot: _Slot) -> dict[str, str] | None:
    try:
        async with session.get(f"http://127.0.0.1:{slot.health_port}/readyz") as response:
            missing: dict[str, str] = json.loads(await response.text())["missing"]
            return missing
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None


def braid(*arguments: str) -> Command:
    """A command of Braid as the tests' own environment has it, without a setting from outside."""
    unset = [part for name in os.environ if name.startswith("BRAID_") for part in ("-u", name)]
    return Command(("env", *unset, sys.executable, "-m", "streams.cli", *arguments), directory=_ROOT)

"""Child processes that die with this one, with their output in a bounded log.

All of them must be started from the main thread: the kernel ends them with the *thread* that started them.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from streams.errors import DependencyUnavailable
from streams.local.identity import kill_group, start_mark
from streams.local.logs import BoundedLog, tail

__all__ = ["Child", "Command", "run_to_end"]

_LAUNCHER = Path(__file__).with_name("_launch.py")
_CHUNK_BYTES = 65_536
_LAST_WORDS_S = 1.0
_POLL_S = 0.02


@dataclass(frozen=True)
class Command:
    """What to run.

    Attributes:
        argv: program and arguments.
        environment: variables to set beside those of this process.
        directory: working directory; None for that of this process.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None


class Child:
    """One run of a command, the leader of a session and process group of its own.

    Attributes:
        pid: its process id.
        mark: its start mark (`streams.local.identity`).
    """

    def __init__(self, process: asyncio.subprocess.Process, log: BoundedLog) -> None:
        self.pid = process.pid
        self.mark = start_mark(process.pid)
        self._process = process
        self._log = log
        self._pump = asyncio.create_task(self._write_log())
        self._exit = asyncio.create_task(_exit_code(process))

    @classmethod
    async def spawn(cls, command: Command, log_path: Path) -> Self:
        """Start the command.

        Raises:
            OSError: the log or the working directory cannot be used.
        """
        log = BoundedLog(log_path)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *command.argv),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, **command.environment},
            cwd=command.directory,
            start_new_session=True,  # a terminal's Ctrl+C is for its owner, who stops it in order
        )
        return cls(process, log)

    @property
    def has_ended(self) -> bool:
        """Whether it has exited."""
        return self._exit.done()

    async def wait(self, timeout_s: float | None = None) -> int | None:
        """Its exit code, negative for a signal; None if it still runs after the timeout."""
        done, _ = await asyncio.wait([self._exit], timeout=timeout_s)
        return self._exit.result() if done else None

    async def stop(self, within_s: float) -> bool:
        """SIGTERM, then SIGKILL to its whole group; returns when the process is gone. Idempotent.

        Returns:
            Whether it ended by itself in time.
        """
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
        in_time = await self.wait(within_s) is not None
        await self.kill()
        return in_time

    async def kill(self) -> None:
        """SIGKILL to the whole group, and reap it."""
        self.kill_now()
        await self.wait()
        await asyncio.wait([self._pump], timeout=_LAST_WORDS_S)
        self._pump.cancel()
        self._log.close()

    def kill_now(self) -> None:
        """SIGKILL to the whole group, without waiting; what is left of the group when its leader is gone included."""
        kill_group(self.pid)

    async def _write_log(self) -> None:
        if self._process.stdout is None:
            return
        while chunk := await self._process.stdout.read(_CHUNK_BYTES):
            with contextlib.suppress(OSError):  # a full disk must not block the server on its own output
                self._log.write(chunk)


async def _exit_code(process: asyncio.subprocess.Process) -> int:
    """Its exit code as soon as it has ended.

    `Process.wait` answers only when the output is closed, too, which a grandchild that outlives the child holds open.
    """
    while process.returncode is None:  # noqa: ASYNC110 - asyncio has no event for it
        await asyncio.sleep(_POLL_S)
    return process.returncode


async def run_to_end(name: str, command: Command, log_path: Path, within_s: float) -> None:
    """Run a command that ends by itself; it is killed if the caller is cancelled.

    Raises:
        DependencyUnavailable: it fails or takes too long; the message ends with its last output.
    """
    child = await Child.spawn(command, log_path)
    try:
        code = await child.wait(within_s)
    finally:
        await child.kill()
    if code != 0:
        what = f"did not end within {within_s:g} s" if code is None else f"failed with exit code {code}"
        raise DependencyUnavailable(f"{name} {what}; the end of {log_path}:\n{tail(log_path)}", code="local.job_failed")

"""What a running stack writes down about itself, and the lock that keeps a data directory to one stack."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from streams.errors import ConfigurationError
from streams.local.identity import is_running, kill_group, start_mark, wait_until_gone

__all__ = ["DataDirectory", "ProcessRecord", "ProcessState", "StackState", "end_strays"]

ProcessState = Literal["starting", "running", "restarting", "stopped"]

_STRAY_TIMEOUT_S = 10.0


@dataclass(frozen=True)
class ProcessRecord:
    """One process of the stack.

    Attributes:
        name: `kafka`, `redis`, `triton`, `worker-1` and so on.
        pid: of the running process; None between two.
        mark: its start mark (`streams.local.identity`), so that a reused pid is never taken for it.
        state: `starting` until its first answer, `restarting` from its death to the next answer.
        health: `host:port` of its health endpoint, if it has one.
    """

    name: str
    pid: int | None = None
    mark: str | None = None
    state: ProcessState = "starting"
    health: str | None = None

    def as_seen_now(self) -> Self:
        """This record, `stopped` if the process is gone."""
        if self.pid is not None and not is_running(self.pid, self.mark):
            return replace(self, pid=None, mark=None, state="stopped")
        return self


@dataclass(frozen=True)
class StackState:
    """A stack as its owner last wrote it down.

    Attributes:
        pid: of the `braid up` that owns the processes.
        mark: its start mark.
        kafka: `host:port` of the embedded broker; None where an external one is used. Likewise the next two.
        redis: URL of the embedded Redis.
        triton_grpc: `host:port` of the embedded Triton's gRPC endpoint.
        processes: everything that the owner started.
    """

    pid: int
    mark: str | None
    kafka: str | None = None
    redis: str | None = None
    triton_grpc: str | None = None
    processes: tuple[ProcessRecord, ...] = field(default_factory=tuple)

    @property
    def is_owned(self) -> bool:
        """Whether the owner still runs."""
        return is_running(self.pid, self.mark)

    def as_seen_now(self) -> Self:
        """This state with the processes that are gone marked as stopped."""
        seen = tuple(process.as_seen_now() for process in self.processes)
        if not self.is_owned:
            seen = tuple(process if process.pid else replace(process, state="stopped") for process in seen)
        return replace(self, processes=seen)


class DataDirectory:
    """The directory of one stack: who owns it, and where things are.

    Args:
        path: the directory; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.ports = self.path / "ports.json"
        self._state = self.path / "stack.json"
        self._lock = self.path / "lock"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Create the directory and own it inside the block. The kernel ends the ownership with the process.

        Raises:
            ConfigurationError: it cannot be written, or another process owns it.
        """
        try:
            self.logs.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"cannot write to the data directory {self.path}: {error}; give one that can be written with "
                "--data-dir",
                code="configuration.data_dir_not_writable",
            ) from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                owner = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
                raise ConfigurationError(
                    f"the data directory {self.path} is in use by pid {owner}; stop that stack with "
                    f"`braid down --data-dir {self.path}`, or give another directory with --data-dir",
                    code="configuration.data_dir_in_use",
                ) from error
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)

    def read(self) -> StackState | None:
        """The state written last; None if there is none, or none that can be understood."""
        try:
            written = json.loads(self._state.read_text(encoding="utf-8"))
            processes = tuple(ProcessRecord(**process) for process in written.pop("processes"))
            return StackState(**written, processes=processes)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def write(self, state: StackState) -> None:
        """Write the state in one step: a reader sees the old or the new, never a part."""
        fresh = self._state.with_suffix(".json.new")
        fresh.write_text(json.dumps(asdict(state), indent=2) + "\n", encoding="utf-8")
        fresh.replace(self._state)

    def forget(self) -> None:
        """Remove the state: nothing runs."""
        self._state.unlink(missing_ok=True)


def end_strays(state: StackState) -> list[str]:
    """End the processes that a stack left behind when its owner was killed; a reused pid is left alone.

    Returns:
        The names of those that were still running.

    Raises:
        ConfigurationError: one does not end.
    """
    ended = []
    for process in state.processes:
        pid, mark = process.pid, process.mark
        if pid is None or mark is None or start_mark(pid) != mark:
            continue
        kill_group(pid)
        if not wait_until_gone(pid, mark, _STRAY_TIMEOUT_S):
            raise ConfigurationError(
                f"{process.name} of an earlier run, pid {pid}, does not end within {_STRAY_TIMEOUT_S:g} s of SIGKILL; "
                "end it by hand",
                code="configuration.stray",
            )
        ended.append(process.name)
    return ended

"""Which process a pid means: a pid alone is reused by the kernel, a pid with its start mark is not.

Linux only: the mark is the kernel's boot id and the process's start in clock ticks since boot (`proc(5)`, field 22),
which no change of the wall clock moves.
"""

import os
import signal
import time
from pathlib import Path

__all__ = ["is_running", "kill_group", "start_mark", "wait_until_gone"]

_STATE, _START_TICKS = 0, 19  # fields 3 and 22 of proc(5), counted from the one behind the command's closing bracket


def start_mark(pid: int) -> str | None:
    """The mark of a running process; None when there is none, or only a zombie that nobody has reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[_STATE] in "ZX" else f"{boot_id}:{fields[_START_TICKS]}"


def is_running(pid: int | None, mark: str | None) -> bool:
    """Whether the very process with this mark still runs."""
    return pid is not None and mark is not None and start_mark(pid) == mark


def kill_group(pid: int) -> bool:
    """Send SIGKILL to the process group that `pid` leads; whether there was one."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def wait_until_gone(pid: int, mark: str, timeout_s: float) -> bool:
    """Wait for a process that need not be a child of ours; whether it ended in time."""
    deadline_s = time.monotonic() + timeout_s
    while is_running(pid, mark):
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True

"""Become a command that dies with its parent. Run by path: `python -I -S _launch.py PARENT_PID COMMAND…`.

The kernel sends SIGKILL when the thread that started this process ends (`PR_SET_PDEATHSIG`, prctl(2)); the setting
outlives the exec. A launcher instead of a `preexec_fn`: code between fork and exec is unsafe beside threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent and become the command."""
    parent_pid, *command = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG) failed: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != int(parent_pid):  # it ended before the line above took hold
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - becoming that command is the purpose


if __name__ == "__main__":
    main()

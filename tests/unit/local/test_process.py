"""Children: their output is logged, their group ends with them, and they end with their parent."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.errors import DependencyUnavailable
from streams.local import _launch
from streams.local.identity import start_mark, wait_until_gone
from streams.local.process import Child, Command, run_to_end

DEADLINE_S = 10.0


def shell(script: str) -> Command:
    return Command(("sh", "-c", script))


async def test_output_and_exit_code_arrive(tmp_path: Path) -> None:
    child = await Child.spawn(shell("echo out; echo err >&2; exit 3"), tmp_path / "x.log")
    assert await child.wait(DEADLINE_S) == 3
    await child.kill()
    assert (tmp_path / "x.log").read_text() == "out\nerr\n"


async def test_an_end_is_seen_although_a_grandchild_holds_the_output_open(tmp_path: Path) -> None:
    child = await Child.spawn(shell("sleep 60 & echo $!; exit 3"), tmp_path / "x.log")
    grandchild = await asyncio.to_thread(first_line, tmp_path / "x.log")
    mark = start_mark(grandchild)
    assert mark is not None
    assert await child.wait(DEADLINE_S) == 3
    await child.kill()
    assert wait_until_gone(grandchild, mark, DEADLINE_S)


async def test_variables_and_directory_are_set_beside_the_own_ones(tmp_path: Path) -> None:
    command = Command(("sh", "-c", "echo $EXTRA $HOME; pwd"), {"EXTRA": "1"}, tmp_path)
    await run_to_end("it", command, tmp_path / "x.log", DEADLINE_S)
    assert (tmp_path / "x.log").read_text() == f"1 {os.environ['HOME']}\n{tmp_path}\n"


async def test_sigterm_is_enough_for_a_process_that_heeds_it(tmp_path: Path) -> None:
    child = await Child.spawn(shell("exec sleep 60"), tmp_path / "x.log")
    assert await child.stop(DEADLINE_S)
    assert await child.wait() == -signal.SIGTERM
    assert await child.stop(DEADLINE_S), "stopping twice is harmless"


async def test_a_process_that_does_not_heed_sigterm_is_killed_with_its_children(tmp_path: Path) -> None:
    child = await Child.spawn(shell("trap '' TERM; sleep 60 & echo $!; wait; wait"), tmp_path / "x.log")
    grandchild = await asyncio.to_thread(first_line, tmp_path / "x.log")
    mark = start_mark(grandchild)
    assert mark is not None
    assert not await child.stop(within_s=0.02)
    assert await child.wait() == -signal.SIGKILL
    assert wait_until_gone(grandchild, mark, DEADLINE_S)


async def test_a_job_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(DependencyUnavailable, match=r"brewing failed with exit code 4; the end of .*x.log:\nno coffee"):
        await run_to_end("brewing", shell("echo no coffee; exit 4"), tmp_path / "x.log", DEADLINE_S)


async def test_a_job_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    with pytest.raises(DependencyUnavailable, match=r"brewing did not end within 0.02 s"):
        await run_to_end("brewing", shell("exec sleep 60"), tmp_path / "x.log", within_s=0.02)


async def test_a_cancelled_job_is_killed(tmp_path: Path) -> None:
    job = asyncio.create_task(run_to_end("it", shell("echo $$; exec sleep 60"), tmp_path / "x.log", DEADLINE_S))
    pid = await asyncio.to_thread(first_line, tmp_path / "x.log")
    mark = start_mark(pid)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert mark is not None
    assert wait_until_gone(pid, mark, DEADLINE_S)


def test_a_child_dies_with_a_parent_that_is_killed() -> None:
    spawn = (
        "import os, subprocess, sys\n"
        "command = [sys.executable, '-I', '-S', sys.argv[1], str(os.getpid()), 'sleep', '60']\n"
        "print(subprocess.Popen(command).pid, flush=True)\n"
        "sys.stdin.read()"
    )
    parent = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", spawn, _launch.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        mark = start_mark(pid)
        while Path(f"/proc/{pid}/comm").read_text().strip() != "sleep":
            assert start_mark(pid) == mark, "the launcher ended"
        parent.kill()
    assert mark is not None
    assert wait_until_gone(pid, mark, DEADLINE_S)


def test_a_child_of_a_parent_that_is_gone_already_does_not_begin() -> None:
    command = [sys.executable, "-I", "-S", _launch.__file__, "1", "echo", "begun"]
    ended = subprocess.run(command, capture_output=True, timeout=DEADLINE_S, check=False)
    assert (ended.returncode, ended.stdout) == (1, b"")


def first_line(path: Path) -> int:
    """The number that a process prints first."""
    deadline_s = time.monotonic() + DEADLINE_S
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline_s, "it printed nothing"
    return int(path.read_text())

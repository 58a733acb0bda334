"""What a stack writes down, who owns a data directory, and which processes are strays."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from streams.errors import ConfigurationError
from streams.local.identity import is_running, start_mark, wait_until_gone
from streams.local.state import DataDirectory, ProcessRecord, StackState, end_strays

Sleeper = Callable[[], tuple[subprocess.Popen[bytes], ProcessRecord]]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    state = StackState(
        7,
        "m",
        "127.0.0.1:1",
        "redis://127.0.0.1:2/0",
        "127.0.0.1:3",
        (ProcessRecord("worker-1", 8, "n", "running", "h:4"),),
    )
    directory = DataDirectory(tmp_path)
    directory.write(state)
    assert directory.read() == state
    directory.forget()
    assert directory.read() is None


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"pid": 1, "processes": [{}]}', '{"processes": 3}'])
def test_a_spoilt_state_is_no_state(tmp_path: Path, content: str) -> None:
    (tmp_path / "stack.json").write_text(content)
    assert DataDirectory(tmp_path).read() is None


def test_a_directory_in_use_names_the_owner_and_how_to_stop_it(tmp_path: Path) -> None:
    with DataDirectory(tmp_path).owned():
        with (
            pytest.raises(ConfigurationError, match=rf"in use by pid {os.getpid()}.*braid down") as caught,
            DataDirectory(tmp_path).owned(),
        ):
            pytest.fail("owned twice")
        assert caught.value.exit_code == 2


def test_ownership_ends_with_the_block(tmp_path: Path) -> None:
    with DataDirectory(tmp_path).owned():
        pass
    with DataDirectory(tmp_path).owned():
        pass


def test_a_directory_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigurationError, match=r"cannot write to the data directory .*file/data.*--data-dir"),
        DataDirectory(tmp_path / "file" / "data").owned(),
    ):
        pytest.fail("owned")


def test_a_start_mark_tells_one_process_from_the_next_with_its_pid(sleeper: Sleeper) -> None:
    process, record = sleeper()
    assert is_running(record.pid, record.mark)
    assert not is_running(record.pid, "another boot:1")
    process.kill()
    process.wait()
    assert not is_running(record.pid, record.mark)


def test_a_zombie_does_not_run(sleeper: Sleeper) -> None:
    process, record = sleeper()
    process.kill()
    assert record.mark is not None
    assert wait_until_gone(process.pid, record.mark, timeout_s=10)
    assert process.returncode is None, "not reaped yet"
    assert start_mark(process.pid) is None


def test_a_process_that_stays_is_not_gone(own_mark: str) -> None:
    assert not wait_until_gone(os.getpid(), own_mark, timeout_s=0)


def test_strays_are_ended(sleeper: Sleeper) -> None:
    process, record = sleeper()
    assert end_strays(StackState(1, None, processes=(record,))) == ["kafka"]
    assert process.wait() == -9


def test_a_reused_pid_is_left_alone(sleeper: Sleeper) -> None:
    process, record = sleeper()
    assert end_strays(StackState(1, None, processes=(replace(record, mark="another boot:1"),))) == []
    assert process.poll() is None


def test_processes_are_seen_as_they_are_now(sleeper: Sleeper, own_mark: str) -> None:
    process, record = sleeper()
    waiting = ProcessRecord("redis", state="starting")
    state = StackState(os.getpid(), own_mark, processes=(record, waiting))
    assert state.as_seen_now() == state
    process.kill()
    process.wait()
    assert [seen.state for seen in state.as_seen_now().processes] == ["stopped", "starting"]
    assert [seen.state for seen in replace(state, mark="another boot:1").as_seen_now().processes] == ["stopped"] * 2

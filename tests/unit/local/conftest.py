"""Processes that stand still until they are ended."""

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from streams.local.identity import start_mark
from streams.local.state import ProcessRecord


@pytest.fixture
def sleeper() -> Iterator[Callable[[], tuple[subprocess.Popen[bytes], ProcessRecord]]]:
    """Starts a process in a group of its own and gives it with its record."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> tuple[subprocess.Popen[bytes], ProcessRecord]:
        process = subprocess.Popen(["sleep", "60"], start_new_session=True)
        started.append(process)
        return process, ProcessRecord("kafka", process.pid, start_mark(process.pid), "running")

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def own_mark() -> str:
    mark = start_mark(os.getpid())
    assert mark is not None
    return mark

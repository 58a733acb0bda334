"""A service is ready when it answers, comes back when it dies, and is given up when it keeps dying."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from streams.errors import ConfigurationError, DependencyUnavailable
from streams.local.process import Command
from streams.local.service import Service, ServicePlan

DEADLINE_S = 10.0


async def at_once(_pid: int) -> None:
    """A probe that is content as soon as there is a process."""


async def never(_pid: int) -> None:
    raise DependencyUnavailable("not yet")


def plan(script: str, probe: Callable[[int], Awaitable[None]] = at_once, *, restarts: int | None = None) -> ServicePlan:
    return ServicePlan("kafka", Command(("sh", "-c", script)), probe, 5.0, 5.0, restarts, first_backoff_s=0.001)


class Watched:
    """A service, the states it went through and what it said."""

    def __init__(self, how: ServicePlan, logs: Path) -> None:
        self.states: list[str] = []
        self.said: list[str] = []
        self.is_back = asyncio.Event()
        self.service = Service(how, logs, self._note, self.said.append)

    def _note(self) -> None:
        self.states.append(self.service.record.state)
        if self.states.count("running") == 2:
            self.is_back.set()


async def test_a_service_runs_once_it_answers_and_stops_when_told(tmp_path: Path) -> None:
    asked: list[int] = []

    async def third_time(pid: int) -> None:
        asked.append(pid)
        if len(asked) < 3:
            raise ConnectionRefusedError

    watched = Watched(plan("exec sleep 60", third_time), tmp_path)
    await watched.service.start()
    assert asked == [watched.service.record.pid] * 3
    await watched.service.stop()
    assert watched.states == ["starting", "running", "stopped"]
    assert watched.service.record.pid is None


async def test_a_service_that_ends_before_it_answers_is_told_with_its_log(tmp_path: Path) -> None:
    watched = Watched(plan("echo port taken; exit 1", never), tmp_path)
    with pytest.raises(DependencyUnavailable, match=r"kafka ended with exit code 1 before .*kafka.log:\nport taken"):
        await watched.service.start()
    await watched.service.stop()


async def test_an_exit_code_of_two_means_that_a_person_must_mend_it(tmp_path: Path) -> None:
    watched = Watched(plan("echo no such setting; exit 2", never), tmp_path)
    with pytest.raises(ConfigurationError, match="no such setting"):
        await watched.service.start()
    await watched.service.stop()


async def test_a_service_that_never_answers_is_told_with_the_last_reason(tmp_path: Path) -> None:
    watched = Watched(replace(plan("exec sleep 60", never), ready_within_s=0.02), tmp_path)
    with pytest.raises(DependencyUnavailable, match=r"kafka is not ready after 0.02 s: not yet"):
        await watched.service.start()
    await watched.service.stop()


async def test_a_service_that_dies_comes_back_with_another_pid(tmp_path: Path) -> None:
    watched = Watched(plan("exec sleep 60"), tmp_path)
    await watched.service.start()
    first = watched.service.record.pid
    assert first is not None
    keeper = asyncio.create_task(watched.service.keep())
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(DEADLINE_S):
        await watched.is_back.wait()
    assert watched.service.record.pid not in {first, None}
    assert watched.states == ["starting", "running", "restarting", "restarting", "running"]
    assert "kafka ended with exit code -9; starting it again in 0.001 s" in watched.said[0]
    keeper.cancel()
    await watched.service.stop()


async def test_a_service_that_keeps_dying_is_given_up_with_the_end_of_its_log(tmp_path: Path) -> None:
    watched = Watched(plan("echo again", restarts=1), tmp_path)
    await watched.service.start()
    with pytest.raises(DependencyUnavailable, match=r"kafka ended with exit code 0.* 2 times in a row(.|\n)*again"):
        await watched.service.keep()
    await watched.service.stop()


async def test_what_a_service_leaves_outside_is_removed_when_it_stops(tmp_path: Path) -> None:
    left = tmp_path / "shared memory"
    left.touch()
    watched = Watched(replace(plan("exec sleep 60"), clean_up=left.unlink), tmp_path)
    await watched.service.start()
    await watched.service.stop()
    assert not left.exists()

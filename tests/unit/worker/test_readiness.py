"""What a worker is waiting for."""

import time

import pytest

from streams.errors import DependencyUnavailable
from streams.worker import readiness as module
from streams.worker.readiness import Readiness


class Server:
    """Is away for a number of calls."""

    def __init__(self, calls_away, *, error=None):
        self.calls_away = calls_away
        self.error = error or DependencyUnavailable("no answer")
        self.calls = 0
        self.seen = []

    def call(self, readiness):
        async def attempt():
            self.calls += 1
            self.seen.append(dict(readiness.missing))
            if self.calls <= self.calls_away:
                raise self.error
            return "answer"

        return attempt


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(module, "_FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(module, "_LONGEST_WAIT_S", 0.002)


async def test_a_call_is_tried_until_its_dependency_is_back():
    readiness, server = Readiness(), Server(4)
    assert await readiness.until_available("triton", server.call(readiness)) == "answer"
    assert server.calls == 5


async def test_what_is_away_is_missing_for_as_long_as_it_is_away():
    readiness, server = Readiness(), Server(2)
    await readiness.until_available("triton", server.call(readiness))
    assert ["triton" in seen for seen in server.seen] == [False, True, True]
    assert server.seen[-1]["triton"] == "no answer"
    assert "triton" not in readiness.missing


async def test_any_other_error_is_not_tried_again():
    readiness, server = Readiness(), Server(9, error=ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        await readiness.until_available("triton", server.call(readiness))
    assert server.calls == 1


def test_a_worker_without_partitions_is_not_ready():
    readiness = Readiness()
    assert "assignment" in readiness.missing
    readiness.set_present("assignment")
    assert readiness.missing == {}


async def test_a_pause_is_as_long_as_the_server_asks_at_least():
    readiness, least_s = Readiness(), 0.05
    server = Server(2, error=DependencyUnavailable("circuit open", retry_after_s=least_s))
    started_s = time.monotonic()
    await readiness.until_available("triton", server.call(readiness))
    assert time.monotonic() - started_s >= 2 * least_s

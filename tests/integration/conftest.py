"""The real Kafka, Redis and Triton of one `braid up`, started once per run; each test has names of its own in it."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr

from streams.local import _launch
from streams.local.ports import is_free
from streams.local.state import DataDirectory, StackState
from streams.settings import KafkaSettings, RedisSettings, RetentionSettings, Settings, TopicSettings, TritonSettings
from streams.topics import ensure_topics

START_TIMEOUT_S = 180.0
STOP_TIMEOUT_S = 15.0
BUILD_TIMEOUT_S = 900.0
COMMAND_TIMEOUT_S = 180.0
YEARS_S = 10 * 365 * 86_400
OWN_MODELS = "BRAID_MODELS__REPOSITORY"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.integration)


@dataclass
class BraidUp:
    """A `braid up` that this test run started; it dies with the test run, however that ends."""

    data_dir: Path
    process: subprocess.Popen[bytes]

    @property
    def output(self) -> str:
        return (self.data_dir.parent / f"{self.data_dir.name}.out").read_text()

    @property
    def state(self) -> StackState | None:
        state = DataDirectory(self.data_dir).read()
        return state.as_seen_now() if state else None

    def wait_until_ready(self) -> StackState:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            state = self.state
            if state is not None and all(process.state == "running" for process in state.processes):
                return state
            assert self.process.poll() is None, f"braid up ended with {self.process.returncode}:\n{self.output}"
            time.sleep(0.05)
        pytest.fail(f"braid up is not ready after {START_TIMEOUT_S:g} s:\n{self.output}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Its exit code; fails if it takes longer than promised."""
        self.process.send_signal(number)
        return self.process.wait(STOP_TIMEOUT_S)


class Starter:
    """Starts `braid up`; whatever a test leaves running is killed at the end."""

    def __init__(self) -> None:
        self._started: list[BraidUp] = []

    def __call__(self, data_dir: Path, *arguments: str, **environment: str) -> BraidUp:
        braid = [sys.executable, "-m", "streams.cli", "up", "--data-dir", str(data_dir), *arguments]
        clean = {name: value for name, value in os.environ.items() if not name.startswith("BRAID_")}
        with (data_dir.parent / f"{data_dir.name}.out").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", _launch.__file__, str(os.getpid()), *braid],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=clean | environment,
            )
        self._started.append(BraidUp(data_dir, process))
        return self._started[-1]

    def end(self) -> None:
        for started in self._started:
            if started.process.poll() is None:
                started.process.kill()
                started.process.wait()


@pytest.fixture(scope="session")
def models(request: pytest.FixtureRequest) -> Path:
    """The model repository: the one set, or one that is built when it is out of date and kept between test runs."""
    if own := os.environ.get(OWN_MODELS):
        return Path(own)
    cache = request.config.cache
    assert cache is not None
    home = cache.mkdir("braid-models")
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build = [sys.executable, "-m", "streams.cli", "models", "build", "--target", str(home / "repository")]
        built = subprocess.run(build, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return home / "repository"


@pytest.fixture(scope="session")
def session_braid_up() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    starter.end()


@pytest.fixture
def braid_up() -> Iterator[Starter]:
    starter = Starter()
    yield starter
    starter.end()


@pytest.fixture(scope="session")
def stack(session_braid_up: Starter, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackState]:
    """The stack that all tests share. Its end is a test, too: nothing may be left."""
    data_dir = tmp_path_factory.mktemp("stack") / "data"
    running = session_braid_up(data_dir, "--workers", "0", **{OWN_MODELS: str(models)})
    state = running.wait_until_ready()
    yield state
    assert running.stop() == 0, running.output
    assert_nothing_left(state)


def assert_nothing_left(state: StackState) -> None:
    """No process and no listening port of that stack."""
    assert [process.name for process in state.as_seen_now().processes if process.state != "stopped"] == []
    addresses = [address for address in (state.kafka, state.redis, state.triton_grpc) if address]
    ports = [int(address.removesuffix("/0").rpartition(":")[2]) for address in addresses]
    assert [port for port in ports if not is_free(port)] == []


@pytest.fixture
def nothing_left() -> Callable[[StackState], None]:
    """Fails if a stack that has stopped left a process or a listening port."""
    return assert_nothing_left


@pytest.fixture
def kafka(stack: StackState) -> str:
    """`host:port` of the broker."""
    assert stack.kafka
    return stack.kafka


@pytest.fixture
def redis_url(stack: StackState) -> str:
    """URL of the Redis."""
    assert stack.redis
    return stack.redis


@pytest.fixture
def triton_grpc(stack: StackState) -> str:
    """`host:port` of Triton's gRPC endpoint."""
    assert stack.triton_grpc
    return stack.triton_grpc


@pytest.fixture
def unique() -> str:
    """A fresh prefix for the topics, groups, sources and keys of one test."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def settings(
    kafka: str, redis_url: str, triton_grpc: str, unique: str, tmp_path: Path
) -> AsyncIterator[Settings]:
    """Settings that lead to the shared stack, with a consumer group and existing topics of this test's own."""
    names = {name: f"{unique}.{name}" for name in TopicSettings.model_fields}
    own = Settings(
        data_dir=tmp_path / "data",
        # Tests send records with timestamps of years ago, which Kafka would delete whenever it looks for old ones.
        retention=RetentionSettings(topics_s=YEARS_S),
        kafka=KafkaSettings(brokers=kafka, group=unique, topics=TopicSettings(**names)),
        redis=RedisSettings(url=SecretStr(redis_url)),
        triton=TritonSettings(grpc=triton_grpc),
    )
    created = await ensure_topics(own)
    yield own
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka, request_timeout_ms=20_000)
    await admin.start()
    try:
        await admin.delete_topics(created)
    finally:
        await admin.close()


@pytest.fixture
def braid(settings: Settings, tmp_path: Path) -> Callable:
    """Runs `braid …` with the test's settings: exit code, what it printed, and what it said."""
    config = tmp_path / "braid.yaml"
    document = settings.model_dump(mode="json")
    assert settings.redis.url is not None
    document["redis"]["url"] = settings.redis.url.get_secret_value()
    config.write_text(yaml.safe_dump(document))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRAID_")}

    async def run(*arguments: object, within_s: float = COMMAND_TIMEOUT_S) -> tuple[int | None, str, str]:
        command = [sys.executable, "-m", "streams.cli", *map(str, arguments), "--config", str(config)]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=clean)
        try:
            async with asyncio.timeout(within_s):
                printed, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode, printed.decode(), said.decode()

    return run


@pytest.fixture
def braid_models(braid: Callable) -> Callable:
    """Runs `braid models …`, as `braid` does."""
    return partial(braid, "models")

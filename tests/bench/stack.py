"""A stack for measuring: the servers of `braid up`, and workers with settings of their own."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiokafka import AIOKafkaProducer

from streams.local import with_local_addresses
from streams.local.ports import is_free
from streams.local.state import DataDirectory
from streams.settings import KafkaSettings, ModelSettings, RedisSettings, Settings, TopicSettings, TritonSettings
from streams.topics import ensure_topics

__all__ = [
    "bench_stack",
    "free_port",
    "metric",
    "metrics_text",
    "producer",
    "start_worker",
    "until_ready",
    "with_own_topics",
    "worker",
    "write_config",
]

READY_S = 600.0
WORKER_READY_S = 60.0
STOP_S = 20.0
OWN_MODELS = "BRAID_MODELS__REPOSITORY"
MODELS = Path(".pytest_cache") / "d" / "braid-models" / "repository"
NOWHERE = "127.0.0.1:1"
BRAID = [sys.executable, "-m", "streams.cli"]


@contextmanager
def bench_stack(say: Callable[[str], None], *, only_kafka: bool = False) -> Iterator[Settings]:
    """Servers in a temporary directory; the model repository of the tests is used, and built if it is not there."""
    with tempfile.TemporaryDirectory(prefix="braid-bench-") as folder:
        if only_kafka:
            # Servers whose address is given are not started.
            away = {"redis": RedisSettings(url=f"redis://{NOWHERE}/0"), "triton": TritonSettings(grpc=NOWHERE)}
            settings = Settings(data_dir=Path(folder), **away)
        else:
            settings = Settings(data_dir=Path(folder), models=ModelSettings(repository=_models()))
        config = write_config(settings, Path(folder) / "bench.yaml")
        command = [*BRAID, "up", "--workers", "0", "--data-dir", folder, "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                deadline_s = time.monotonic() + READY_S
                while not _is_ready(settings):
                    if process.poll() is not None or time.monotonic() > deadline_s:
                        raise SystemExit("the servers do not start; try `braid up` to see why")
                    time.sleep(0.1)
                say("Kafka is ready" if only_kafka else "servers are ready")
                yield with_local_addresses(settings)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(STOP_S)


def _models() -> Path:
    if own := os.environ.get(OWN_MODELS):
        return Path(own).absolute()
    subprocess.run([*BRAID, "models", "build", "--target", str(MODELS)], check=True)
    return MODELS.absolute()


def _is_ready(settings: Settings) -> bool:
    state = DataDirectory(settings.data_dir).read()
    return bool(state and state.processes and all(process.state == "running" for process in state.processes))


async def with_own_topics(settings: Settings, prefix: str, **changes: Any) -> Settings:
    """The same servers, with topics and a group that nothing was read from yet, and other sections as given."""
    names = {name: f"{prefix}.{name}" for name in TopicSettings.model_fields}
    kafka = KafkaSettings(brokers=settings.kafka.brokers, group=prefix, topics=TopicSettings(**names))
    own = settings.model_copy(update={"kafka": kafka} | changes)
    await ensure_topics(own)
    return own


def write_config(settings: Settings, path: Path) -> Path:
    document = settings.model_dump(mode="json")
    document["redis"]["url"] = settings.redis.url.get_secret_value() if settings.redis.url else None
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def worker(settings: Settings, health_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """One worker process."""
    process = start_worker(settings, "worker", health_port)
    with process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)


def start_worker(settings: Settings, name: str, health_port: int) -> subprocess.Popen[bytes]:
    """A worker process that the caller ends; its log is beside the servers' data."""
    config = write_config(settings, settings.data_dir / f"{settings.kafka.group}.yaml")
    command = [*BRAID, "worker", "--config", str(config), "--name", name, "--health-port", str(health_port)]
    with (settings.data_dir / f"{settings.kafka.group}-{name}.log").open("ab") as log:
        return subprocess.Popen(command, stdout=log, stderr=log)


async def until_ready(port: int) -> None:
    """Wait until a worker's `/readyz` says so."""
    async with asyncio.timeout(WORKER_READY_S), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
                    if response.status == HTTPStatus.OK:
                        return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka.brokers, linger_ms=5) as connected:
        yield connected


async def metrics_text(session: aiohttp.ClientSession, port: int) -> str:
    """All metrics of a worker; empty while it does not answer."""
    try:
        async with session.get(f"http://127.0.0.1:{port}/metrics", timeout=aiohttp.ClientTimeout(5)) as response:
            return await response.text()
    except (aiohttp.ClientConnectionError, TimeoutError):
        return ""


async def metric(session: aiohttp.ClientSession, port: int, pattern: str) -> float:
    """The value of a worker's metric; 0 while it does not answer."""
    found = re.search(rf"^{pattern} (\S+)$", await metrics_text(session, port), re.MULTILINE)
    return float(found[1]) if found else 0.0


def free_port(taken: Mapping[int, object] = {}) -> int:
    return next(port for port in range(23_000, 24_000) if port not in taken and is_free(port))

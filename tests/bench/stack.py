"""A stack for measuring: the servers of `braid up`, and workers with settings of their own."""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from streams.local import with_local_addresses
from streams.local.state import DataDirectory
from streams.settings import KafkaSettings, ModelSettings, Settings, TopicSettings
from streams.topics import ensure_topics

READY_S = 600.0
STOP_S = 20.0
MODELS = Path(".pytest_cache") / "d" / "braid-models" / "repository"


@contextmanager
def bench_stack(say: Callable[[str], None]) -> Iterator[Settings]:
    """Servers in a temporary directory; the model repository of the tests is used, and built if it is not there."""
    braid = [sys.executable, "-m", "streams.cli"]
    subprocess.run([*braid, "models", "build", "--target", str(MODELS)], check=True)
    with tempfile.TemporaryDirectory(prefix="braid-bench-") as folder:
        settings = Settings(data_dir=Path(folder), models=ModelSettings(repository=MODELS.absolute()))
        config = write_config(settings, Path(folder) / "bench.yaml")
        command = [*braid, "up", "--workers", "0", "--data-dir", folder, "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                deadline_s = time.monotonic() + READY_S
                while not is_ready(settings):
                    if process.poll() is not None or time.monotonic() > deadline_s:
                        raise SystemExit("the servers do not start; try `braid up` to see why")
                    time.sleep(0.1)
                say("servers are ready")
                yield with_local_addresses(settings)
            finally:
                process.send_signal(signal.SIGINT)
                process.wait(STOP_S)


def is_ready(settings: Settings) -> bool:
    state = DataDirectory(settings.data_dir).read()
    return bool(state and state.processes and all(process.state == "running" for process in state.processes))


async def with_own_topics(settings: Settings, prefix: str) -> Settings:
    """The same servers, with topics and a group that nothing was read from yet."""
    names = {name: f"{prefix}.{name}" for name in TopicSettings.model_fields}
    kafka = KafkaSettings(brokers=settings.kafka.brokers, group=prefix, topics=TopicSettings(**names))
    own = settings.model_copy(update={"kafka": kafka})
    await ensure_topics(own)
    return own


def write_config(settings: Settings, path: Path) -> Path:
    document = settings.model_dump(mode="json")
    document["redis"]["url"] = settings.redis.url.get_secret_value() if settings.redis.url else None
    path.write_text(yaml.safe_dump(document))
    return path


@contextmanager
def worker(settings: Settings, health_port: int) -> Iterator[None]:
    """One worker process."""
    config = write_config(settings, settings.data_dir / f"{settings.kafka.group}.yaml")
    command = [sys.executable, "-m", "streams.cli", "worker", "--config", str(config)]
    log = (settings.data_dir / f"{settings.kafka.group}.log").open("wb")
    with log, subprocess.Popen([*command, "--health-port", str(health_port)], stdout=log, stderr=log) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)

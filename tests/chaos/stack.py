"""Real Kafka, Redis and Triton, each of which can be killed and started again."""

import asyncio
import os
import random
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from streams.errors import DependencyUnavailable
from streams.local.kafka import EmbeddedKafka
from streams.local.logs import tail
from streams.local.ports import PortBook
from streams.local.process import Child, Command
from streams.local.redis import EmbeddedRedis
from streams.local.triton import EmbeddedTriton
from streams.settings import (
    BaselineSettings,
    KafkaSettings,
    RedisSettings,
    Settings,
    TopicSettings,
    TritonSettings,
    WindowSettings,
)
from tests.chaos.models import ModelRepository
from tests.chaos.redis_file import RedisFile

__all__ = ["SESSION_S", "WINDOWS", "ChaosStack", "Server"]

SESSION_S = 6.0
"""How long Kafka waits for a worker that was killed or frozen."""
WINDOWS = WindowSettings(
    size_ms=2_000, hop_ms=1_000, out_of_orderness_ms=200, allowed_lateness_ms=2_000, idle_timeout_s=3, max_open_s=9
)
BASELINE = BaselineSettings(snapshot_s=1, snapshot_windows=3)
"""Snapshots as often as a store takes them, so that some deed falls on each side of one."""
_DATABASES = 16
_READY_S = 120.0
_STOP_S = 15.0
_PROBE_S = 5.0
_POLL_S = 0.05


class Server:
    """One server process. Started from the main thread, it dies with it."""

    def __init__(self, name: str, logs: Path, probe: Callable[[int], Awaitable[None]]) -> None:
        self.name = name
        self.command: Command | None = None
        self._log = logs / f"{name}.log"
        self._probe = probe
        self._child: Child | None = None

    async def start(self) -> None:
        """Start the process and wait until it answers."""
        if self.command is None:
            raise RuntimeError(f"{self.name} was not prepared")
        self._child = await Child.spawn(self.command, self._log)
        reason = "no answer"
        try:
            async with asyncio.timeout(_READY_S):
                while not self._child.has_ended:
                    try:
                        async with asyncio.timeout(_PROBE_S):
                            return await self._probe(self._child.pid)
                    except (DependencyUnavailable, OSError, TimeoutError) as error:
                        reason = str(error)
                    await self._child.wait(_POLL_S)
        except TimeoutError:
            pass
        raise RuntimeError(f"{self.name} does not start: {reason}; the end of its log:\n{tail(self._log)}")

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._child is not None and not self._child.has_ended

    async def kill(self) -> None:
        """SIGKILL, to all its processes. Idempotent."""
        if self._child is not None:
            await self._child.kill()
        self._child = None

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL if that is not enough. Idempotent."""
        if self._child is not None:
            await self._child.stop(_STOP_S)
        self._child = None


class ChaosStack:
    """Three servers in a directory of their own, on free ports; nothing of them is left after the context."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="braid-chaos-"))
        logs = self.home / "logs"
        logs.mkdir()
        self.ports = PortBook(self.home / "ports.json", {}, random.Random())
        self.models = ModelRepository(self.home)
        base = Settings(data_dir=self.home / "data", kafka=KafkaSettings(partitions=4))
        kafka_ports = self.ports.port("kafka"), self.ports.port("kafka-controller")
        self._kafka = EmbeddedKafka(self.home / "kafka", logs, *kafka_ports, base)
        self._redis = EmbeddedRedis(self.home / "redis", self.ports.port("redis"))
        triton_ports = self.ports.port("grpc"), self.ports.port("http"), self.ports.port("metrics")
        self._triton = EmbeddedTriton(self.home / "triton", logs, self.models.path, triton_ports, build=None)
        self.kafka = Server("kafka", logs, self._kafka.probe)
        self.redis = Server("redis", logs, self._redis.probe)
        self.triton = Server("triton", logs, self._triton.probe)
        self.redis_file = RedisFile(self.home / "redis")
        self._databases = 0

    async def __aenter__(self) -> Self:
        """Start all three."""
        self.models.write()
        try:
            self.kafka.command = await self._kafka.prepare()
            self.redis.command = await self._redis.prepare()
            self.redis_file.never_rewrite()
            self.triton.command = await self._triton.prepare()
            await asyncio.gather(self.kafka.start(), self.redis.start(), self.triton.start())
        except BaseException:
            await self._end()
            raise
        self.redis_file.start_watching()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all three and remove their directory."""
        await self._end()

    @property
    def absent_servers(self) -> list[str]:
        """Names of the servers that do not run."""
        return [server.name for server in (self.kafka, self.redis, self.triton) if not server.is_running]

    async def mend(self) -> None:
        """Start what does not run, as a scenario that was given up may leave it."""
        self.models.set_call_s(0.0)
        if not self.kafka.is_running:
            await self.kafka.start()
        if not self.redis.is_running:
            await self.redis.start()
        if not self.triton.is_running:
            await self.start_triton()

    async def start_triton(self) -> None:
        """Start Triton again after it was killed."""
        self._triton.remove_shared_memory()
        await self.triton.start()

    def settings(self, name: str) -> Settings:
        """Settings that lead to this stack: topics, a group and a Redis database that no other scenario uses."""
        url = self._redis.url.removesuffix("0") + str(self._databases % _DATABASES)
        self._databases += 1
        topics = TopicSettings(**{topic: f"{name}.{topic}" for topic in TopicSettings.model_fields})
        return Settings(
            data_dir=self.home / name,
            kafka=KafkaSettings(brokers=self._kafka.address, group=name, session_timeout_s=SESSION_S, topics=topics),
            redis=RedisSettings(url=SecretStr(url), timeout_s=3.0),
            triton=TritonSettings(grpc=self._triton.address, timeout_s=10.0),
            windows=WINDOWS,
            baseline=BASELINE,
        )

    async def _end(self) -> None:
        await self.redis_file.stop_watching()
        await asyncio.gather(self.triton.stop(), self.redis.kill(), self.kafka.kill())
        self._triton.remove_shared_memory()
        if os.environ.get("BRAID_CHAOS_KEEP"):
            return
        shutil.rmtree(self.home, ignore_errors=True)

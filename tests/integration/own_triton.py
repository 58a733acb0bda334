"""A Triton of a test's own, which the test may mistreat; started again whenever it ends, once it is kept."""

import asyncio
import os
import random
import signal
from pathlib import Path

from streams.local.ports import PortBook
from streams.local.service import Service, ServicePlan
from streams.local.triton import EmbeddedTriton

__all__ = ["OwnTriton"]


class OwnTriton:
    """Serves `models`, those of its directory unless others are given; there it keeps its backends and logs, too."""

    def __init__(self, directory: Path, models: Path | None = None) -> None:
        self.models = models or directory / "models"
        self._logs = directory / "logs"
        self._logs.mkdir()
        ports = PortBook(directory / "ports.json", {}, random.Random())
        chosen = (ports.port("grpc"), ports.port("http"), ports.port("metrics"))
        self._embedded = EmbeddedTriton(directory / "backends", self._logs, self.models, chosen, build=None)
        self.address = self._embedded.address
        self.starts: list[str] = []
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        plan = ServicePlan(
            "triton",
            await self._embedded.prepare(),
            self._embedded.probe,
            ready_within_s=60.0,
            stop_within_s=10.0,
            clean_up=self._embedded.remove_shared_memory,
            first_backoff_s=0.05,
        )
        self._service = Service(plan, self._logs, lambda: None, self.starts.append)
        await self._service.start()

    def keep(self) -> None:
        self._keeping = asyncio.create_task(self._service.keep())

    @property
    def pid(self) -> int:
        """Of the server; its models run in children of it."""
        pid = self._service.record.pid
        assert pid
        return pid

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
        await self._service.stop()

    @property
    def deaths(self) -> int:
        return sum("ended with exit code" in line for line in self.starts)

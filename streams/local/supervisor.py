"""Owns every process of `braid up`: starts them in order, keeps them running, stops them in reverse.

A worker that dies is started again for as long as the stack runs: it holds nothing that its successor does not read
back. A server that dies is started again too, on the same address and data: clients are built to wait for a
dependency that is away, so a restart that works is cheaper for everyone than a stack that goes down. One that keeps
dying takes the stack down with the end of its log: nothing works without it, and only a person can find out why.
"""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from streams.errors import DependencyUnavailable
from streams.local.addresses import ALL_SERVERS, ServerName, is_external, with_local_addresses
from streams.local.identity import start_mark
from streams.local.kafka import EmbeddedKafka
from streams.local.ports import PortBook
from streams.local.redis import EmbeddedRedis
from streams.local.service import Service, ServicePlan
from streams.local.state import DataDirectory, ProcessRecord, StackState, end_strays
from streams.local.triton import EmbeddedTriton
from streams.local.worker import WorkerProcess
from streams.settings import Settings
from streams.topics import ensure_topics

__all__ = ["StackPlan", "Supervisor"]

_SERVER_READY_S = 120.0
_WORKER_READY_S = 60.0
# Workers, then servers: together within the 15 s that a stop may take.
_WORKER_STOP_S = 7.0
_SERVER_STOP_S = 6.0
_SERVER_RESTARTS = 5
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class StackPlan:
    """What to run.

    Attributes:
        workers: how many.
        config: YAML file of settings that the workers read too.
        pinned_ports: by name (`kafka`, `redis`, `triton-grpc`), those that must not be chosen freely.
    """

    workers: int
    config: Path | None = None
    pinned_ports: Mapping[str, int] = field(default_factory=dict)


class Supervisor:
    """One run of a stack. Use it from the main thread (`streams.local.process` says why), once.

    Args:
        settings: in force.
        plan: what to run.
        on_ready: called with the state once everything answers.
        say: tells a person what happens, one line each.
    """

    def __init__(
        self, settings: Settings, plan: StackPlan, on_ready: Callable[[StackState], None], say: Callable[[str], None]
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._on_ready = on_ready
        self._say = say
        self._directory = DataDirectory(settings.data_dir)
        self._servers: list[Service] = []
        self._workers: list[Service] = []
        self._addresses: dict[ServerName, str] = {}
        self._names = (
            *(name for name in ALL_SERVERS if not is_external(settings, name)),
            *(f"worker-{number}" for number in range(1, plan.workers + 1)),
        )
        self._signals_seen = 0
        self._pid = os.getpid()
        self._mark = start_mark(self._pid)
        self._ports = PortBook(self._directory.ports, plan.pinned_ports, random.Random())  # noqa: S311 - no secrets

    async def run(self) -> None:
        """Run the stack until SIGINT, SIGTERM or SIGHUP; a second signal kills what has not stopped yet.

        Raises:
            ConfigurationError: something that only a person can mend: directory, port, package.
            DependencyUnavailable: a process does not start, or a server keeps dying.
        """
        with self._directory.owned():
            self._end_strays()
            work = asyncio.create_task(self._start_and_keep())
            loop = asyncio.get_running_loop()
            for number in _SIGNALS:
                if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # as nohup(1) sets it
                    loop.add_signal_handler(number, self._on_signal, work)
            self._save()
            try:
                with suppress(asyncio.CancelledError):
                    await work
            finally:
                await self._stop()
                self._directory.forget()

    async def _start_and_keep(self) -> None:
        for start, _reason in self._start_order():
            await start()
        self._on_ready(self._state())
        await _all(service.keep() for service in (*self._servers, *self._workers))
        await asyncio.Event().wait()  # nothing to keep: a signal ends it

    def _start_order(self) -> tuple[tuple[Callable[[], Awaitable[None]], str], ...]:
        """What is started, in order; stopping is the reverse."""
        return (
            (self._start_servers, "all at once: they do not need one another, and everything else needs them"),
            (self._create_topics, "workers refuse to start without them"),
            (self._start_workers, "they need the servers and the topics"),
        )

    async def _start_servers(self) -> None:
        starts: Mapping[ServerName, tuple[Callable[[], Awaitable[ServicePlan]], tuple[str, ...]]] = {
            "kafka": (self._plan_kafka, ("kafka", "kafka-controller")),
            "redis": (self._plan_redis, ("redis",)),
            "triton": (self._plan_triton, ("triton-grpc", "triton-http", "triton-metrics")),
        }
        wanted = {name: start for name, start in starts.items() if not is_external(self._settings, name)}
        await _all(self._start_server(plan, ports) for plan, ports in wanted.values())

    async def _start_server(self, plan: Callable[[], Awaitable[ServicePlan]], ports: tuple[str, ...]) -> None:
        service = self._service(await plan(), self._servers)
        try:
            await service.start()
        except DependencyUnavailable:
            await service.stop()
            if not any(self._ports.is_taken(name) for name in ports):
                raise
            self._say(f"another program took a port of {service.plan.name} in the meantime; choosing others")
            self._servers.remove(service)
            await self._service(await plan(), self._servers).start()

    async def _plan_kafka(self) -> ServicePlan:
        home = self._directory.path / "kafka"
        ports = self._ports.port("kafka"), self._ports.port("kafka-controller")
        server = EmbeddedKafka(home, self._directory.logs, *ports, self._settings)
        plan = ServicePlan(
            "kafka", await server.prepare(), server.probe, _SERVER_READY_S, _SERVER_STOP_S, _SERVER_RESTARTS
        )
        self._addresses["kafka"] = server.address
        return plan

    async def _plan_redis(self) -> ServicePlan:
        server = EmbeddedRedis(self._directory.path / "redis", self._ports.port("redis"))
        plan = ServicePlan(
            "redis", await server.prepare(), server.probe, _SERVER_READY_S, _SERVER_STOP_S, _SERVER_RESTARTS
        )
        self._addresses["redis"] = server.url
        return plan

    async def _plan_triton(self) -> ServicePlan:
        own = self._settings.models.repository
        ports = tuple(self._ports.port(f"triton-{name}") for name in ("grpc", "http", "metrics"))
        server = EmbeddedTriton(
            self._directory.path / "triton",
            self._directory.logs,
            own or self._directory.path / "models",
            (ports[0], ports[1], ports[2]),
            build=self._settings.models if own is None else None,
        )
        plan = ServicePlan(
            "triton",
            await server.prepare(),
            server.probe,
            _SERVER_READY_S,
            _SERVER_STOP_S,
            _SERVER_RESTARTS,
            clean_up=server.remove_shared_memory,
        )
        self._addresses["triton"] = server.address
        return plan

    async def _create_topics(self) -> None:
        if not is_external(self._settings, "kafka"):
            self._save()
            await ensure_topics(with_local_addresses(self._settings, {"kafka"}))

    async def _start_workers(self) -> None:
        self._save()
        services = []
        for name in self._names:
            if not name.startswith("worker-"):
                continue
            worker = WorkerProcess(name, self._directory.path, self._plan.config, self._ports.port(f"{name}-health"))
            plan = ServicePlan(
                name, worker.command, worker.probe, _WORKER_READY_S, _WORKER_STOP_S, health=worker.health
            )
            services.append(self._service(plan, self._workers))
        await _all(service.start() for service in services)

    def _service(self, plan: ServicePlan, among: list[Service]) -> Service:
        service = Service(plan, self._directory.logs, self._save, self._say)
        among.append(service)
        return service

    async def _stop(self) -> None:
        for services in (self._workers, self._servers):
            await asyncio.gather(*(service.stop() for service in services))

    def _on_signal(self, work: asyncio.Task[None]) -> None:
        self._signals_seen += 1
        if self._signals_seen == 1:
            self._say("stopping; a second signal kills")
            work.cancel()
        else:
            for service in (*self._workers, *self._servers):
                service.kill()

    def _end_strays(self) -> None:
        earlier = self._directory.read()
        if earlier is not None and (ended := end_strays(earlier)):
            self._say(f"ended what an earlier run left behind: {', '.join(ended)}")

    def _state(self) -> StackState:
        records = {service.record.name: service.record for service in (*self._servers, *self._workers)}
        return StackState(
            pid=self._pid,
            mark=self._mark,
            kafka=self._addresses.get("kafka"),
            redis=self._addresses.get("redis"),
            triton_grpc=self._addresses.get("triton"),
            processes=tuple(records.get(name, ProcessRecord(name)) for name in self._names),
        )

    def _save(self) -> None:
        self._directory.write(self._state())


async def _all(works: Iterable[Awaitable[None]]) -> None:
    """Do all at once; the first failure cancels the others and is raised alone."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

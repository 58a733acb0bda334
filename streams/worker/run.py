"""Start and stop of a worker: one order, with reasons; the reverse on the way down."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import structlog
import uvloop
from threadpoolctl import threadpool_limits

from processors.modality import Modality
from processors.models.spec import FUSION
from streams.errors import BraidError, ConfigurationError
from streams.group_offsets import read_committed_offsets
from streams.inference import ModelClient, TritonServer, check_models, read_served
from streams.settings import Settings
from streams.store import Store
from streams.telemetry import ProbeServer, configure_logging
from streams.topics import check_topics
from streams.worker.app import WorkerApp, WorkerIntake
from streams.worker.encoders import ItemEncoders
from streams.worker.fusion_versions import FusionVersions
from streams.worker.heap import settle_heap
from streams.worker.joining import PartitionJoiner
from streams.worker.judging import WindowJudge
from streams.worker.learning import Learner
from streams.worker.liveness import Liveness
from streams.worker.outbox import Outbox
from streams.worker.overload import Shedder
from streams.worker.readiness import Readiness
from streams.worker.services import Fuser, Services, StoreWriter, encoding_turns
from streams.worker.shadow import Shadow
from streams.worker.window_agreement import WindowAgreement

__all__ = ["run_worker"]

_Background = Sequence[Callable[[], Coroutine[Any, Any, None]]]

_DECODE_THREADS = 2
_STOP_S = 10.0

log = structlog.get_logger(__name__)


def run_worker(settings: Settings, name: str, health_host: str, health_port: int) -> None:
    """Run a worker until SIGTERM or SIGINT; returns after a bounded drain.

    Args:
        settings: with the addresses of Kafka, Redis and Triton.
        name: of this worker, unique in its group.
        health_host: address of the probes.
        health_port: port of the probes; 0 lets the system choose.

    Raises:
        ConfigurationError: topics, store or models are not as they must be.
        BraidError: the worker met an error that no retry mends.
    """
    configure_logging()
    structlog.contextvars.bind_contextvars(worker=name)
    cv2.setNumThreads(1)  # frames are decoded and looked at in several threads already
    threadpool_limits(1, "blas")  # products are small: its threads would only wait for work, spinning
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(settings, name, health_host, health_port))


async def _run(settings: Settings, name: str, health_host: str, health_port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, _on_signal, signum, stop)
    serving = asyncio.create_task(_serve(settings, name, health_host, health_port, stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done():
        await asyncio.wait({serving}, timeout=_STOP_S)
        serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


def _on_signal(signum: int, stop: asyncio.Event) -> None:
    if stop.is_set():
        signal.signal(signum, signal.SIG_DFL)
        signal.raise_signal(signum)  # the second one kills
    stop.set()


async def _serve(settings: Settings, name: str, health_host: str, health_port: int, stop: asyncio.Event) -> None:
    readiness = Readiness()
    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(_start(settings, name, health_host, health_port, readiness, stack))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return
        # Reading comes last: everything that a record needs is there.
        services, background = await starting
        await _consume(settings, name, services, readiness, background, stop)


async def _start(
    settings: Settings, name: str, health_host: str, health_port: int, readiness: Readiness, stack: AsyncExitStack
) -> tuple[Services, _Background]:
    """Start what records need, in this order; `stack` stops it in the reverse.

    Returns:
        What the work shares, and what goes on beside it until the worker ends.
    """
    liveness = Liveness(_monotonic_ms, lambda: bool(readiness.missing))
    if settings.kafka.brokers is None or settings.redis.url is None or settings.triton.grpc is None:
        raise ConfigurationError("a worker needs the addresses of Kafka, Redis and Triton")
    # Probes first: an orchestrator sees what is missing while the rest starts.
    await stack.enter_async_context(ProbeServer(health_host, health_port, lambda: readiness.missing, liveness.stalled))
    # The store before any work: a store that evicts is refused before anything is read.
    store = await stack.enter_async_context(Store.connect(settings, _wall_ms))
    await readiness.until_available("redis", store.check)
    # What windows there are, before anything else is waited for: only a person can mend a difference.
    agreement = WindowAgreement(store, settings, readiness, _wall_ms)
    windows = await agreement.reach()
    # The models next: a wrong model is found before the first item is encoded.
    executor = ThreadPoolExecutor(_DECODE_THREADS, thread_name_prefix="decode")
    stack.callback(partial(executor.shutdown, wait=False, cancel_futures=True))
    triton, timeout_s = TritonServer(settings.triton.grpc), settings.triton.timeout_s
    fusion_name = settings.models.fusion
    # Classes and sizes are the repository's to say.
    served = await readiness.until_available("triton", partial(read_served, triton, fusion_name, timeout_s=timeout_s))
    encoders = ItemEncoders(triton, served, settings, readiness, executor)
    stack.push_async_callback(encoders.close)
    spec = served.make_specs()[FUSION.name]
    fusion = ModelClient(triton, spec, timeout_s=timeout_s, name=fusion_name)
    # Which version answers is the group's to say, before this worker asks any.
    versions = FusionVersions(store, fusion, settings, readiness, served.thresholds)
    aside = ModelClient(triton.aside("triton_shadow"), spec, timeout_s=timeout_s, name=fusion_name)
    shadow = Shadow(aside, versions, store, settings, readiness, name, served)
    stack.push_async_callback(shadow.close)
    fuser = Fuser(fusion, served, settings, readiness, lambda: versions.live, shadow.beside)
    stack.push_async_callback(fuser.close)
    await versions.reach()
    await readiness.until_available("triton", partial(_check_models, encoders, fusion, versions))
    # Topics of unequal partition counts would tear sources apart.
    partitions = await readiness.until_available("kafka", partial(check_topics, settings))
    outbox = await readiness.until_available("kafka", partial(_connected, settings, readiness, name))
    stack.push_async_exit(outbox)
    learner = Learner(store, settings, readiness, _wall_ms)
    stack.callback(learner.close)
    judge = WindowJudge(learner, settings)
    stack.callback(judge.close)
    writer = StoreWriter(store, readiness)
    stack.push_async_callback(writer.close)
    topics = [settings.kafka.topics.of(modality) for modality in Modality]
    services = Services(
        settings,
        windows,
        encoders,
        fuser,
        writer,
        outbox,
        PartitionJoiner(store, readiness, settings.kafka.group, topics, partial(_has_committed, settings, partitions)),
        readiness,
        liveness,
        Shedder(settings.overload, _wall_ms),
        judge,
        learner,
        encoding_turns(settings),
        served,
        _wall_ms,
        _monotonic_ms,
    )
    # The wait for models and topics may have been long.
    await agreement.verify(windows)
    return services, (partial(agreement.watch, windows), versions.watch, shadow.run, learner.run)


async def _check_models(encoders: ItemEncoders, fusion: ModelClient, versions: FusionVersions) -> None:
    await check_models([encoder.client for encoder in encoders.by_modality.values()])
    await versions.refresh()  # where the live version is not loaded, a person may make another one live
    await fusion.check(versions.live.number)


async def _connected(settings: Settings, readiness: Readiness, name: str) -> Outbox:
    outbox = Outbox(settings, settings.kafka.brokers or "", readiness, client_id=f"braid-{name}")
    return await outbox.__aenter__()


async def _consume(
    settings: Settings,
    name: str,
    services: Services,
    readiness: Readiness,
    background: _Background,
    stop: asyncio.Event,
) -> None:
    intake = WorkerIntake(services, readiness)
    datadir = Path(settings.data_dir) / "faust" / name
    datadir.mkdir(parents=True, exist_ok=True)
    app = WorkerApp(settings, settings.kafka.brokers or "", name, intake, datadir)
    committing = asyncio.create_task(intake.commit_forever())
    watching = {asyncio.ensure_future(watch()) for watch in background}
    stopping = asyncio.create_task(stop.wait())
    crashed = asyncio.create_task(app._crashed.wait())  # noqa: SLF001 - mode has no public event for it
    try:
        await app.start()
        settle_heap()
        log.info("worker_started", group=settings.kafka.group)
        ends = {stopping, crashed, intake.failure, committing, *watching}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        if intake.failure.done():
            await intake.failure
        if crashed.done():
            raise BraidError(f"Faust stopped: {app.crash_reason!r}", code="faust") from app.crash_reason
        if committing.done():
            await committing
        await intake.finish()
        log.info("worker_drained")
        for watch in watching:
            if watch.done():
                await watch
    finally:
        for task in (committing, stopping, crashed, *watching):
            task.cancel()
        with suppress(TimeoutError):
            await asyncio.wait_for(app.stop(), _STOP_S)


async def _has_committed(settings: Settings, partitions: int) -> bool:
    return any((await read_committed_offsets(settings, partitions)).values())


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 10**6


def _wall_ms() -> int:
    return time.time_ns() // 10**6

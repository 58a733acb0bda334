"""What is learned of each source, beside the path of its answers: a fold over its final windows and people's lessons.

Windows are read back from the store once they are final, in order of start, from where the stored baseline ends. So a
worker that was killed, and one that takes over, learn each window once and skip none; and however slow or broken this
is, no answer waits for it.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import TypeVar

import structlog

from streams.errors import BraidError, ContractBroken
from streams.settings import Settings
from streams.store import BaselineWrite, Fence, PendingWindow, Store
from streams.worker import metrics
from streams.worker.readiness import Readiness
from streams.worker.source_normal import SourceNormal

__all__ = ["Learner"]

_ROUND_S = 1.0  # people's lessons are taken up at least so soon
_PAUSE_S = 0.05  # between rounds while some source has more to learn: judging comes first
_SOURCES_AT_A_TIME = 32
_WINDOWS_AT_A_TIME = 8  # each takes a few milliseconds of the thread that also judges
_MOST_PASSED_OVER = 1_024  # read at a time where there is nothing to learn, such as before baselines were switched on
_LOOK_BACK_MS = 60_000  # clocks of a primary and its replica differ, and a change may be heard of twice
_IN_MEMORY = 3  # a baseline takes so many times its stored size

R = TypeVar("R")

log = structlog.get_logger(__name__)


class Learner:
    """The baselines of the sources that this worker owns; belongs to one event loop.

    Only `run` and `flush` change a baseline, one at a time; judging happens in the same single thread.
    """

    def __init__(self, store: Store, settings: Settings, readiness: Readiness, clock_ms: Callable[[], int]) -> None:
        """Know no source yet.

        Args:
            store: where baselines are.
            settings: of baselines, by source.
            readiness: told when the store is away.
            clock_ms: processing time, epoch milliseconds.
        """
        self._store = store.baselines
        self._settings = settings
        self._readiness = readiness
        self._clock_ms = clock_ms
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="baseline")
        self._known: OrderedDict[str, SourceNormal] = OrderedDict()
        self._loading: dict[str, asyncio.Task[SourceNormal]] = {}
        self._owned: set[Fence] = set()
        self._behind: dict[str, Fence] = {}
        self._page: dict[str, int] = {}
        self._refused: dict[str, frozenset[int]] = {}
        self._changing = asyncio.Lock()
        self._heard_ms = 0
        self._has_more = False

    async def get(self, source_id: str, fence: Fence) -> SourceNormal:
        """The baseline of a source, read from the store if it is not in memory.

        Raises:
            ContractBroken: what is stored is not in a shape that is known.
        """
        while True:
            known = self._known.get(source_id)
            if known is not None and known.fence is fence:
                self._known.move_to_end(source_id)
                return known
            loading = self._loading.get(source_id)
            if loading is None:
                loading = self._loading[source_id] = asyncio.create_task(self._load(source_id, fence))
                loading.add_done_callback(partial(self._loaded, source_id))
            loaded = await asyncio.shield(loading)
            if loaded.fence is fence:
                return loaded

    async def compute(self, call: Callable[[], R]) -> R:
        """Run a call in the thread that baselines belong to."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def enter(self, fence: Fence, source_ids: Iterable[str]) -> None:
        """Take over sources under a fence: an earlier owner may have left final windows that it had not learned."""
        self._owned.add(fence)
        self._behind.update(dict.fromkeys(source_ids, fence))

    def finalised(self, source_id: str, fence: Fence) -> None:
        """Take note that a window of a source is final; returns at once."""
        self._behind[source_id] = fence

    async def flush(self, fence: Fence) -> None:
        """Write what was learned under a fence and is not written yet: its next owner has less to catch up with."""
        async with self._changing:
            for normal in [each for each in self._known.values() if each.fence is fence and each.unsaved]:
                await self._save(normal)

    def leave(self, fence: Fence) -> None:
        """Forget everything under a fence."""
        self._owned.discard(fence)
        for source_id in [source_id for source_id, normal in self._known.items() if normal.fence is fence]:
            del self._known[source_id]
        for source_id in [source_id for source_id, owner in self._behind.items() if owner is fence]:
            del self._behind[source_id]

    async def run(self) -> None:
        """Learn for as long as this worker runs. What goes wrong is logged and counted, and tried again."""
        while True:
            await asyncio.sleep(min(_PAUSE_S, _ROUND_S) if self._has_more else _ROUND_S)
            self._has_more = False
            try:
                await self._round()
            except BraidError as error:
                metrics.BASELINE_FAULTS.labels(error.code).inc()
                log.warning("learning_failed", reason=str(error))
            except Exception:
                metrics.BASELINE_FAULTS.labels("crashed").inc()
                log.exception("learning_crashed")

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _round(self) -> None:
        await self._hear()
        waiting = {source_id: fence for source_id, fence in self._behind.items() if fence in self._owned}
        self._behind.clear()
        try:
            while waiting:
                turn = self._next_turn(waiting)
                async with self._changing:
                    await self._learn(turn)
                for source_id in turn:
                    del waiting[source_id]
        finally:
            self._behind = waiting | self._behind
        now_ms = self._clock_ms()
        for normal in list(self._known.values()):
            if self._is_due(normal, now_ms):
                async with self._changing:
                    await self._save(normal)
        await self._shrink()
        self._observe(now_ms)

    def _next_turn(self, waiting: Mapping[str, Fence]) -> dict[str, Fence]:
        """A few sources, or one of which much is read at a time."""
        first = next(iter(waiting))
        if first in self._page:
            return {first: waiting[first]}
        others = (source_id for source_id in waiting if source_id not in self._page)
        return {source_id: waiting[source_id] for source_id in islice(others, _SOURCES_AT_A_TIME)}

    async def _learn(self, sources: Mapping[str, Fence]) -> None:
        """A few windows of each source; a source stays behind until nothing is pending."""
        known = {source_id: self._known.get(source_id) for source_id in sources}
        after_ms = {source_id: normal.about.through_ms for source_id, normal in known.items() if normal is not None}
        unknown = [source_id for source_id, normal in known.items() if normal is None]
        after_ms |= await self._redis(partial(self._store.through_ms, unknown))
        limit = max(self._page.get(source_id, _WINDOWS_AT_A_TIME) for source_id in sources)
        pending = await self._redis(partial(self._store.pending, after_ms, limit))
        for source_id, windows in pending.items():
            fence = sources[source_id]
            if len(windows) == limit:
                self._behind[source_id] = fence
                self._has_more = True
            if fence in self._owned:
                normal = await self.get(source_id, fence)
                through_ms = normal.about.through_ms
                ahead = [window for window in windows if through_ms is None or window.start_ms > through_ms]
                await self._learn_windows(normal, ahead)

    async def _learn_windows(self, normal: SourceNormal, windows: Sequence[PendingWindow]) -> None:
        source_id = normal.source_id
        has_features = any(window.features for window in windows)
        self._page.pop(source_id, None)
        if not has_features and len(windows) >= _WINDOWS_AT_A_TIME:
            self._page[source_id] = min(2 * len(windows), _MOST_PASSED_OVER)
        for first in range(0, len(windows), _WINDOWS_AT_A_TIME):
            if self._known.get(source_id) is not normal:
                return
            if not normal.unsaved:
                normal.unsaved_since_ms = self._clock_ms()
            part = windows[first : first + _WINDOWS_AT_A_TIME] if has_features else windows
            try:
                await self.compute(partial(normal.learn, part))
            except Exception:
                log.exception("learning_crashed", source_id=source_id, start_ms=normal.learning)
                self._give_up(normal)
                return
            if normal.unsaved >= self._settings.baseline.snapshot_windows:
                await self._save(normal)
            if not has_features:
                return

    def _give_up(self, normal: SourceNormal) -> None:
        """Read the baseline again without the window on which it crashed."""
        source_id = normal.source_id
        metrics.BASELINE_FAULTS.labels("crashed").inc()
        if normal.learning is not None:
            self._refused[source_id] = self._refused.get(source_id, frozenset()) | {normal.learning}
        self._behind[source_id] = normal.fence
        self._forget(normal)

    async def _hear(self) -> None:
        """What people changed since."""
        changed, now_ms = await self._redis(partial(self._store.changes, self._heard_ms - _LOOK_BACK_MS))
        for source_id in changed:
            normal = self._known.get(source_id)
            if normal is None:
                continue
            async with self._changing:
                if await self._redis(partial(self._store.epoch, source_id)) != normal.epoch:
                    log.info("baseline_replaced", source_id=source_id)
                    self._behind[source_id] = normal.fence
                    self._forget(normal)
                elif await self._take_lessons(normal):
                    await self._save(normal)
        self._heard_ms = now_ms

    async def _take_lessons(self, normal: SourceNormal) -> bool:
        """Whether there were new ones."""
        revision = await self._redis(partial(self._store.lessons_revision, normal.source_id))
        if revision <= normal.about.lessons:
            return False
        lessons = await self._redis(partial(self._store.lessons, normal.source_id))
        await self.compute(partial(normal.take_lessons, lessons))
        return True

    async def _load(self, source_id: str, fence: Fence) -> SourceNormal:
        stored = await self._redis(partial(self._store.read, source_id))
        settings = self._settings.for_source(source_id).baseline
        normal = await self.compute(partial(SourceNormal.of_store, source_id, fence, settings, stored))
        normal.refused = self._refused.get(source_id, frozenset())
        if await self._take_lessons(normal):
            normal.unsaved_since_ms = self._clock_ms()
        if fence in self._owned:
            self._known[source_id] = normal
        return normal

    def _loaded(self, source_id: str, task: asyncio.Task[SourceNormal]) -> None:
        self._loading.pop(source_id, None)
        if not task.cancelled():
            task.exception()

    async def _save(self, normal: SourceNormal) -> None:
        stored = await self.compute(partial(normal.to_store, self._clock_ms()))
        settled, normal.settled = normal.settled, []
        unsaved, normal.unsaved = normal.unsaved, 0
        write = BaselineWrite(normal.source_id, normal.fence, stored, settled)
        try:
            status = await self._redis(partial(self._store.write, write))
        except ContractBroken as error:
            # It goes on from what is stored; other sources are not held up by it.
            metrics.BASELINE_FAULTS.labels(error.code).inc()
            log.warning("baseline_not_stored", source_id=normal.source_id, reason=str(error))
            self._behind[normal.source_id] = normal.fence
            self._forget(normal)
            return
        except BaseException:
            normal.settled, normal.unsaved = settled + normal.settled, unsaved + normal.unsaved
            raise
        metrics.BASELINE_WRITES.labels(status).inc()
        if status == "changed":
            self._behind[normal.source_id] = normal.fence
        if status != "written":
            self._forget(normal)

    def _is_due(self, normal: SourceNormal, now_ms: int) -> bool:
        bounds = self._settings.baseline
        is_old = now_ms - normal.unsaved_since_ms >= bounds.snapshot_s * 1000
        return normal.unsaved > 0 and (is_old or normal.unsaved >= bounds.snapshot_windows)

    async def _shrink(self) -> None:
        """Store and forget those used least recently, until the rest fits."""
        excess = self._held_bytes() - self._settings.baseline.max_bytes
        for normal in list(islice(self._known.values(), max(0, len(self._known) - 1))):
            if excess <= 0:
                return
            excess -= normal.state_bytes * _IN_MEMORY
            async with self._changing:
                if normal.unsaved:
                    await self._save(normal)
                if not normal.unsaved:
                    self._forget(normal)

    def _forget(self, normal: SourceNormal) -> None:
        if self._known.get(normal.source_id) is normal:
            del self._known[normal.source_id]

    def _held_bytes(self) -> int:
        return sum(normal.state_bytes for normal in self._known.values()) * _IN_MEMORY

    def _observe(self, now_ms: int) -> None:
        ages_ms = [now_ms - normal.unsaved_since_ms for normal in self._known.values() if normal.unsaved]
        metrics.BASELINES.set(len(self._known))
        metrics.BASELINE_BYTES.set(self._held_bytes())
        metrics.BASELINE_UNSAVED_SECONDS.set(max(ages_ms, default=0) / 1000)
        metrics.BASELINES_BEHIND.set(len(self._behind))

    async def _redis(self, call: Callable[[], Awaitable[R]]) -> R:
        return await self._readiness.until_available("redis", call)

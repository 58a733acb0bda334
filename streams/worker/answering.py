"""From items in windows to final answers: encode, fuse, put, tell, finalise.

A record is done when every window of its item is final and told, or its dead letter is acknowledged; whoever owns the
position hears of it.
"""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import structlog

from processors.modality import Modality
from processors.models.served import ServedFacts
from processors.models.spec import CELLS_SHAPE
from processors.normality.observation import THUMBNAIL_SHAPE
from processors.normality.sound_measures import SOUND_MEASURES
from streams.align import Window
from streams.errors import ContractBroken, Fenced, PoisonItem
from streams.records import Detection, Item, KafkaRecord
from streams.store import Fence, Finalise, Put, Status, items_digest
from streams.worker import metrics
from streams.worker.answer import FusionAnswer, detection_of, encoders_of, item_ranges
from streams.worker.budget import ByteLedger
from streams.worker.encoders import Content, Encoded
from streams.worker.services import Services
from streams.worker.tasks import Spawn

__all__ = ["WindowAnswers"]

_ENTRY_BYTES = 1_500  # what an item costs beside its content: itself, its entry, its places in windows and trackers
_FLOAT_BYTES = 4
_SECOND_MS = 1_000
# What a baseline looks at beside an embedding: a frame's thumbnail and cells; a sound's measures, by second.
_SEEN_BYTES = math.prod(THUMBNAIL_SHAPE) + 2 * math.prod(CELLS_SHAPE)
_MEASURES_BYTES = _FLOAT_BYTES * len(SOUND_MEASURES)

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class _Entry:
    """An item on its way.

    Attributes:
        windows: that hold it and are not final.
        held_bytes: what it takes, or will take once it is encoded as far as its header tells.
        encoding: the task that fills `content`.
        content: None until encoded, and for good if the item is poison or was shed.
        is_shed: whether it was left out under overload.
    """

    windows: int
    held_bytes: int
    encoding: asyncio.Task[None] | None = None
    content: Content | None = None
    is_shed: bool = False


@dataclass(slots=True, eq=False)
class _Job:
    """A closed window on its way.

    Attributes:
        window: whose items may still grow.
        closed_ms: processing time of its closing.
        is_stale: whether it changed since it was last answered.
        answering: the task that answers it, while one does.
        is_first_answer: whether no revision was stored yet.
    """

    window: Window[Item]
    closed_ms: int
    is_stale: bool = True
    answering: asyncio.Task[None] | None = None
    is_first_answer: bool = True


class WindowAnswers:
    """The items and windows of one partition number between alignment and finality."""

    def __init__(
        self, services: Services, fence: Fence, ledger: ByteLedger, spawn: Spawn, done: Callable[[Item], None]
    ) -> None:
        """Begin without a window.

        Args:
            services: shared with all other partitions.
            fence: carried by every write.
            ledger: the partition's account of bytes.
            spawn: owner of the tasks.
            done: hears of every item that is done.
        """
        self._services = services
        self._fence = fence
        self._ledger = ledger
        self._spawn = spawn
        self._done = done
        self._entries: dict[Item, _Entry] = {}
        self._jobs: dict[Window[Item], _Job] = {}
        self._sealed: dict[str, deque[_Job]] = {}
        # Sources of which a window was not stored yet. Until then one is read again: its former owner has answered.
        self._beyond_stored: set[str] = set()

    @property
    def is_finalising(self) -> bool:
        """Whether sealed windows are about to release what they hold."""
        return bool(self._sealed)

    def encode(self, record: KafkaRecord, item: Item, windows: int) -> None:
        """Take an item that went into so many windows, and start its encoding."""
        is_judged = self._services.settings.for_source(item.source_id).baseline.enabled
        held_bytes = _held_bytes(item, self._services.served, is_judged=is_judged)
        entry = self._entries[item] = _Entry(windows, held_bytes)
        self._ledger.change(undecoded_bytes=len(item.payload), held_bytes=entry.held_bytes)
        entry.encoding = self._spawn(self._encode(record, item, entry))
        metrics.ITEMS.labels(item.modality).inc()

    def closed(self, window: Window[Item]) -> None:
        """Answer a window for the first time."""
        self._jobs[window] = _Job(window, self._services.wall_ms())
        self._answer(self._jobs[window])

    def revised(self, window: Window[Item]) -> None:
        """Answer a window again."""
        self._jobs[window].is_stale = True
        self._answer(self._jobs[window])

    def sealed(self, window: Window[Item]) -> None:
        """Queue a window for its finalisation: those of a source become final in order of start."""
        waiting = self._sealed.get(window.source_id)
        if waiting is None:
            waiting = self._sealed[window.source_id] = deque()
            self._spawn(self._finalise_source(window.source_id, waiting))
        waiting.append(self._jobs[window])

    def forget(self, source_id: str) -> None:
        """A source has vanished for good."""
        self._beyond_stored.discard(source_id)

    async def _encode(self, record: KafkaRecord, item: Item, entry: _Entry) -> None:
        payload_bytes = len(item.payload)
        try:
            async with self._services.encoding_turns[item.modality]:
                if self._services.shedder.sheds(item):
                    entry.is_shed = True
                    metrics.SHED_ITEMS.labels(item.modality).inc()
                    return
                entry.content = await self._services.encoders.encode(item)
                self._services.judge.look_ahead(item, entry.content)
        except PoisonItem as error:
            await self._services.outbox.bury(record, error)
        finally:
            item.payload = b""
            kept_bytes = _ENTRY_BYTES + (entry.content.held_bytes if entry.content is not None else 0)
            self._ledger.change(undecoded_bytes=-payload_bytes, held_bytes=kept_bytes - entry.held_bytes)
            entry.held_bytes = kept_bytes

    def _answer(self, job: _Job) -> None:
        if job.answering is None:
            job.answering = self._spawn(self._answer_until_fresh(job))

    async def _answer_until_fresh(self, job: _Job) -> None:
        """Answer a window, and again for as long as items came meanwhile."""
        while job.is_stale:
            job.is_stale = False
            await self._answer_once(job)
        job.answering = None

    async def _answer_once(self, job: _Job) -> None:
        window, services = job.window, self._services
        stored, status = await self._answered_before(job), Status.SAME
        if stored is None:
            put = await self._detect(job)
            started = perf_counter()
            answer = await services.writer.put(put)
            metrics.STAGE_SECONDS.labels("store").observe(perf_counter() - started)
            stored, status = self._acknowledged(window, answer.status, answer.detection), answer.status
        if job.is_first_answer and stored.stored_ms is not None and status is Status.STORED:
            metrics.CLOSE_TO_STORED.observe((stored.stored_ms - job.closed_ms) / 1000)
        job.is_first_answer = False
        metrics.DETECTIONS.labels(status.value).inc()
        await services.outbox.tell(stored, services.settings.for_source(window.source_id).group)

    async def _answered_before(self, job: _Job) -> Detection | None:
        """What is stored of a window that was read again and holds the same items: the same would be put again."""
        window = job.window
        if not job.is_first_answer or window.source_id in self._beyond_stored:
            return None
        digest = items_digest(window.items)
        found = await self._services.writer.get_many([window.id])
        if not found:
            self._beyond_stored.add(window.source_id)
            return None
        return found[0] if found[0].digest == digest else None

    async def _detect(self, job: _Job) -> Put:
        window, services = job.window, self._services
        items, shed, dead = await self._encoded(window)
        waited_s = (services.wall_ms() - job.closed_ms) / 1000
        judging = asyncio.create_task(
            services.judge.judge(window, items, self._models_of(items), self._fence, waited_s=waited_s)
        )
        try:
            answer, failed = await self._fuse(job, items)
            judgement = await judging
        finally:
            judging.cancel()
        modalities = services.settings.for_source(window.source_id).modalities
        detection = detection_of(
            window,
            items,
            answer,
            required=[modality for modality in Modality if getattr(modalities, modality.value) == "required"],
            served=services.served,
            encoder_names=services.encoders.names,
            fusion_name=services.fuser.client.name,
            closed_ms=job.closed_ms,
            shed=shed,
            dead_letters=item_ranges(dead),
            failed=failed,
            judgement=judgement.told,
        )
        return Put(detection, self._fence, b"" if failed else judgement.features)

    async def _fuse(self, job: _Job, items: Sequence[Encoded]) -> tuple[FusionAnswer | None, str | None]:
        """The fusion model's answer, or the code of the error that stands in for it."""
        window, services = job.window, self._services
        started = perf_counter()
        try:
            answer: FusionAnswer | None = await services.fuser.fuse(window, items)
            failed = None
        except PoisonItem as error:
            metrics.TOMBSTONES.labels(error.code).inc()
            log.warning("window_unanswered", window=window.id, code=error.code, reason=str(error))
            answer, failed = None, error.code
        metrics.STAGE_SECONDS.labels("fuse").observe(perf_counter() - started)
        if job.is_first_answer:
            metrics.CLOSE_TO_FUSED.observe((services.wall_ms() - job.closed_ms) / 1000)
        return answer, failed

    async def _encoded(self, window: Window[Item]) -> tuple[list[Encoded], dict[Modality, int], list[Item]]:
        """What became of the window's items, once each is encoded, shed or in the dead letters.

        Returns:
            Those with content; how many were shed, by modality; those in the dead letters.
        """
        found: list[Encoded] = []
        shed = dict.fromkeys(Modality, 0)
        dead: list[Item] = []
        for item in window.sorted_items():
            entry = self._entries[item]
            if entry.encoding is not None:
                await entry.encoding
            if entry.content is not None:
                found.append(Encoded(item, entry.content))
            elif entry.is_shed:
                shed[item.modality] += 1
            else:
                dead.append(item)
        return found, shed, dead

    async def _finalise_source(self, source_id: str, waiting: deque[_Job]) -> None:
        while waiting:
            await self._finalise(waiting[0])
            waiting.popleft()
        del self._sealed[source_id]

    async def _finalise(self, job: _Job) -> None:
        window, services = job.window, self._services
        if job.answering is not None:
            await job.answering
        for item in window.items.values():
            # Where the answer was there already, nothing has waited for what it was made of.
            encoding = self._entries[item].encoding
            if encoding is not None:
                await encoding
        sealed_by = window.sealed_by
        if sealed_by is None:
            raise ContractBroken(f"window {window.id} is to be final but was not sealed")
        answer = await services.writer.finalise(Finalise(window.id, sealed_by.value, self._fence))
        final = self._acknowledged(window, answer.status, answer.detection)
        await services.outbox.tell(final, services.settings.for_source(window.source_id).group)
        metrics.DETECTIONS.labels("finalised").inc()
        if services.settings.for_source(window.source_id).baseline.enabled:
            services.learner.finalised(window.source_id, self._fence)
        del self._jobs[window]
        for item in window.items.values():
            entry = self._entries[item]
            entry.windows -= 1
            if entry.windows == 0:
                del self._entries[item]
                self._ledger.change(held_bytes=-entry.held_bytes)
                self._done(item)

    def _models_of(self, items: Sequence[Encoded]) -> Mapping[str, str]:
        return encoders_of(items, self._services.encoders.names)

    def _acknowledged(self, window: Window[Item], status: Status, stored: Detection | None) -> Detection:
        if status is Status.FENCED:
            raise Fenced(
                f"partition {self._fence.partition}: the store refused token {self._fence.token} for window "
                f"{window.id}: another worker owns the partition now, or the store lost writes"
            )
        if stored is None:
            raise Fenced(
                f"window {window.id}: the store answered {status} and holds no detection: it lost writes, or the "
                "detection expired before it was final"
            )
        return stored


def _held_bytes(item: Item, served: ServedFacts, *, is_judged: bool) -> int:
    """Counted before the item is encoded: counted afterwards, a batch could run far ahead of its bound."""
    tensor = served.items[item.modality]
    row_bytes = tensor.row_bytes // tensor.shape[0]
    is_raw = item.modality in served.raw
    is_judged = is_judged and not is_raw
    match item.modality:
        case Modality.VIDEO:
            return _ENTRY_BYTES + row_bytes + (_SEEN_BYTES if is_judged else 0)
        case Modality.TRANSCRIPT:
            return _ENTRY_BYTES + row_bytes + len(item.payload)
        case Modality.AUDIO:
            seconds = max(1, math.ceil((item.end_ms - item.start_ms) / _SECOND_MS))
            looked_at = seconds * (row_bytes + _MEASURES_BYTES) if is_judged else 0
            return _ENTRY_BYTES + row_bytes * (seconds if is_raw else 1) + looked_at

"""The work of one partition number, which the three media topics share: from records that were read to records done.

A record is done when nothing more has to happen for it: every window of its item is final and told, or its dead letter
is acknowledged, or it carries nothing (a heartbeat), is a duplicate, or belongs to no window. The position moves over
done prefixes only, so a worker that dies loses nothing: its successor reads again what was not done.
"""

import asyncio
from collections import deque
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import perf_counter
from typing import Any, Protocol

from processors.modality import Modality
from streams.align import (
    Aligner,
    Placement,
    PresenceChanged,
    ReadClock,
    SourceForgotten,
    Window,
    WindowClosed,
    WindowSealed,
)
from streams.errors import ContractBroken, Fenced, PoisonItem
from streams.records import Detection, Item, ItemLimits, KafkaRecord, parse_item
from streams.store import Fence, Finalise, Put, Status
from streams.worker import metrics
from streams.worker.answer import detection_of
from streams.worker.budget import ByteBudget
from streams.worker.encoders import Content, Encoded
from streams.worker.merge import PartitionMerge
from streams.worker.offsets import OffsetTracker
from streams.worker.read_clock import PartitionClock
from streams.worker.services import Services, align_settings

__all__ = ["PartitionReader", "PartitionWork", "Spawn"]


class PartitionReader(Protocol):
    """What the consumer knows of one partition number."""

    def has_unread(self, topic: str) -> bool:
        """Whether the broker holds records of the topic that were not fetched, or may hold some."""

    def is_caught_up(self) -> bool:
        """Whether fetches answered within the last second show that everything was fetched, in all topics."""


class Spawn(Protocol):
    """Starts a task whose owner awaits it and hears of its failure."""

    def __call__(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start `work`."""


@dataclass(slots=True, eq=False)
class _Entry:
    """An item on its way.

    Attributes:
        windows: that hold it and are not final.
        encoding: the task that fills `content`.
        content: None until encoded, and for good if the item is poison.
    """

    windows: int
    encoding: asyncio.Task[None] | None = None
    content: Content | None = None


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


class PartitionWork:
    """All state of one partition number in one assignment; dropped whole when the assignment ends."""

    def __init__(
        self,
        number: int,
        topics: Mapping[str, Modality],
        services: Services,
        fence: Fence,
        budget: ByteBudget,
        spawn: Spawn,
    ) -> None:
        """Begin without memory of what came before.

        Args:
            number: of the partition.
            topics: topic -> modality.
            services: shared with all other partitions.
            fence: carried by every write.
            budget: of undecoded bytes, shared by all partitions.
            spawn: owner of the tasks.
        """
        self.number = number
        self._topics = topics
        self._services = services
        self._fence = fence
        self._budget = budget
        self._spawn = spawn
        limits = services.settings.limits
        self._limits = ItemLimits(limits.max_item_bytes, limits.max_item_ms, limits.max_future_ms)
        self._merge = PartitionMerge(topics)
        self._clock = PartitionClock()
        self._aligner: Aligner[Item] = Aligner(partial(align_settings, services.settings))
        self._trackers = {topic: OffsetTracker() for topic in topics}
        self._entries: dict[Item, _Entry] = {}
        self._jobs: dict[Window[Item], _Job] = {}
        self._sealed: dict[str, deque[_Job]] = {}

    @property
    def wanted_topics(self) -> Iterable[str]:
        """Topics of which more should be fetched now."""
        return self._merge.wanted

    def accept(self, topic: str, records: Sequence[KafkaRecord]) -> None:
        """Take a fetched batch of one topic, in partition order."""
        self._merge.extend(topic, records)

    def process(self, reader: PartitionReader, at_most: int) -> int:
        """Align up to `at_most` of the records taken, all three topics in step, and start their encoding.

        Returns:
            How many were processed; 0 when the next one must wait for another topic.
        """
        count = 0
        for record in islice(self._merge.pop_ready(reader.has_unread), at_most):
            count += 1
            if not self._trackers[record.topic].add(record.offset):
                continue
            self._clock.observe(record.timestamp)
            try:
                item = parse_item(record, self._topics[record.topic], self._limits)
            except PoisonItem as error:
                self._spawn(self._bury(record, error))
                continue
            self._place(record, item)
        self.advance(reader)
        return count

    def advance(self, reader: PartitionReader) -> None:
        """Let time pass: close, revise and seal what is due."""
        caught_up = self._merge.is_empty and reader.is_caught_up()
        for event in self._aligner.advance(self._read_clock(caught_up=caught_up)):
            if isinstance(event, PresenceChanged | SourceForgotten):
                continue
            window = event.window
            if isinstance(event, WindowSealed):
                self._seal(self._jobs[window])
            elif isinstance(event, WindowClosed):
                self._jobs[window] = _Job(window, self._services.wall_ms())
                self._answer(self._jobs[window])
            else:
                self._jobs[window].is_stale = True
                self._answer(self._jobs[window])

    def positions(self) -> dict[str, int]:
        """Per topic the first offset to be read again after a crash, where anything was done."""
        found = {topic: tracker.position for topic, tracker in self._trackers.items()}
        return {topic: position for topic, position in found.items() if position is not None}

    def observe(self) -> None:
        """Refresh the gauges."""
        metrics.OPEN_WINDOWS.labels(self.number).set(self._aligner.open_windows)
        for topic, tracker in self._trackers.items():
            metrics.HELD_RECORDS.labels(topic, self.number).set(tracker.held)

    def _read_clock(self, *, caught_up: bool) -> ReadClock:
        return self._clock.read(
            caught_up=caught_up, wall_ms=self._services.wall_ms(), monotonic_ms=self._services.monotonic_ms()
        )

    def _place(self, record: KafkaRecord, item: Item) -> None:
        placement: Placement[Item] = self._aligner.add(item, self._read_clock(caught_up=False))
        if placement.windows:
            entry = self._entries[item] = _Entry(len(placement.windows))
            self._budget.take(len(item.payload))
            entry.encoding = self._spawn(self._encode(record, item, entry))
            metrics.ITEMS.labels(item.modality).inc()
        elif placement.is_late:
            late = PoisonItem(
                f"the item came after each of its {placement.late_for} windows had been sealed; raise "
                "windows.allowed_lateness_ms, or find what delays it",
                code="late",
                stage="align",
            )
            self._spawn(self._bury(record, late))
        else:
            if placement.is_duplicate:
                metrics.DUPLICATES.labels(item.modality).inc()
            self._done(item)

    async def _bury(self, record: KafkaRecord, error: PoisonItem) -> None:
        await self._services.outbox.bury(record, error)
        self._trackers[record.topic].done(record.offset)

    async def _encode(self, record: KafkaRecord, item: Item, entry: _Entry) -> None:
        payload_bytes = len(item.payload)
        try:
            entry.content = await self._services.encoders.encode(item)
        except PoisonItem as error:
            await self._services.outbox.bury(record, error)
        finally:
            item.payload = b""
            self._budget.give_back(payload_bytes)

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
        items = await self._encoded(window)
        started = perf_counter()
        fused = await services.fuser.fuse(window, items)
        metrics.STAGE_SECONDS.labels("fuse").observe(perf_counter() - started)
        view = services.settings.for_source(window.source_id)
        detection = detection_of(
            window,
            items,
            fused,
            required=[modality for modality in Modality if getattr(view.modalities, modality.value) == "required"],
            thresholds=services.thresholds,
            encoder_versions=services.encoder_versions(),
            fusion_name=services.fuser.client.name,
            closed_ms=job.closed_ms,
        )
        started = perf_counter()
        answer = await services.writer.put(Put(detection, self._fence))
        metrics.STAGE_SECONDS.labels("store").observe(perf_counter() - started)
        stored = self._acknowledged(window, answer.status, answer.detection)
        if job.is_first_answer and stored.stored_ms is not None and answer.status is Status.STORED:
            metrics.CLOSE_TO_STORED.observe((stored.stored_ms - job.closed_ms) / 1000)
        job.is_first_answer = False
        metrics.DETECTIONS.labels(answer.status.value).inc()
        await services.outbox.tell(stored, view.group)

    async def _encoded(self, window: Window[Item]) -> list[Encoded]:
        """The window's items with their content, once each is encoded or dead-lettered; poison is left out."""
        found = []
        for item in window.sorted_items():
            entry = self._entries[item]
            if entry.encoding is not None:
                await entry.encoding
            if entry.content is not None:
                found.append(Encoded(item, entry.content))
        return found

    def _seal(self, job: _Job) -> None:
        """Queue a window for its finalisation: those of a source become final in order of start."""
        waiting = self._sealed.get(job.window.source_id)
        if waiting is None:
            waiting = self._sealed[job.window.source_id] = deque()
            self._spawn(self._finalise_source(job.window.source_id, waiting))
        waiting.append(job)

    async def _finalise_source(self, source_id: str, waiting: deque[_Job]) -> None:
        while waiting:
            await self._finalise(waiting[0])
            waiting.popleft()
        del self._sealed[source_id]

    async def _finalise(self, job: _Job) -> None:
        window, services = job.window, self._services
        if job.answering is not None:
            await job.answering
        sealed_by = window.sealed_by
        if sealed_by is None:
            raise ContractBroken(f"window {window.id} is to be final but was not sealed")
        answer = await services.writer.finalise(Finalise(window.id, sealed_by.value, self._fence))
        final = self._acknowledged(window, answer.status, answer.detection)
        await services.outbox.tell(final, services.settings.for_source(window.source_id).group)
        metrics.DETECTIONS.labels("finalised").inc()
        del self._jobs[window]
        for item in window.items.values():
            entry = self._entries[item]
            entry.windows -= 1
            if entry.windows == 0:
                del self._entries[item]
                self._done(item)

    def _acknowledged(self, window: Window[Item], status: Status, stored: Detection | None) -> Detection:
        if status is Status.FENCED:
            raise Fenced(
                f"partition {self.number}: the store refused token {self._fence.token} for window {window.id}: another "
                "worker owns the partition now"
            )
        if stored is None:
            raise ContractBroken(
                f"window {window.id}: the store answered {status} and holds no detection; was it cleared while the "
                "worker ran?"
            )
        return stored

    def _done(self, item: Item) -> None:
        self._trackers[item.topic].done(item.offset)

"""The work of one partition number, which the three media topics share: from records that were read to records done.

A record is done when nothing more has to happen for it: every window of its item is final and told, or its dead letter
is acknowledged, or it carries nothing (a heartbeat), is a duplicate, or belongs to no window. The position moves over
done prefixes only, so a worker that dies loses nothing: its successor reads again what was not done.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice

from processors.modality import Modality
from streams.align import (
    AlignEvent,
    AlignSettings,
    Presence,
    PresenceChanged,
    WindowClosed,
    WindowRevised,
    WindowSealed,
)
from streams.errors import Fenced, PoisonItem
from streams.records import Item, ItemLimits, KafkaRecord, SourceState, source_id_of_key
from streams.store import MoveStatus, detection_id
from streams.worker import metrics
from streams.worker.answering import WindowAnswers
from streams.worker.budget import ByteBudget, ByteLedger
from streams.worker.joining import JoinedPartition
from streams.worker.late import FinalWindows
from streams.worker.position import PartitionPosition, PositionMove
from streams.worker.record_path import PartitionReader, RecordPath
from streams.worker.services import Services, align_settings
from streams.worker.sources import SourceRegister
from streams.worker.tasks import TaskOwner

__all__ = ["PartitionWork"]

_REMEMBERED_KEYS_PER_SOURCE = 4  # bounds what producers of ever new ids can make a worker remember
_STATES_AT_A_TIME = 128  # thousands of sources may fall silent at once; a producer that thousands wait for crawls
_FENCE_CHECK_MS = 5_000  # a store that went back is found out so late at most where nothing is written


class PartitionWork:
    """All state of one partition number in one assignment; dropped whole when the assignment ends."""

    def __init__(
        self,
        joined: JoinedPartition,
        topics: Mapping[str, Modality],
        services: Services,
        budget: ByteBudget,
        register: SourceRegister,
        fail: Callable[[BaseException], None],
    ) -> None:
        """Continue where the store stands.

        Args:
            joined: fence, position and offsets.
            topics: topic -> modality.
            services: shared with all other partitions.
            budget: of bytes, shared by all partitions.
            register: of sources, shared by all partitions.
            fail: hears of the first error that no retry mends.
        """
        self.number = joined.number
        self.tasks = TaskOwner(fail)
        self._fence = joined.fence
        self._services = services
        self._register = register
        self._settings: dict[str, AlignSettings] = {}
        self._sources: set[str] = set()
        self._restored_keys: set[bytes | None] = set()
        self._untold: deque[PresenceChanged] = deque()
        self._checked_ms = services.monotonic_ms()
        self._moving = asyncio.Lock()
        self._position = PartitionPosition(topics, joined.stored, joined.starts)
        self._ledger = ByteLedger(budget)
        services.learner.enter(joined.fence, self._judged(joined.stored.watermarks if joined.stored else ()))
        self._answers = WindowAnswers(services, joined.fence, self._ledger, self.tasks.spawn, self._done)
        self._final_windows = FinalWindows(services)
        limits = services.settings.limits
        self._path = RecordPath(
            topics,
            ItemLimits(limits.max_item_bytes, limits.max_item_ms, limits.max_future_ms),
            self._position,
            self._settings_for,
            self,
            remembered_sources=limits.max_sources,
            wall_ms=services.wall_ms,
            monotonic_ms=services.monotonic_ms,
        )

    @property
    def wanted_topics(self) -> Iterable[str]:
        """Topics of which more should be fetched now."""
        return self._path.wanted_topics

    @property
    def stored_offsets(self) -> Mapping[str, int]:
        """The next offsets that the store has acknowledged."""
        return self._position.stored_offsets

    @property
    def oldest_start_ms(self) -> int | None:
        """The least start of the windows that still take items."""
        return self._path.aligner.oldest_open_start_ms

    async def accept(self, batches: Mapping[str, Sequence[KafkaRecord]], reader: PartitionReader) -> None:
        """Take a fetched batch, each topic in partition order; waits for what the store knows of new sources."""
        fetched_ms = {topic: reader.fetched_ms(topic) for topic in batches}
        new_keys = {record.key for records in batches.values() for record in records} - self._restored_keys
        if new_keys:
            await self._restore(new_keys)
        for topic, records in batches.items():
            self._path.accept(topic, records, fetched_ms[topic])

    def process(self, reader: PartitionReader, at_most: int) -> int:
        """Align up to `at_most` of the records taken, and start their encoding; lets time pass.

        Returns:
            How many were processed; 0 when the next one must wait for another topic.
        """
        return self._path.process(reader, at_most)

    @property
    def is_finalising(self) -> bool:
        """Whether sealed windows are about to release what they hold."""
        return self._answers.is_finalising

    def relieve(self) -> None:
        """Seal the oldest window; what it holds is released once it is final."""
        metrics.SEALED_FOR_MEMORY.inc(self._path.aligner.seal_oldest())

    async def move(self) -> None:
        """Tell the store how far the work is done.

        Raises:
            Fenced: the store refuses: another worker owns the partition, or the store went back.
        """
        async with self._moving:  # at a rebalance the last move may meet one that is under way
            move = self._position.next_move()
            if move is not None:
                await self._move(move)
            elif self._services.monotonic_ms() - self._checked_ms < _FENCE_CHECK_MS:
                return
            elif not await self._services.writer.is_in_force(self._fence):
                raise Fenced(
                    f"partition {self.number}: the store no longer holds what it acknowledged under token "
                    f"{self._fence.token}"
                )
            self._checked_ms = self._services.monotonic_ms()

    def observe(self, reader: PartitionReader) -> None:
        """Refresh the gauges."""
        open_windows = self._path.aligner.open_windows
        metrics.OPEN_WINDOWS.labels(self.number).set(open_windows)
        for topic, tracker in self._position.trackers.items():
            metrics.HELD_RECORDS.labels(topic, self.number).set(tracker.held)
            end, position = reader.end(topic), reader.position(topic)
            if end is not None and position is not None:
                metrics.READ_LAG.labels(topic, self.number).set(max(0, end - position))
                metrics.COMMIT_LAG.labels(topic, self.number).set(max(0, end - self.stored_offsets.get(topic, 0)))
        if open_windows or not self._position.held:
            self._services.liveness.moved(self.number)

    async def drain(self, timeout_s: float) -> None:
        """Let what is under way come to its end, and store what was learned, for a bounded time."""
        self.tasks.spawn(self._services.learner.flush(self._fence))
        await self.tasks.drain(timeout_s)

    async def close(self) -> None:
        """Drop everything: windows, items and tasks. Idempotent."""
        await self.tasks.close()
        self._services.learner.leave(self._fence)
        self._ledger.close()
        self._register.leave(len(self._sources))
        self._sources.clear()
        self._services.liveness.gone(self.number)

    def admit(self, source_id: str) -> None:
        """Let a source's item in.

        Raises:
            PoisonItem: the source is one too many.
        """
        if source_id not in self._sources:
            self._register.enter(source_id)
            self._sources.add(source_id)

    def poison(self, record: KafkaRecord, error: PoisonItem) -> None:
        """Bury a record that cannot be aligned."""
        self.tasks.spawn(self._bury(record, error))

    def placed(self, record: KafkaRecord, item: Item, windows: int) -> None:
        """Encode an item that went into so many windows."""
        self._answers.encode(record, item, windows)

    def late(self, record: KafkaRecord, item: Item, late_for: int) -> None:
        """Settle an item whose windows, so many, had all been sealed."""
        self.tasks.spawn(self._settle_late(record, item, late_for))

    def happened(self, event: AlignEvent[Item]) -> None:
        """Act on a change of a window or a source."""
        if isinstance(event, WindowClosed):
            self._answers.closed(event.window)
        elif isinstance(event, WindowRevised):
            self._answers.revised(event.window)
        elif isinstance(event, WindowSealed):
            self._answers.sealed(event.window)
        elif isinstance(event, PresenceChanged):
            self._note_presence(event)
        else:
            self._forget(event.source_id)

    async def _move(self, move: PositionMove) -> None:
        status = await self._services.writer.move_position(self._fence, move.expected, move.new, move.forgotten)
        if status is not MoveStatus.MOVED:
            raise Fenced(
                f"partition {self.number}: the store answered {status} to a move of the position: another worker owns "
                "the partition now, or the store lost writes"
            )
        self._position.acknowledge(move)
        self._services.liveness.moved(self.number)

    def _settings_for(self, source_id: str) -> AlignSettings:
        settings = self._settings.get(source_id)
        if settings is None:
            services = self._services
            settings = self._settings[source_id] = align_settings(services.settings, services.windows, source_id)
        return settings

    async def _restore(self, keys: Iterable[bytes | None]) -> None:
        """Continue with sources where the store stands, before their first record is aligned.

        A worker that died may have made a source's last window final without telling it: it is told (again).
        """
        source_ids = []
        for key in keys:
            with suppress(PoisonItem):  # each of its records will be found out by itself
                source_ids.append(source_id_of_key(key))
        writer, outbox = self._services.writer, self._services.outbox
        final_through_ms = await writer.final_through_ms(source_ids)
        self._services.learner.enter(self._fence, self._judged(final_through_ms))
        last_ids = [
            detection_id(source_id, self._settings_for(source_id).last_start_by(through_ms), through_ms)
            for source_id, through_ms in final_through_ms.items()
        ]
        last = [detection for detection in await writer.get_many(last_ids) if detection.final]
        await asyncio.gather(*(outbox.tell(detection, self._group_of(detection.source_id)) for detection in last))
        for source_id in source_ids:
            watermarks = self._position.watermarks(source_id)
            if watermarks or source_id in final_through_ms:
                self._path.aligner.restore(source_id, watermarks, final_through_ms=final_through_ms.get(source_id))
        if len(self._restored_keys) > _REMEMBERED_KEYS_PER_SOURCE * self._services.settings.limits.max_sources:
            self._restored_keys.clear()  # to restore a source once more changes nothing
        self._restored_keys.update(keys)

    def _note_presence(self, change: PresenceChanged) -> None:
        if change.presence is Presence.GONE and change.source_id in self._sources:
            self._sources.remove(change.source_id)
            self._register.leave(1)
        self._untold.append(change)
        if len(self._untold) == 1:
            self.tasks.spawn(self._tell_presences())

    async def _tell_presences(self) -> None:
        """Tell what changed until all of it is told; what is being told stays, so that no second task begins."""
        while self._untold:
            changes = list(islice(self._untold, _STATES_AT_A_TIME))
            await asyncio.gather(*map(self._tell_presence, changes))
            for _ in changes:
                self._untold.popleft()

    async def _tell_presence(self, change: PresenceChanged) -> None:
        state = SourceState(
            source_id=change.source_id,
            modality=change.modality,
            state=change.presence.value,
            since_ms=change.since_ms,
            at_ms=change.at_ms,
        )
        await self._services.outbox.tell_state(state, self._group_of(change.source_id))

    def _forget(self, source_id: str) -> None:
        """A source has vanished for good: when it returns, it is a new one."""
        self._position.forget(source_id)
        self._answers.forget(source_id)
        self._settings.pop(source_id, None)
        self._restored_keys.discard(source_id.encode())
        self._services.shedder.forget(source_id)

    def _judged(self, source_ids: Iterable[str]) -> list[str]:
        """Those that have a baseline."""
        settings = self._services.settings
        return [source_id for source_id in source_ids if settings.for_source(source_id).baseline.enabled]

    def _group_of(self, source_id: str) -> str | None:
        return self._services.settings.for_source(source_id).group

    async def _settle_late(self, record: KafkaRecord, item: Item, late_for: int) -> None:
        """Tell what was read again from what is late."""
        spans = self._settings_for(item.source_id).spans_of(item.start_ms, item.end_ms)
        if await self._final_windows.account_for(item, spans):
            metrics.READ_AGAIN.labels(item.modality).inc()
            self._done(item)
            return
        late = PoisonItem(
            f"the item came after each of its {late_for} windows had been sealed; raise "
            "windows.allowed_lateness_ms, or find what delays it",
            code="late",
            stage="align",
        )
        await self._bury(record, late)

    async def _bury(self, record: KafkaRecord, error: PoisonItem) -> None:
        await self._services.outbox.bury(record, error)
        self._position.trackers[record.topic].done(record.offset)

    def _done(self, item: Item) -> None:
        self._position.trackers[item.topic].done(item.offset)

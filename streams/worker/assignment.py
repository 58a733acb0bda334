"""Everything that a worker does between two rebalances; what it holds in memory ends with it."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import NamedTuple, Protocol

import structlog

from processors.modality import Modality
from streams.errors import Fenced
from streams.records import KafkaRecord
from streams.worker.budget import ByteBudget
from streams.worker.joining import JoinedPartition, KafkaOffsets
from streams.worker.metrics import REJOINED
from streams.worker.partition import PartitionWork
from streams.worker.record_path import PartitionReader
from streams.worker.services import Services
from streams.worker.sources import SourceRegister
from streams.worker.tasks import TaskOwner

__all__ = ["Assignment", "PartitionSource", "TopicPartition"]

_RECORDS_PER_TURN = 64  # aligned before the event loop gets a turn: about a millisecond
_OBSERVE_EVERY_S = 1.0  # looks at every source

log = structlog.get_logger(__name__)


class TopicPartition(NamedTuple):
    """A topic and a partition number."""

    topic: str
    partition: int


class PartitionSource(KafkaOffsets, Protocol):
    """Where records come from, as far as an assignment steers it."""

    async def seek_to(self, number: int, starts: Mapping[str, int]) -> bool:
        """Fetch the topics of a partition number from these offsets on.

        Returns:
            Whether all of them are this worker's.
        """

    def reader(self, number: int, topics: Sequence[str]) -> PartitionReader:
        """What is known of one partition number."""


class Assignment:
    """The partitions that this worker owns until the next rebalance."""

    def __init__(
        self, topics: Mapping[str, Modality], services: Services, fail: Callable[[BaseException], None]
    ) -> None:
        """Own nothing yet; partitions join as the consumer names them.

        Args:
            topics: topic -> modality.
            services: shared over all assignments.
            fail: hears of the first error that no retry mends.
        """
        self._topics = topics
        self._services = services
        self._fail = fail
        self._tasks = TaskOwner(self._failed)
        self._partitions: dict[int, PartitionWork] = {}
        self._joining: dict[int, asyncio.Task[None]] = {}
        self._joined: list[JoinedPartition] = []
        self._fenced: set[int] = set()
        self._ending: list[PartitionWork] = []
        limits = services.settings.limits
        self._budget = ByteBudget(limits.max_undecoded_bytes, limits.max_held_bytes)
        self._register = SourceRegister(limits)
        self._observed_s = monotonic()

    async def begin_turn(self, numbers: Collection[int], source: PartitionSource) -> None:
        """Take over what is not owned yet. To be awaited while nothing is being fetched.

        Reading begins only here: a seek while a fetch is under way could let records of before it through after it.
        """
        self._services.liveness.turned()
        for number in numbers:
            if number not in self._partitions and number not in self._joining:
                self._joining[number] = self._tasks.spawn(self._join(number, source))
        while self._joined:
            joined = self._joined.pop()
            del self._joining[joined.number]
            if await source.seek_to(joined.number, joined.starts) and self._tasks.is_open:
                fail = partial(self._partition_failed, joined.number)
                work = PartitionWork(joined, self._topics, self._services, self._budget, self._register, fail)
                self._partitions[joined.number] = work

    async def on_batch(self, records: Mapping[TopicPartition, Sequence[KafkaRecord]], source: PartitionSource) -> None:
        """Take a fetched batch; returns when all of it that can be aligned is, and its payloads fit the budget."""
        batches: dict[int, dict[str, Sequence[KafkaRecord]]] = {}
        for (topic, number), batch in records.items():
            batches.setdefault(number, {})[topic] = batch
        for number, of_number in batches.items():
            work = self._partitions.get(number)
            if work is not None:  # otherwise it joins (again), and its records are fetched again
                # A task of the partition, so that its end ends the wait for a store that is away.
                reader = source.reader(number, list(self._topics))
                await asyncio.wait({work.tasks.spawn(work.accept(of_number, reader))})
        if self._services.readiness.is_dependency_away:
            return  # time stands still with what was read: being unable to answer is nobody's silence
        for number in self._in_order_of_need() if self._budget.is_full else list(self._partitions):
            await self._process(number, source)
        self._observe(source)

    def wants(self, topic: str, number: int) -> bool:
        """Whether records of a topic partition should be fetched now.

        None while a dependency is away, or while some of it wait for other topics. When windows hold too much, only
        those that the oldest windows wait for.
        """
        work = self._partitions.get(number)
        if work is None or self._services.readiness.is_dependency_away or topic not in work.wanted_topics:
            return False
        if self._budget.is_overfull:
            return False
        return not self._budget.is_full or number == self._neediest

    async def move_positions(self) -> Mapping[TopicPartition, int]:
        """Tell the store how far the work is done.

        Returns:
            What the store has acknowledged, for Kafka's commit to follow.
        """
        moves = [work.tasks.spawn(work.move()) for work in self._partitions.values()]
        if moves:
            await asyncio.wait(moves)
        return {
            TopicPartition(topic, number): offset
            for number, work in self._partitions.items()
            for topic, offset in work.stored_offsets.items()
        }

    async def drain(self, timeout_s: float) -> None:
        """Let what is under way come to its end, for a bounded time; the caller hands in nothing more."""
        await asyncio.gather(*(work.drain(timeout_s) for work in self._partitions.values()))

    async def close(self) -> None:
        """Drop everything: windows, items and tasks. Idempotent."""
        await self._tasks.close()
        await asyncio.gather(*(work.close() for work in (*self._partitions.values(), *self._ending)))
        self._partitions.clear()

    async def _join(self, number: int, source: PartitionSource) -> None:
        joined = await self._services.joiner.join(number, source, again=number in self._fenced)
        self._fenced.discard(number)
        self._joined.append(joined)

    async def _process(self, number: int, source: PartitionSource) -> None:
        reader = source.reader(number, list(self._topics))
        work = self._partitions.get(number)
        while work is not None and work.tasks.is_open and work.process(reader, self._allowance(number)):
            await asyncio.sleep(0)
            await self._budget.has_room()

    def _allowance(self, number: int) -> int:
        """How many records of a partition may be aligned now; with none, time passes all the same."""
        if not self._budget.is_full:
            return _RECORDS_PER_TURN
        neediest = self._neediest
        if self._budget.is_overfull:
            if neediest is not None and not any(work.is_finalising for work in self._partitions.values()):
                self._partitions[neediest].relieve()
            return 0
        return _RECORDS_PER_TURN if number == neediest else 0

    def _observe(self, source: PartitionSource) -> None:
        now_s = monotonic()
        if now_s - self._observed_s >= _OBSERVE_EVERY_S:
            self._observed_s = now_s
            for number, work in self._partitions.items():
                work.observe(source.reader(number, list(self._topics)))

    @property
    def _neediest(self) -> int | None:
        """The partition that the oldest window is in."""
        order = self._in_order_of_need()
        return order[0] if order else None

    def _in_order_of_need(self) -> list[int]:
        starts_ms = {number: work.oldest_start_ms for number, work in self._partitions.items()}
        return sorted(starts_ms, key=lambda number: (starts_ms[number] is None, starts_ms[number] or 0))

    def _partition_failed(self, number: int, error: BaseException) -> None:
        """Begin a partition anew whose fence was refused; anything else ends the worker."""
        if not isinstance(error, Fenced):
            self._failed(error)
            return
        log.warning("partition_fenced", partition=number, reason=str(error))
        REJOINED.inc()
        self._fenced.add(number)
        work = self._partitions.pop(number)
        self._ending.append(work)
        # Until what it holds is dropped it counts as joining, so that it is not taken over meanwhile.
        self._joining[number] = self._tasks.spawn(self._end(number, work))

    async def _end(self, number: int, work: PartitionWork) -> None:
        await work.close()
        self._ending.remove(work)
        del self._joining[number]

    def _failed(self, error: BaseException) -> None:
        log.error("work_failed", error=str(error), exc_info=error)
        self._fail(error)

"""Everything that a worker does between two rebalances; what it holds in memory ends with it."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from processors.modality import Modality
from streams.records import KafkaRecord
from streams.worker.budget import ByteBudget
from streams.worker.partition import PartitionReader, PartitionWork
from streams.worker.services import Services

__all__ = ["Assignment", "TopicPartition"]

_RECORDS_PER_TURN = 64  # aligned before the event loop gets a turn: about a millisecond

log = structlog.get_logger(__name__)


class TopicPartition(NamedTuple):
    """A topic and a partition number."""

    topic: str
    partition: int


class Assignment:
    """The partitions that this worker owns until the next rebalance."""

    def __init__(
        self, topics: Mapping[str, Modality], services: Services, group: str, fail: Callable[[BaseException], None]
    ) -> None:
        """Own nothing yet; partitions join with their first records.

        Args:
            topics: topic -> modality.
            services: shared over all assignments.
            group: consumer group, whose fences are taken.
            fail: hears of the first error that no retry mends.
        """
        self._topics = topics
        self._services = services
        self._group = group
        self._fail = fail
        self._partitions: dict[int, PartitionWork] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._budget = ByteBudget(services.settings.limits.max_undecoded_bytes)
        self._is_open = True

    async def on_batch(
        self,
        records: Mapping[TopicPartition, Sequence[KafkaRecord]],
        reader_of: Callable[[int], PartitionReader],
    ) -> None:
        """Take a fetched batch; returns when all of it that can be aligned is, and its payloads fit the budget."""
        for (topic, number), batch in records.items():
            if number not in self._partitions:
                # A task of this assignment, so that its end ends the wait for a store that is away.
                await asyncio.wait({self._spawn(self._join(number))})
                if not self._is_open:
                    return
            self._partitions[number].accept(topic, batch)
        for number, partition in self._partitions.items():
            reader = reader_of(number)
            while partition.process(reader, _RECORDS_PER_TURN):
                await asyncio.sleep(0)
                await self._budget.has_room()
                if not self._is_open:
                    return
            partition.observe()

    def wants(self, topic: str, number: int) -> bool:
        """Whether records of a topic partition should be fetched now: none while some of it wait for other topics."""
        partition = self._partitions.get(number)
        return partition is None or topic in partition.wanted_topics

    def positions(self) -> dict[TopicPartition, int]:
        """The first offset of each topic partition to be read again after a crash, where anything was done."""
        return {
            TopicPartition(topic, number): position
            for number, partition in self._partitions.items()
            for topic, position in partition.positions().items()
        }

    async def drain(self, timeout_s: float) -> None:
        """Let what is under way come to its end, for a bounded time; the caller hands in nothing more."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while self._tasks and (left_s := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left_s)

    async def close(self) -> None:
        """Drop everything: windows, items and tasks. Idempotent."""
        self._is_open = False
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._partitions.clear()

    async def _join(self, number: int) -> None:
        fence = await self._services.writer.take_token(self._group, number)
        self._partitions[number] = PartitionWork(number, self._topics, self._services, fence, self._budget, self._spawn)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None and self._is_open:
            self._is_open = False
            log.error("work_failed", error=str(error), exc_info=error)
            self._fail(error)

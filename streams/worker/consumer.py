"""A Faust transport that hands over whole batches, and Faust's assignor without idle workers.

Stock delivery costs one task per record and acknowledges out of order; see `docs/explanation/delivery.md`. What is
overridden here is private to Faust 0.15.3, which is therefore pinned exactly.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from time import time
from typing import Any, Protocol, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaTopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import OffsetAndMetadata
from faust.assignor.partition_assignor import PartitionAssignor
from faust.transport.drivers import aiokafka as driver

from streams.errors import DependencyUnavailable
from streams.records import KafkaRecord
from streams.worker.assignment import TopicPartition
from streams.worker.joining import TopicOffsets
from streams.worker.record_path import PartitionReader
from streams.worker.thread_calls import call_in_thread

__all__ = ["BalancedAssignor", "BatchConsumer", "BatchTransport", "Intake"]

_FETCH_TIMEOUT_S = 0.1  # also how often time passes for the windows when nothing is read
_ALL_WAIT_S = 0.02
_FRESH_MS = 1_000

R = TypeVar("R")

log = structlog.get_logger(__name__)


class Intake(Protocol):
    """What the consumer hands its batches to."""

    def wants(self, topic: str, number: int) -> bool:
        """Whether records of a topic partition should be fetched now."""

    async def begin_turn(self, numbers: Collection[int], consumer: "BatchConsumer") -> None:
        """Prepare for partition numbers that are assigned, while nothing is being fetched."""

    async def on_batch(
        self, records: Mapping[TopicPartition, Sequence[KafkaRecord]], consumer: "BatchConsumer"
    ) -> None:
        """Take a batch; awaiting it is the back-pressure. An empty batch lets time pass."""

    async def on_assigned(self) -> None:
        """A rebalance is over."""

    async def on_revoked(self, consumer: "BatchConsumer") -> None:
        """All partitions are about to be taken away: finish, commit, forget."""


class BalancedAssignor(PartitionAssignor):
    """Gives one worker the same partition numbers of all three topics, and every worker its share.

    Faust co-partitions topics of equal partition counts; without replicas of tables, which Braid does not use, the
    shares are even.
    """

    def __init__(self, app: Any, replicas: int = 0) -> None:
        super().__init__(app, replicas=replicas)


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # Faust hard-codes 1,500 ms, for which a partition may wait behind idle ones of the same broker.
        consumer._fetch_max_wait_ms = self.app.fetch_max_wait_ms  # noqa: SLF001 - no public way
        # Faust reads what aborted transactions left unless it writes transactions itself.
        consumer._isolation_level = "read_committed"  # noqa: SLF001 - no public way
        return consumer


class BatchConsumer(driver.Consumer):
    """Drains whole batches into the app's intake."""

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def on_partitions_revoked(self, revoked: set[Any]) -> None:
        """Let the intake finish while this worker is still a member and may commit."""
        await self.app.intake.on_revoked(self)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[Any], generation_id: int = 0) -> None:
        """Tell the intake when Faust has taken note."""
        await super().on_partitions_assigned(assigned, generation_id)
        await self.app.intake.on_assigned()

    def reader(self, number: int, topics: Sequence[str]) -> PartitionReader:
        """What is known of one partition number."""
        return _Reader(self._thread._ensure_consumer(), number, topics)  # noqa: SLF001 - no public way

    async def offsets(self, number: int, topics: Sequence[str]) -> Mapping[str, TopicOffsets]:
        """What Kafka knows of one partition number's topics.

        Raises:
            DependencyUnavailable: no answer, or not in time.
        """
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - no public way
        partitions = [KafkaTopicPartition(topic, number) for topic in topics]
        beginnings = await self._ask(consumer.beginning_offsets, partitions)
        ends = await self._ask(consumer.end_offsets, partitions)
        return {
            tp.topic: TopicOffsets(await self._ask(consumer.committed, tp), beginnings[tp], ends[tp])
            for tp in partitions
        }

    async def is_member(self, number: int, topics: Sequence[str]) -> bool:
        """Ask the coordinator by committing what is committed already: it refuses whoever is no longer a member.

        Raises:
            DependencyUnavailable: no answer, or not in time.
        """
        known = await self.offsets(number, topics)
        return await self.commit_positions(
            {
                TopicPartition(topic, number): offsets.beginning if offsets.committed is None else offsets.committed
                for topic, offsets in known.items()
            }
        )

    async def seek_to(self, number: int, starts: Mapping[str, int]) -> bool:
        """Fetch the topics of a partition number from these offsets on.

        Returns:
            Whether all of them are this worker's.
        """
        try:
            for topic, offset in starts.items():
                await self.seek(KafkaTopicPartition(topic, number), offset)
        except IllegalStateError:  # revoked meanwhile
            return False
        return True

    async def commit_positions(self, positions: Mapping[TopicPartition, int]) -> bool:
        """Commit to Kafka. A refusal is no loss: what is not committed is read again.

        Returns:
            Whether the group's coordinator took it.
        """
        offsets = {KafkaTopicPartition(*tp): OffsetAndMetadata(position, "") for tp, position in positions.items()}
        try:
            await self._ask(self._thread._ensure_consumer().commit, offsets)  # noqa: SLF001 - no public way
        except (IllegalStateError, CommitFailedError, DependencyUnavailable) as error:
            log.warning("commit_refused", reason=repr(error), partitions=len(offsets))
            return False
        return True

    async def _ask(self, call: Callable[..., Awaitable[R]], *arguments: object) -> R:
        return await call_in_thread(self._thread, call, *arguments)

    async def _put_back(self, batch: Mapping[Any, Sequence[KafkaRecord]]) -> None:
        """Make what was fetched across a rebalance be fetched again.

        It may come from the assignment before or after it. Faust's own way, a seek to the committed offsets, leaves
        partitions without one where they are, and their records would be lost.
        """
        consumer = self._thread._ensure_consumer()  # noqa: SLF001 - no public way
        for tp, records in batch.items():
            state = _partition_state(consumer, KafkaTopicPartition(tp.topic, tp.partition))
            if state is not None and state.has_valid_position and state.position > records[0].offset:
                with suppress(IllegalStateError):  # revoked meanwhile: its next owner begins at the committed offset
                    await self.seek(tp, records[0].offset)

    async def _drain_messages(self, fetcher: Any) -> None:
        intake: Intake = self.app.intake
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):  # noqa: SLF001 - as the base class does
                if not self.flow_active:
                    await self.wait(self.can_resume_flow)
                generation = self.app.consumer_generation_id
                active = self._get_active_partitions()
                await intake.begin_turn({tp.partition for tp in active}, self)
                partitions = {tp for tp in active if intake.wants(tp.topic, tp.partition)}
                batch = {}
                if partitions:  # aiokafka reads an empty set as "all"
                    batch = await self._getmany(active_partitions=partitions, timeout=_FETCH_TIMEOUT_S)
                else:
                    await asyncio.sleep(_ALL_WAIT_S)
                if not self.flow_active or generation != self.app.consumer_generation_id:
                    await self._put_back(batch or {})
                    continue
                await intake.on_batch(
                    {TopicPartition(tp.topic, tp.partition): records for tp, records in (batch or {}).items()}, self
                )
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise


class BatchTransport(driver.Transport):
    """Faust's aiokafka transport with the batch consumer."""

    Consumer = BatchConsumer


class _Reader:
    """Reads aiokafka's own account of a partition; plain attribute reads, safe from another thread."""

    def __init__(self, consumer: AIOKafkaConsumer, number: int, topics: Sequence[str]) -> None:
        self._consumer = consumer
        self._partitions = {topic: KafkaTopicPartition(topic, number) for topic in topics}

    def has_unread(self, topic: str) -> bool:
        state = self._state(topic)
        return state is None or state.position < _end(state)

    def fetched_ms(self, topic: str) -> int:
        state = self._state(topic)
        return 0 if state is None else int(state.timestamp)

    def position(self, topic: str) -> int | None:
        state = self._state(topic)
        return None if state is None else state.position

    def end(self, topic: str) -> int | None:
        state = self._state(topic)
        return None if state is None else _end(state)

    def is_caught_up(self) -> bool:
        oldest_ms = time() * 1000 - _FRESH_MS
        for topic in self._partitions:
            state = self._state(topic)
            if state is None or state.position < _end(state) or state.timestamp < oldest_ms:
                return False
        return True

    def _state(self, topic: str) -> Any:
        """The partition's state once it was fetched; None before."""
        state = _partition_state(self._consumer, self._partitions[topic])
        return state if state is not None and state.has_valid_position and state.highwater is not None else None


def _partition_state(consumer: AIOKafkaConsumer, partition: KafkaTopicPartition) -> Any:
    """Aiokafka's account of a partition; None while it is not assigned."""
    subscription = consumer._subscription.subscription  # noqa: SLF001 - no public way without awaiting
    if subscription is None or subscription.assignment is None or partition not in subscription.assignment.tps:
        return None
    return subscription.assignment.state_value(partition)


def _end(state: Any) -> int:
    """Up to where records are to be had: behind it stands a transaction that is not decided yet."""
    return state.highwater if state.lso is None else min(state.highwater, state.lso)

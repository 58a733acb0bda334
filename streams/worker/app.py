"""The Faust app of a worker, and the intake that its consumer feeds."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import faust
import structlog

from processors.modality import Modality
from streams.records import KafkaRecord
from streams.settings import Settings
from streams.worker.assignment import Assignment, TopicPartition
from streams.worker.consumer import BalancedAssignor, BatchConsumer, BatchTransport
from streams.worker.readiness import Readiness
from streams.worker.services import Services

__all__ = ["WorkerApp", "WorkerIntake"]

_DRAIN_S = 3.0  # of work under way when partitions are revoked; well below the session timeout
_LAST_MOVE_S = 2.0  # of the position, when the store is slow or away: what is not moved is read again
_COMMIT_EVERY_S = 0.5
_HEARTBEATS_PER_SESSION = 6  # how soon the others hear of a rebalance: a part of every recovery

log = structlog.get_logger(__name__)


class WorkerIntake:
    """Hands batches to the assignment in force and moves the position behind what is done.

    Between a revocation and the next assignment nothing is taken: Faust goes on fetching until it has told everyone,
    and what it fetches then would belong to neither.
    """

    def __init__(self, services: Services, readiness: Readiness) -> None:
        """Begin without an assignment.

        Args:
            services: shared over all assignments.
            readiness: told when partitions come and go.
        """
        settings = services.settings
        self.topics = {settings.kafka.topics.of(modality): modality for modality in Modality}
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._services = services
        self._readiness = readiness
        self._assignment: Assignment | None = None
        self._committed: dict[TopicPartition, int] = {}
        self._consumer: BatchConsumer | None = None
        self._is_finished = False

    def wants(self, topic: str, number: int) -> bool:
        """Whether records of a topic partition should be fetched now."""
        return self._assignment is not None and self._assignment.wants(topic, number)

    async def begin_turn(self, numbers: Collection[int], consumer: BatchConsumer) -> None:
        """Take over the partition numbers that are not owned yet, while nothing is being fetched."""
        self._consumer = consumer
        if self._assignment is not None:
            await self._assignment.begin_turn(numbers, consumer)

    async def on_batch(self, records: Mapping[TopicPartition, Sequence[KafkaRecord]], consumer: BatchConsumer) -> None:
        """Take a batch; returns when its payloads fit the budget."""
        if self._assignment is not None:
            await self._assignment.on_batch(records, consumer)

    async def on_assigned(self) -> None:
        """A rebalance is over: there is work, or nothing to do."""
        if not self._is_finished:
            self._assignment = Assignment(self.topics, self._services, self._fail)
            self._readiness.set_present("assignment")

    async def on_revoked(self, consumer: BatchConsumer) -> None:
        """Bounded drain, last position, then forget everything of this assignment."""
        self._readiness.set_missing("assignment", "partitions are being handed over")
        ending, self._assignment = self._assignment, None
        if ending is not None:
            await ending.drain(_DRAIN_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_MOVE_S):
                    await self._commit(ending, consumer)
            await ending.close()
        self._committed.clear()

    async def commit_forever(self) -> None:
        """Move the position behind what is done, twice a second."""
        while True:
            await asyncio.sleep(_COMMIT_EVERY_S)
            if self._assignment is not None and self._consumer is not None:
                await self._commit(self._assignment, self._consumer)

    async def finish(self) -> None:
        """Read nothing more; bounded drain and last position, before the worker leaves the group."""
        self._is_finished = True
        if self._consumer is not None:
            await self.on_revoked(self._consumer)

    async def _commit(self, assignment: Assignment, consumer: BatchConsumer) -> None:
        stored = await assignment.move_positions()
        moved = {tp: at for tp, at in stored.items() if self._committed.get(tp) != at}
        if moved and await consumer.commit_positions(moved) and assignment is self._assignment:
            self._committed |= moved

    def _fail(self, error: BaseException) -> None:
        if not self.failure.done():
            self.failure.set_exception(error)


class WorkerApp(faust.App):
    """Faust keeps membership, assignment and fetching; delivery is the intake's."""

    def __init__(self, settings: Settings, brokers: str, name: str, intake: WorkerIntake, datadir: Path) -> None:
        """Configure Faust.

        Args:
            settings: in force.
            brokers: comma-separated `host:port` list.
            name: of this worker, unique in its group.
            intake: takes the batches.
            datadir: Faust's own folder; nothing of value is in it.
        """
        kafka = settings.kafka
        self.intake = intake
        self.fetch_max_wait_ms = kafka.fetch_max_wait_ms
        super().__init__(
            kafka.group,
            broker=";".join(f"kafka://{broker.strip()}" for broker in brokers.split(",")),
            value_serializer="raw",
            key_serializer="raw",
            web_enabled=False,
            datadir=str(datadir),
            topic_disable_leader=True,
            stream_wait_empty=False,  # held windows must never block a rebalance
            table_standby_replicas=1,  # selects Faust's assignor; 0 would fall back to round robin
            PartitionAssignor=BalancedAssignor,
            consumer_auto_offset_reset="earliest",
            broker_session_timeout=kafka.session_timeout_s,
            broker_heartbeat_interval=kafka.session_timeout_s / _HEARTBEATS_PER_SESSION,
            broker_rebalance_timeout=max(kafka.session_timeout_s, 2 * (_DRAIN_S + _LAST_MOVE_S)),
            broker_request_timeout=max(kafka.request_timeout_s, kafka.session_timeout_s),
            consumer_group_instance_id=kafka.instance_id,
            canonical_url=f"http://{kafka.instance_id or name}:1",
        )
        media = self.topic(*intake.topics, value_serializer="raw", key_serializer="raw", acks=False)
        self.agent(media, name="media")(_subscribe)

    def _new_transport(self) -> Any:
        return BatchTransport(self.conf.broker_consumer, self)


async def _subscribe(stream: Any) -> None:
    """Make Faust subscribe to the media topics; their records never come this way."""
    async for _ in stream:
        log.error("record_outside_batch")

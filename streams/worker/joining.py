"""How a worker becomes the owner of a partition number: where it reads from, and under which fence it writes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar

import structlog

from streams.store import Fence, Position, Store
from streams.worker.metrics import EXPIRED_RECORDS
from streams.worker.readiness import Readiness

__all__ = ["JoinedPartition", "KafkaOffsets", "PartitionJoiner", "TopicOffsets", "starting_offsets"]

R = TypeVar("R")

_POLL_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TopicOffsets:
    """What Kafka knows of one topic partition.

    Attributes:
        committed: the group's committed offset; None without one.
        beginning: the first offset that Kafka still holds.
        end: the offset after the last record.
    """

    committed: int | None
    beginning: int
    end: int


class KafkaOffsets(Protocol):
    """What Kafka knows of offsets and membership; both may raise DependencyUnavailable."""

    async def offsets(self, number: int, topics: Sequence[str]) -> Mapping[str, TopicOffsets]:
        """Offsets of one partition number's topics."""

    async def is_member(self, number: int, topics: Sequence[str]) -> bool:
        """Whether the group's coordinator takes this worker for the owner of a partition number."""


@dataclass(frozen=True, slots=True)
class JoinedPartition:
    """Everything that the work on a partition number starts from.

    Attributes:
        number: of the partition.
        fence: under which it writes.
        stored: the position that the store holds; None when it holds none.
        starts: topic -> offset at which reading begins.
    """

    number: int
    fence: Fence
    stored: Position | None
    starts: Mapping[str, int]


class PartitionJoiner:
    """Takes partition numbers over. One is shared by all assignments of a worker."""

    def __init__(
        self,
        store: Store,
        readiness: Readiness,
        group: str,
        topics: Sequence[str],
        has_committed: Callable[[], Awaitable[bool]],
    ) -> None:
        """Join in the name of a group.

        Args:
            store: holds positions and the generation mark.
            readiness: told what is missing.
            group: consumer group.
            topics: the media topics.
            has_committed: whether the group has ever committed an offset of them, on any partition; may raise
                DependencyUnavailable.
        """
        self._store = store
        self._has_committed = has_committed
        self._readiness = readiness
        self._group = group
        self._topics = topics

    async def join(self, number: int, kafka: KafkaOffsets, *, again: bool) -> JoinedPartition:
        """Fence off every earlier owner, then read where to begin; waits for as long as Redis or Kafka is away.

        The token comes before the position is read: whatever an earlier owner still writes, it wrote before.

        Args:
            number: of the partition.
            kafka: offsets and membership.
            again: whether this worker was fenced off meanwhile. It may have been frozen and replaced without having
                heard of it yet: the group's coordinator is asked first, so that it does not fence off its successor.
        """
        if again:
            await self._until(
                "membership",
                f"the group has not confirmed this worker as owner of partition {number}",
                lambda: self._kafka(partial(kafka.is_member, number, self._topics)),
            )
        await self._until(
            "store",
            "Redis holds no generation mark, but the group has committed offsets: it has lost its data. Say from where "
            "to fill it: `braid store init --from earliest` stores again all that Kafka holds, `--from committed` goes "
            "on from where Kafka's commit stands",
            self._has_generation,
        )
        fence = await self._redis(partial(self._store.take_token, self._group, number))
        stored = await self._redis(partial(self._store.read_position, self._group, number))
        offsets = await self._kafka(partial(kafka.offsets, number, self._topics))
        starts = starting_offsets(number, offsets, stored)
        log.info("partition_joined", partition=number, token=fence.token, starts=dict(starts))
        return JoinedPartition(number, fence, stored, starts)

    async def _has_generation(self) -> bool:
        if await self._redis(self._store.read_generation) is not None:
            return True
        if await self._kafka(self._has_committed):
            return False
        # Nothing was ever finished by this group, so nothing can have been lost.
        await self._redis(partial(self._store.begin_generation, self._group, {}))
        return True

    async def _kafka(self, call: Callable[[], Awaitable[R]]) -> R:
        return await self._readiness.until_available("kafka", call)

    async def _redis(self, call: Callable[[], Awaitable[R]]) -> R:
        return await self._readiness.until_available("redis", call)

    async def _until(self, name: str, reason: str, holds: Callable[[], Awaitable[bool]]) -> None:
        if await holds():
            return
        with self._readiness.waiting_for(name, reason):
            while not await holds():  # noqa: ASYNC110 - it is Redis or Kafka that changes
                await asyncio.sleep(_POLL_S)


def starting_offsets(number: int, offsets: Mapping[str, TopicOffsets], stored: Position | None) -> dict[str, int]:
    """Where reading begins: the smaller of the stored position and Kafka's commit, as far as Kafka still holds it.

    What neither knows is read from the beginning. What Kafka no longer holds is counted and said.
    """
    starts = {}
    for topic, known in offsets.items():
        at = stored.next_offsets.get(topic, known.beginning) if stored else known.beginning
        if stored and known.committed is not None:
            at = min(at, known.committed)
        if at < known.beginning:
            EXPIRED_RECORDS.labels(topic).inc(known.beginning - at)
            log.error(
                "position_expired",
                topic=topic,
                partition=number,
                first_offset=at,
                last_offset=known.beginning - 1,
                reason="Kafka no longer holds these records; raise the topic's retention, or run more workers",
            )
            at = known.beginning
        elif at > known.end:
            log.error(
                "position_beyond_end",
                topic=topic,
                partition=number,
                offset=at,
                end_offset=known.end,
                reason="the topic is not the one that the position was made on; it is read from its beginning",
            )
            at = known.beginning
        starts[topic] = at
    return starts

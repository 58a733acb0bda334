"""Sends planned records to Kafka: at their time, or at once; some in transactions, of which some are aborted."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby

from aiokafka import AIOKafkaProducer

from streams.settings import TopicSettings
from tests.chaos.producers import Kind, Planned

__all__ = ["Acknowledged", "send"]

Acknowledged = dict[tuple[str, int, int], Planned]
"""Origin (topic, partition, offset) -> the record that the broker said is there."""

# Longer than any absence of the broker: what is sent is delivered, in order, once it is back.
_PATIENCE_MS = 180_000
_STEP_MS = 500
_RETRY_MS = 300
_MAX_REQUEST_BYTES = 1_000_000


async def send(planned: Sequence[Planned], brokers: str, topics: TopicSettings, *, in_real_time: bool) -> Acknowledged:
    """Send all; returns when the broker has acknowledged them.

    Args:
        planned: in order of time.
        in_real_time: whether each waits for its time. What is due in the future even then, is not waited for: the
            last heartbeats.
    """
    plain = [entry for entry in planned if not entry.is_transactional]
    transactional = [entry for entry in planned if entry.is_transactional]
    waits_until_ms = max(entry.due_ms for entry in planned if entry.kind is not Kind.HEARTBEAT) if in_real_time else 0
    acknowledged: Acknowledged = {}
    async with asyncio.TaskGroup() as group:
        group.create_task(_send_plain(plain, brokers, topics, waits_until_ms, acknowledged))
        if transactional:
            group.create_task(_send_in_transactions(transactional, brokers, topics, waits_until_ms, acknowledged))
    return acknowledged


async def _send_plain(
    planned: Sequence[Planned], brokers: str, topics: TopicSettings, waits_until_ms: int, into: Acknowledged
) -> None:
    """In step: what a broker's absence held back must not come by whole modalities, which would look like silence."""
    async with AIOKafkaProducer(
        bootstrap_servers=brokers,
        enable_idempotence=True,
        request_timeout_ms=_PATIENCE_MS,
        retry_backoff_ms=_RETRY_MS,
        max_request_size=_MAX_REQUEST_BYTES,
    ) as producer:
        for _, entries in groupby(planned, key=lambda entry: entry.due_ms // _STEP_MS):
            pending = []
            for entry in entries:
                await _wait_until(min(entry.due_ms, waits_until_ms))
                pending.append((entry, await _hand_over(producer, entry, topics)))
            await _note(pending, into)


async def _send_in_transactions(
    planned: Sequence[Planned], brokers: str, topics: TopicSettings, waits_until_ms: int, into: Acknowledged
) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=brokers,
        transactional_id=f"{topics.video}-producer",
        request_timeout_ms=_PATIENCE_MS,
        max_request_size=_MAX_REQUEST_BYTES,
    ) as producer:
        for _, entries in groupby(planned, key=lambda entry: entry.due_ms // _STEP_MS):
            batches = defaultdict(list)
            for entry in entries:
                batches[entry.kind is Kind.ABORTED].append(entry)
            # Those to be aborted go first and on their own: what is committed after them lies behind them in the log.
            for is_aborted, batch in sorted(batches.items(), reverse=True):
                await _wait_until(min(batch[-1].due_ms, waits_until_ms))
                await producer.begin_transaction()
                pending = [(entry, await _hand_over(producer, entry, topics)) for entry in batch]
                if is_aborted:
                    await asyncio.gather(*(future for _, future in pending))
                    await producer.abort_transaction()
                else:
                    await producer.commit_transaction()
                    await _note(pending, into)


async def _hand_over(producer: AIOKafkaProducer, entry: Planned, topics: TopicSettings) -> "asyncio.Future[object]":
    record = entry.record
    return await producer.send(
        topics.of(entry.modality),
        record.value,
        key=record.key,
        headers=list(record.headers),
        timestamp_ms=entry.due_ms,
    )


async def _note(pending: list, into: Acknowledged) -> None:
    for entry, future in pending:
        told = await future
        into[told.topic, told.partition, told.offset] = entry


async def _wait_until(moment_ms: int) -> None:
    left_s = moment_ms / 1000 - time.time()
    if left_s > 0:
        await asyncio.sleep(left_s)

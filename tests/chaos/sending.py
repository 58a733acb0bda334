"""Sends planned records to Kafka by the client of their source, at their time or at once.

Some go in transactions, of which some are aborted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from streams.settings import TopicSettings
from tests.chaos.foreign import send_by_kcat, send_by_librdkafka
from tests.chaos.producers import Kind, Planned
from tests.chaos.sent import Pace, Sent, steps

__all__ = ["send"]

# Longer than any absence of the broker: what is sent is delivered, in order, once it is back.
_PATIENCE_MS = 180_000
_RETRY_MS = 300
_MAX_REQUEST_BYTES = 1_000_000


async def send(planned: Sequence[Planned], brokers: str, topics: TopicSettings, *, in_real_time: bool) -> Sent:
    """Send all; returns when the broker has acknowledged them.

    Args:
        planned: in order of time.
        in_real_time: whether each waits for its time. What is due in the future even then, is not waited for: the
            last heartbeats.
    """
    senders = {
        "plain": _send_plain,
        "transactional": _send_in_transactions,
        "librdkafka": send_by_librdkafka,
        "kcat": send_by_kcat,
    }
    last_ms = max(entry.due_ms for entry in planned if entry.kind is not Kind.HEARTBEAT)
    pace = Pace(last_ms if in_real_time else 0)
    sent = Sent()
    # A last heartbeat is ahead of the clock and takes the read clock with it: no item of another client comes after it.
    for is_last in (False, True):
        shares = defaultdict(list)
        for entry in planned:
            if (entry.due_ms > last_ms) is is_last:
                shares[_sender_of(entry)].append(entry)
        async with asyncio.TaskGroup() as group:
            for name, share in shares.items():
                group.create_task(senders[name](share, brokers, topics, pace, sent))
    return sent


def _sender_of(entry: Planned) -> str:
    if entry.client != "aiokafka":
        return entry.client
    return "transactional" if entry.is_transactional else "plain"


async def _send_plain(planned: Sequence[Planned], brokers: str, topics: TopicSettings, pace: Pace, sent: Sent) -> None:
    """In step: what a broker's absence held back must not come by whole modalities, which would look like silence."""
    async with AIOKafkaProducer(
        bootstrap_servers=brokers,
        enable_idempotence=True,
        request_timeout_ms=_PATIENCE_MS,
        retry_backoff_ms=_RETRY_MS,
        max_request_size=_MAX_REQUEST_BYTES,
    ) as producer:
        for entries in steps(planned):
            pending = []
            for entry in entries:
                await pace.wait_for(entry)
                pending.append((entry, await _hand_over(producer, entry, topics)))
            await _note(pending, sent)


async def _send_in_transactions(
    planned: Sequence[Planned], brokers: str, topics: TopicSettings, pace: Pace, sent: Sent
) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=brokers,
        transactional_id=f"{topics.video}-producer",
        request_timeout_ms=_PATIENCE_MS,
        max_request_size=_MAX_REQUEST_BYTES,
    ) as producer:
        for entries in steps(planned):
            batches = defaultdict(list)
            for entry in entries:
                batches[entry.kind is Kind.ABORTED].append(entry)
            # Those to be aborted go first and on their own: what is committed after them lies behind them in the log.
            for is_aborted, batch in sorted(batches.items(), reverse=True):
                await pace.wait_for(batch[-1])
                await producer.begin_transaction()
                pending = [(entry, await _hand_over(producer, entry, topics)) for entry in batch]
                if is_aborted:
                    await asyncio.gather(*(future for _, future in pending))
                    await producer.abort_transaction()
                else:
                    await producer.commit_transaction()
                    await _note(pending, sent)


async def _hand_over(producer: AIOKafkaProducer, entry: Planned, topics: TopicSettings) -> "asyncio.Future[object]":
    record = entry.record
    return await producer.send(
        topics.of(entry.modality),
        record.value,
        key=record.key,
        headers=list(record.headers),
        timestamp_ms=entry.timestamp_ms,
    )


async def _note(pending: list, sent: Sent) -> None:
    for entry, future in pending:
        told = await future
        sent.acknowledged[told.topic, told.partition, told.offset] = entry

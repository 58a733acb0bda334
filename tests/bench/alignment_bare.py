"""`python -m tests.bench.alignment_bare BROKERS RECORDS TOPIC...`: what aiokafka alone reads of the same backlog."""

import asyncio
import json
import sys
import time

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

DEADLINE_S = 60.0


async def main() -> None:
    brokers, records, topics = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
    async with (
        AIOKafkaConsumer(
            bootstrap_servers=brokers, auto_offset_reset="earliest", enable_auto_commit=False, fetch_max_wait_ms=50
        ) as consumer,
        asyncio.timeout(DEADLINE_S),
    ):
        cluster = await consumer._client.fetch_all_metadata()
        consumer.assign(
            [TopicPartition(topic, number) for topic in topics for number in cluster.partitions_for_topic(topic)]
        )
        count = first = 0
        begun_s = 0.0
        while count < records:
            batches = await consumer.getmany(timeout_ms=200)
            count += sum(len(batch) for batch in batches.values())
            if not first and count:
                # What the first answer brought was fetched before the clock ran.
                first, begun_s = count, time.perf_counter()
        sys.stdout.write(
            json.dumps({"records_per_s": (count - first) / (time.perf_counter() - begun_s), "records": count}) + "\n"
        )


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

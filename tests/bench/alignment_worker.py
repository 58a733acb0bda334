"""`python -m tests.bench.alignment_worker CONFIG RECORDS`: a worker's way from Kafka into windows, nothing behind it.

Faust, the batch consumer, the merge of the topics, headers, offset trackers, positions and the aligner are a worker's
own; encoding, fusion and the store are left out: an item is done when all its windows are sealed. Prints JSON.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import uvloop

from processors.modality import Modality
from streams.align import AlignSettings
from streams.records import ItemLimits, KafkaRecord
from streams.settings import Settings, load_settings
from streams.worker.app import WorkerApp
from streams.worker.assignment import TopicPartition
from streams.worker.consumer import BatchConsumer
from streams.worker.heap import settle_heap
from streams.worker.record_path import RecordPath
from tests.bench.backlog import ALLOWED_LATENESS_MS, HOP_MS, OUT_OF_ORDERNESS_MS, SIZE_MS
from tests.bench.outcome import SealedWindows

RECORDS_PER_TURN = 64  # as many as a worker aligns before its event loop gets a turn
MOVE_EVERY_S = 0.5  # as often as a worker
DEADLINE_S = 120.0
ALIGN = AlignSettings(
    size_ms=SIZE_MS, hop_ms=HOP_MS, out_of_orderness_ms=OUT_OF_ORDERNESS_MS, allowed_lateness_ms=ALLOWED_LATENESS_MS
)


class Partition:
    """One partition number."""

    def __init__(self, topics: Mapping[str, Modality], starts: Mapping[str, int], counts: Counter[str]) -> None:
        outcome = SealedWindows(topics, starts, counts)
        self.position = outcome.position
        self.path = RecordPath(
            topics,
            ItemLimits(),
            self.position,
            lambda _: ALIGN,
            outcome,
            remembered_sources=10_000,
            wall_ms=lambda: time.time_ns() // 10**6,
            monotonic_ms=lambda: time.monotonic_ns() // 10**6,
        )


class CountingIntake:
    """Takes batches as a worker's assignment does."""

    def __init__(self, settings: Settings, records: int) -> None:
        self.topics = {settings.kafka.topics.of(modality): modality for modality in Modality}
        self.finished = asyncio.Event()
        self.counts: Counter[str] = Counter()
        self.begun_s: float | None = None
        self.ended_s = 0.0
        self._records = records
        self._partitions: dict[int, Partition] = {}
        self._consumer: BatchConsumer | None = None

    def wants(self, topic: str, number: int) -> bool:
        return number in self._partitions and topic in self._partitions[number].path.wanted_topics

    async def begin_turn(self, numbers: Collection[int], consumer: BatchConsumer) -> None:
        self._consumer = consumer
        for number in numbers:
            if number not in self._partitions:
                starts = dict.fromkeys(self.topics, 0)
                await consumer.seek_to(number, starts)
                self._partitions[number] = Partition(self.topics, starts, self.counts)

    async def on_batch(self, records: Mapping[TopicPartition, Sequence[KafkaRecord]], consumer: BatchConsumer) -> None:
        if records and self.begun_s is None:
            self.begun_s = time.perf_counter()
        for (topic, number), batch in records.items():
            fetched_ms = consumer.reader(number, list(self.topics)).fetched_ms(topic)
            self._partitions[number].path.accept(topic, batch, fetched_ms)
        for number, partition in self._partitions.items():
            reader = consumer.reader(number, list(self.topics))
            while count := partition.path.process(reader, RECORDS_PER_TURN):
                self.counts["records"] += count
                await asyncio.sleep(0)
        if self.counts["records"] >= self._records and not self.finished.is_set():
            self.ended_s = time.perf_counter()
            self.finished.set()

    async def on_assigned(self) -> None:
        pass

    async def on_revoked(self, consumer: BatchConsumer) -> None:
        pass

    async def move_forever(self) -> None:
        """Move the positions over what is done, with Kafka's commit behind them."""
        while True:
            await asyncio.sleep(MOVE_EVERY_S)
            moved = {}
            for number, partition in self._partitions.items():
                move = partition.position.next_move()
                if move is not None:
                    partition.position.acknowledge(move)
                    moved |= {TopicPartition(topic, number): at for topic, at in move.new.next_offsets.items()}
            if moved and self._consumer is not None:
                await self._consumer.commit_positions(moved)


async def main() -> None:
    settings, records = load_settings(Path(sys.argv[1])), int(sys.argv[2])
    intake = CountingIntake(settings, records)
    app = WorkerApp(settings, settings.kafka.brokers or "", settings.kafka.group, intake, settings.data_dir / "faust")
    moving = asyncio.create_task(intake.move_forever())
    await app.start()
    settle_heap()
    async with asyncio.timeout(DEADLINE_S):
        await intake.finished.wait()
    moving.cancel()
    await app.stop()
    seconds = intake.ended_s - (intake.begun_s or 0.0)
    sys.stdout.write(json.dumps({"records_per_s": intake.counts["records"] / seconds, **intake.counts}) + "\n")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

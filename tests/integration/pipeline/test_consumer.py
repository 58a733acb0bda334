"""What was fetched across a rebalance is fetched again, from a group that has committed nothing."""

import asyncio

from faust.types import TP

from processors.modality import Modality
from streams.worker.app import WorkerApp

DEADLINE_S = 60.0


class Recorder:
    """An intake that keeps what it is given."""

    def __init__(self, topics):
        self.topics = topics
        self.batches = {}
        self.consumer = None
        self.is_open = True

    async def begin_turn(self, numbers, consumer):
        pass

    def wants(self, topic, number):
        return self.is_open

    async def on_batch(self, records, consumer):
        self.consumer = consumer
        for partition, batch in records.items():
            self.batches.setdefault(partition, []).extend(batch)

    async def on_assigned(self):
        pass

    async def on_revoked(self, consumer):
        pass

    async def until_read(self, count):
        async with asyncio.timeout(DEADLINE_S):
            while sum(map(len, self.batches.values())) < count:
                await asyncio.sleep(0.05)


async def test_a_batch_that_is_put_back_is_read_again_whole(settings, scripted, send, tmp_path):
    source = scripted("cam", 1_700_000_000_000, 6)
    await send([source])
    intake = Recorder({settings.kafka.topics.of(modality): modality for modality in Modality})
    app = WorkerApp(settings, settings.kafka.brokers, "w1", intake, tmp_path)
    await app.start()
    try:
        await intake.until_read(len(source.records))
        intake.is_open = False
        first, intake.batches = intake.batches, {}
        await intake.consumer._put_back({TP(*partition): batch for partition, batch in first.items()})
        intake.is_open = True
        await intake.until_read(len(source.records))
    finally:
        await app.stop()
    assert offsets(intake.batches) == offsets(first)


def offsets(batches):
    return {partition: [record.offset for record in batch] for partition, batch in batches.items()}

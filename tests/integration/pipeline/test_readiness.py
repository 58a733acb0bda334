"""What a worker says of itself while it waits, works and stops."""

import asyncio
import json

from pydantic import SecretStr

from streams.settings import RedisSettings

NOWHERE = RedisSettings(url=SecretStr("redis://127.0.0.1:1/0"), timeout_s=1)
DEADLINE_S = 60.0


async def until(condition):
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.1)


def missing(worker):
    answer = worker.probe("/readyz")
    return None if answer is None else json.loads(answer[1])["missing"]


async def test_a_worker_whose_store_is_away_says_so_and_can_be_stopped_at_once(start_worker):
    worker = start_worker(redis=NOWHERE)
    await until(lambda: "redis" in (missing(worker) or {}))
    assert worker.probe("/readyz")[0] == 503
    assert worker.probe("/livez")[0] == 200
    assert worker.stop() == 0, worker.output


async def test_a_worker_with_partitions_is_ready_and_counts_what_it_does(start_worker, scripted, send, assert_exact):
    worker = start_worker()
    await until(lambda: missing(worker) == {})
    source = scripted("cam", 1_700_000_000_000, 6)
    await send([source])
    await assert_exact(source)
    status, text = worker.probe("/metrics")
    assert status == 200
    assert 'braid_items_total{modality="video"} 30.0' in text
    assert 'braid_detections_total{kind="finalised"}' in text
    assert worker.stop() == 0, worker.output

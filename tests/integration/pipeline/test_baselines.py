"""What real workers learn of their sources: each final window once and in order, through kills, and people's words."""

import asyncio
import os
import subprocess
import sys
import time

import pytest

from streams.settings import BaselineSettings
from streams.worker.source_normal import chained

DEADLINE_S = 90.0


@pytest.fixture
def learned(store):
    """Waits until a source's stored baseline has seen its last final window."""

    async def wait(source, finals):
        last_ms = max(finals)
        async with asyncio.timeout(DEADLINE_S):
            while True:
                stored = await store.baselines.read(source.source_id)
                if stored is not None and stored.about.through_ms == last_ms:
                    return stored
                await asyncio.sleep(0.1)

    return wait


def undisturbed(finals):
    """How an undisturbed fold over these windows ends: all but those that overlap the one before."""
    digest, learned, to_ms = "", 0, 0
    for start_ms in sorted(finals):
        if start_ms >= to_ms:
            digest, learned, to_ms = chained(digest, finals[start_ms].id), learned + 1, finals[start_ms].end_ms
    return learned, digest


async def test_killed_workers_learn_each_window_once_and_skip_none(
    start_worker, scripted, send, assert_exact, until_answered, learned, store
):
    """Two kills of two workers in the middle of three sources; snapshots come every two windows and every second."""
    baseline = BaselineSettings(snapshot_windows=2, snapshot_s=1)
    start_ms = time.time_ns() // 10**6
    sources = [scripted(f"cam-{k}", start_ms, 24) for k in range(3)]
    first, second = start_worker(baseline=baseline), start_worker(baseline=baseline)
    sending = asyncio.create_task(send(sources, speed=1.0))
    await until_answered(sources)
    first.process.kill()
    third = start_worker(baseline=baseline)
    async with asyncio.timeout(DEADLINE_S):
        while await store.baselines.read(sources[0].source_id) is None:
            await asyncio.sleep(0.1)
    second.process.kill()
    fourth = start_worker(baseline=baseline)
    await sending
    for source in sources:
        finals = await assert_exact(source)
        stored = await learned(source, finals)
        assert (stored.about.learned, stored.about.digest) == undisturbed(finals)
        assert stored.about.models.keys() == {"video_encoder", "audio_encoder", "text_encoder"}
        left = [bool(await store.baselines.features(finals[start].id)) for start in sorted(finals)]
        assert not any(left), "features of learned windows are still kept"
        assert {finals[start].warming_up for start in finals} == {True}
        assert {finals[start].anomaly_p for start in finals} == {1.0}
    for worker in (third, fourth):
        assert worker.stop() == 0, worker.output


async def test_what_people_teach_is_taken_up_by_a_running_worker_also_of_windows_long_learned(
    start_worker, scripted, send, assert_exact, learned, store, tmp_path
):
    source = scripted("cam", time.time_ns() // 10**6 - 30_000, 12)
    await send([source])
    worker = start_worker(baseline=BaselineSettings(snapshot_s=1))
    finals = await assert_exact(source)
    before = await learned(source, finals)
    window_id = finals[sorted(finals)[2]].id
    assert await store.baselines.features(window_id) == b""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BRAID_")} | {
        "BRAID_CONFIG": str(tmp_path / "worker-1.yaml")
    }
    command = [sys.executable, "-m", "streams.cli", "baseline", "teach", window_id, "anomalous"]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    member = window_id.partition("/")[2]
    async with asyncio.timeout(DEADLINE_S):
        while (stored := await store.baselines.read(source.source_id)).about.taught != {member: "anomalous"}:
            await asyncio.sleep(0.1)
    assert (stored.about.learned, stored.about.digest) == (before.about.learned, before.about.digest)
    assert worker.stop() == 0, worker.output

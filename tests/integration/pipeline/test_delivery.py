"""Nothing lost, nothing doubled: through a killed worker, a graceful stop and a second worker that joins."""

import asyncio
import signal
import time

from processors.modality import Modality
from streams.detections import Repeats


async def test_a_killed_worker_loses_no_window_and_leaves_none_incomplete(
    start_worker, scripted, send, assert_exact, until_answered, assert_no_dead_letters, assert_position_at_end
):
    """SIGKILL of one of two workers in the middle of six sources in real time."""
    start_ms = time.time_ns() // 10**6
    sources = [scripted(f"cam-{k}", start_ms, 20) for k in range(6)]
    first, second = start_worker(), start_worker()
    sending = asyncio.create_task(send(sources, speed=1.0))
    await until_answered(sources)
    first.process.kill()
    await sending
    for source in sources:
        await assert_exact(source)
    await assert_position_at_end()
    await assert_no_dead_letters()
    assert second.stop() == 0, second.output


async def test_a_worker_that_joins_takes_partitions_over_without_loss(
    start_worker, scripted, send, assert_exact, until_answered, until_ready
):
    """The first one gives partitions away while it is at work on them, twice: to one that joins, and back."""
    start_ms = time.time_ns() // 10**6
    sources = [scripted(f"cam-{k}", start_ms, 20) for k in range(6)]
    first = start_worker()
    sending = asyncio.create_task(send(sources, speed=1.0))
    await until_answered(sources)
    second = start_worker()
    await until_ready(second)
    assert second.stop() == 0, second.output
    await sending
    for source in sources:
        await assert_exact(source)
    assert first.stop() == 0, first.output


async def test_a_backlog_read_by_a_worker_that_joins_late_is_exact(
    settings, start_worker, scripted, send, assert_exact
):
    """All topics are full before any worker starts: none may run ahead of another."""
    start_ms = time.time_ns() // 10**6 - 40_000
    sources = [scripted(f"cam-{k}", start_ms, 40) for k in range(3)]
    await send(sources)
    worker = start_worker()
    for source in sources:
        await assert_exact(source)
    assert worker.stop() == 0, worker.output


async def test_a_worker_that_is_told_to_stop_hands_over_what_it_had_not_finished(
    start_worker, scripted, send, assert_exact, until_answered
):
    start_ms = time.time_ns() // 10**6
    source = scripted("cam", start_ms, 14)
    first = start_worker()
    sending = asyncio.create_task(send([source], speed=1.0))
    await until_answered([source])
    assert first.stop(signal.SIGTERM) == 0, first.output
    second = start_worker()
    await sending
    await assert_exact(source)
    assert second.stop() == 0, second.output


async def test_every_stored_answer_is_told_and_the_last_is_what_is_stored(
    start_worker, scripted, send, assert_exact, consume_told
):
    source = scripted("cam", time.time_ns() // 10**6 - 20_000, 12)
    await send([source])
    worker = start_worker()
    stored = await assert_exact(source)
    told, _ = await consume_told(lambda detections, _: len({d.id for d in detections if d.final}) == len(stored))
    repeats = Repeats()
    finals = [detection for detection in told if repeats.is_new(detection) and detection.final]
    assert {detection.id: detection for detection in finals} == {d.id: d for d in stored.values()}
    assert worker.stop() == 0, worker.output


async def test_a_source_that_falls_silent_and_goes_is_told_modality_by_modality(
    start_worker, scripted, send, consume_told
):
    source = scripted("cam", time.time_ns() // 10**6 - 4_000, 4)
    await send([source])
    worker = start_worker()
    _, states = await consume_told(lambda _, states: [s.state for s in states].count("gone") == len(Modality))
    for modality in Modality:
        own = [state for state in states if state.modality is modality]
        assert [state.state for state in own] == ["live", "idle", "gone"]
        assert {state.source_id for state in own} == {source.source_id}
        assert own[0].at_ms < own[1].at_ms < own[2].at_ms
    assert worker.stop() == 0, worker.output


async def test_a_static_member_that_comes_back_in_time_disturbs_nobody(
    settings, start_worker, scripted, send, assert_exact, until_answered, until_ready
):
    """Killed and started again within the session timeout, it goes on with its own partitions; nobody rebalances."""
    start_ms = time.time_ns() // 10**6
    sources = [scripted(f"cam-{k}", start_ms, 20) for k in range(6)]
    members = [settings.kafka.model_copy(update={"instance_id": name}) for name in ("static-1", "static-2")]
    first, second = (start_worker(kafka=member) for member in members)
    await until_ready(first)
    await until_ready(second)
    sending = asyncio.create_task(send(sources, speed=1.0))
    await until_answered(sources)
    first.process.kill()
    joined = second.output.count("partition_joined")
    again = start_worker(kafka=members[0])
    await sending
    for source in sources:
        await assert_exact(source)
    assert again.output.count("partition_joined") == 2
    assert second.output.count("partition_joined") == joined
    for worker in (again, second):
        assert worker.stop() == 0, worker.output

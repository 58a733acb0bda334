"""Bounds on memory and sources, on real servers."""

import asyncio
import time

from streams.settings import LimitSettings


async def test_a_backlog_is_exact_when_only_what_the_oldest_windows_wait_for_fits_into_memory(
    start_worker, scripted, send, assert_exact
):
    start_ms = time.time_ns() // 10**6 - 30_000
    sources = [scripted(f"cam-{k}", start_ms, 30) for k in range(8)]
    await send(sources)
    # All of it takes 37 MB. However the sources share the partitions, twice this is more than the open windows of one
    # partition (1.2 MB a source) take beside what the others hold when it is reached.
    limit_bytes = 11_000_000
    worker = start_worker(limits=LimitSettings(max_held_bytes=limit_bytes))

    async def check():
        for source in sources:
            await assert_exact(source)

    checking = asyncio.create_task(check())
    largest = await worker.largest_until(checking, "braid_held_bytes")
    await checking
    one_turn_bytes = 64 * 28_000  # by which a bound may be passed
    assert limit_bytes < largest < 2 * limit_bytes + one_turn_bytes
    assert worker.metric("braid_windows_sealed_for_memory_total") == 0
    assert worker.stop() == 0, worker.output


async def test_when_nothing_else_helps_the_oldest_windows_are_sealed_and_say_so(start_worker, scripted, send, finals):
    source = scripted("cam", time.time_ns() // 10**6 - 30_000, 30)
    await send([source])
    worker = start_worker(limits=LimitSettings(max_held_bytes=100_000))
    found = await finals(source)
    assert {detection.sealed_by for detection in found.values()} >= {"memory"}
    assert worker.metric("braid_windows_sealed_for_memory_total") > 0
    assert worker.stop() == 0, worker.output


async def test_a_source_too_many_goes_to_the_dead_letters_where_unknown_ones_are_refused(
    start_worker, scripted, send, assert_exact, dead_letters
):
    start_ms = time.time_ns() // 10**6 - 20_000
    sources = {source.source_id: source for source in (scripted(f"cam-{k}", start_ms, 10) for k in range(2))}
    await send(sources.values())
    worker = start_worker(limits=LimitSettings(max_sources=1, unknown_sources="dead_letter"))
    letters = await dead_letters(len(next(iter(sources.values())).records))
    [refused] = {letter.key.decode() for letter in letters}
    assert {dict(letter.headers)["braid_error_code"] for letter in letters} == {b"source.limit"}
    [taken] = sources.keys() - {refused}
    await assert_exact(sources[taken])
    assert worker.stop() == 0, worker.output

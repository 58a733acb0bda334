"""Nothing in Redis grows without bound: lifetimes and sweeps, by the real server's clock."""

import asyncio
import time

from streams.store import Put

HOUR_MS = 3_600_000


async def until(condition, deadline_s=10.0):
    end = time.monotonic() + deadline_s
    while not await condition():
        assert time.monotonic() < end, "condition not met in time"
        await asyncio.sleep(0.02)


async def test_every_key_of_a_detection_lives_as_long_as_it(store, make_detection, raw, key_prefix):
    fence = await store.take_token("braid", 0)
    await store.put(make_detection(), fence)
    for name in ("detection:0/4000", "timeline", "expiry"):
        assert HOUR_MS - 60_000 < await raw.pttl(f"{key_prefix}{{dock-1}}:{name}") <= HOUR_MS


async def test_final_through_outlives_the_detections_tenfold_and_is_renewed(store, make_detection, raw, key_prefix):
    fence = await store.take_token("braid", 0)
    key = f"{key_prefix}{{dock-1}}:final_through_ms"
    for start_ms in (0, 4000):
        await store.put(make_detection(start_ms), fence)
        await raw.pexpire(key, 5000)
        await store.finalise(f"dock-1/{start_ms}/4000", "watermark", fence)
        assert await raw.pttl(key) > 10 * HOUR_MS


async def test_a_revision_renews_the_lifetime_and_finalising_does_not_end_it(store, make_detection, raw, key_prefix):
    fence = await store.take_token("braid", 0)
    key = f"{key_prefix}{{dock-1}}:detection:0/4000"
    await store.put(make_detection(), fence)
    await raw.pexpire(key, 5000)
    await store.put(make_detection(items=("a", "b"), video_items=2), fence)
    assert await raw.pttl(key) > HOUR_MS - 60_000
    await store.finalise("dock-1/0/4000", "watermark", fence)
    assert await raw.pttl(key) > HOUR_MS - 60_000


async def test_a_source_that_vanishes_leaves_nothing_but_how_far_it_was_final(
    redis_server, open_store, make_detection, raw, key_prefix
):
    async with open_store(redis_server, retention_s=1) as store:
        fence = await store.take_token("braid", 0)
        await store.put_many([Put(make_detection(1000 * index), fence) for index in range(30)])
        await store.finalise("dock-1/29000/4000", "watermark", fence)

        async def swept():
            return [key async for key in raw.scan_iter(f"{key_prefix}{{dock-1}}:*")] == [
                f"{key_prefix}{{dock-1}}:final_through_ms".encode()
            ]

        await until(swept)
        assert await store.final_through_ms(["dock-1"]) == {"dock-1": 33_000}


async def test_each_put_sweeps_at_most_sixteen_expired_windows_and_no_living_one(
    redis_server, open_store, make_detection, raw, key_prefix
):
    timeline = f"{key_prefix}{{dock-1}}:timeline"
    async with open_store(redis_server, retention_s=1) as brief, open_store(redis_server) as lasting:
        fence = await lasting.take_token("braid", 0)
        await lasting.put(make_detection(-1000), fence)
        await brief.put_many([Put(make_detection(1000 * index), fence) for index in range(20)])

        async def expired():
            return [d.start_ms for d in await lasting.list_detections("dock-1")] == [-1000]

        await until(expired)
        sizes = [await raw.zcard(timeline)]
        for index in (100, 101):
            await lasting.put(make_detection(1000 * index), fence)
            sizes.append(await raw.zcard(timeline))
        assert sizes == [21, 21 + 1 - 16, 3]
        assert await raw.zcard(f"{key_prefix}{{dock-1}}:expiry") == 3
        assert [d.start_ms for d in await lasting.list_detections("dock-1")] == [-1000, 100_000, 101_000]


async def test_a_shorter_retention_does_not_cut_the_timeline_of_what_lives_longer(
    redis_server, open_store, make_detection, raw, key_prefix
):
    async with open_store(redis_server, retention_s=1) as brief, open_store(redis_server) as lasting:
        fence = await lasting.take_token("braid", 0)
        await lasting.put(make_detection(0), fence)
        await brief.put(make_detection(4000), fence)
        assert await raw.pttl(f"{key_prefix}{{dock-1}}:timeline") > HOUR_MS - 60_000


async def test_the_index_of_sources_forgets_sixteen_vanished_ones_per_put(store, make_detection, raw, key_prefix):
    fence = await store.take_token("braid", 0)
    await raw.zadd(f"{key_prefix}sources", {f"gone-{index}": index for index in range(20)})
    await store.put(make_detection(), fence)
    assert len(await store.sources()) == 1 + 4
    await store.put(make_detection(4000), fence)
    assert list(await store.sources()) == ["dock-1"]

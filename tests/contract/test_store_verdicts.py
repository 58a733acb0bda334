"""What people say of stored windows, on a real Redis."""

import asyncio
import time

import pytest

from streams.errors import ConfigurationError, ContractBroken
from streams.store import Verdict

HOUR_MS = 3_600_000
CRASH = Verdict(classes=("crash",), asked=("crash", "alarm"), author="night-shift", at_ms=5)
NOTHING = Verdict(classes=(), asked=("crash", "alarm"), at_ms=6)


async def until(condition, deadline_s=10.0):
    end = time.monotonic() + deadline_s
    while not await condition():
        assert time.monotonic() < end, "condition not met in time"
        await asyncio.sleep(0.02)


@pytest.fixture
async def stored(store, make_detection):
    """Two windows of one source and one of another."""
    fence = await store.take_token("braid", 0)
    made = [make_detection(0), make_detection(4000), make_detection(0, source_id="lobby-2")]
    for detection in made:
        await store.put(detection, fence)
    return [detection.id for detection in made]


async def test_a_verdict_is_read_as_it_was_given_in_order_of_start(store, stored):
    first, second, other = stored
    assert await store.verdicts.keep(second, NOTHING)
    assert await store.verdicts.keep(first, CRASH)
    assert await store.verdicts.keep(other, CRASH)
    assert list((await store.verdicts.of_source("dock-1")).items()) == [(first, CRASH), (second, NOTHING)]
    assert await store.verdicts.of_source("lobby-2") == {other: CRASH}
    assert await store.verdicts.sources() == ["dock-1", "lobby-2"]


async def test_the_last_verdict_takes_the_place_of_the_one_before(store, stored):
    await store.verdicts.keep(stored[0], CRASH)
    await store.verdicts.keep(stored[0], NOTHING)
    assert await store.verdicts.of_source("dock-1") == {stored[0]: NOTHING}


async def test_a_verdict_is_taken_back_once(store, stored):
    await store.verdicts.keep(stored[0], CRASH)
    assert await store.verdicts.remove(stored[0])
    assert not await store.verdicts.remove(stored[0])
    assert await store.verdicts.of_source("dock-1") == {}


async def test_a_window_that_is_not_stored_takes_no_verdict_and_nothing_is_left(store, stored, raw, key_prefix):
    assert not await store.verdicts.keep("dock-1/8000/4000", CRASH)
    assert await store.verdicts.of_source("dock-1") == {}
    assert [key async for key in raw.scan_iter(f"{key_prefix}*verdict*")] == []
    with pytest.raises(ConfigurationError, match="SOURCE/START_MS/SIZE_MS"):
        await store.verdicts.keep("dock-1", CRASH)


async def test_a_verdict_outlives_its_window_and_may_be_changed_even_then(
    redis_server, open_store, make_detection, store
):
    async with open_store(redis_server, retention_s=1) as brief:
        fence = await brief.take_token("braid", 0)
        await brief.put(make_detection(0), fence)
        assert await brief.verdicts.keep("dock-1/0/4000", CRASH)

        async def expired():
            return await brief.get("dock-1/0/4000") is None

        await until(expired)
        assert await brief.verdicts.of_source("dock-1") == {"dock-1/0/4000": CRASH}
        assert await brief.verdicts.keep("dock-1/0/4000", NOTHING)
    assert await store.verdicts.of_source("dock-1") == {"dock-1/0/4000": NOTHING}


async def test_keys_of_verdicts_live_as_long_as_the_longest_lived_one(
    redis_server, open_store, store, stored, raw, key_prefix
):
    await store.verdicts.keep(stored[0], CRASH)
    async with open_store(redis_server, verdicts_s=1) as brief:
        await brief.verdicts.keep(stored[1], CRASH)
    for name in ("{dock-1}:verdicts", "{dock-1}:verdict_expiry", "judged"):
        assert 2 * HOUR_MS - 60_000 < await raw.pttl(f"{key_prefix}{name}") <= 2 * HOUR_MS


async def test_an_expired_verdict_is_passed_over_swept_by_the_next_and_no_reason_to_take_another(
    redis_server, open_store, store, stored, raw, key_prefix
):
    first, second, _ = stored
    async with open_store(redis_server, verdicts_s=1) as brief:
        await brief.verdicts.keep(first, CRASH)
    await store.verdicts.keep(second, CRASH)

    async def expired():
        return list(await store.verdicts.of_source("dock-1")) == [second]

    await until(expired)
    await raw.delete(f"{key_prefix}{{dock-1}}:detection:0/4000")
    assert not await store.verdicts.keep(first, CRASH)
    assert await raw.hlen(f"{key_prefix}{{dock-1}}:verdicts") == 2
    await store.verdicts.keep(second, NOTHING)
    assert await raw.hkeys(f"{key_prefix}{{dock-1}}:verdicts") == [b"4000/4000"]
    assert await raw.zcard(f"{key_prefix}{{dock-1}}:verdict_expiry") == 1


async def test_what_is_no_verdict_is_refused_by_its_key(store, stored, raw, key_prefix):
    await store.verdicts.keep(stored[0], CRASH)
    key = f"{key_prefix}{{dock-1}}:verdicts"
    await raw.hset(key, "0/4000", b'{"classes": ["smoke"], "asked": [], "at_ms": 1}')
    with pytest.raises(ContractBroken, match="smoke") as refused:
        await store.verdicts.of_source("dock-1")
    assert key in str(refused.value)

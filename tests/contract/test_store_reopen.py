"""What reopen promises, on a real Redis: a final answer is revised, stays final, and never holds less."""

import asyncio

import pytest

from streams.errors import ContractBroken
from streams.store import Status

COUNTERS = ("video_items", "audio_items", "audio_samples", "audio_covered_ms", "transcript_items")


@pytest.fixture
async def fence(store):
    return await store.take_token("braid", 0)


@pytest.fixture
async def final(store, fence, make_detection):
    """A final answer with room to grow and to shrink in every counter."""
    await store.put(make_detection(**dict.fromkeys(COUNTERS, 10)), fence)
    return (await store.finalise("dock-1/0/4000", "vanished", fence)).detection


@pytest.fixture
def more(make_detection):
    """The same window with another item."""

    def make(name: str = "frame-2", **counters):
        grown = dict.fromkeys(COUNTERS, 10) | {"video_items": 11} | counters
        return make_detection(items=("frame-1", name), **grown)

    return make


async def test_a_final_answer_gets_a_revision_and_stays_final_for_the_same_reason(store, final, more):
    answer = await store.reopen(more(transcript='"Hé"'), final.digest)
    assert answer.status is Status.STORED
    told = {"revision": 1, "final": True, "sealed_by": "vanished", "stored_ms": answer.detection.stored_ms}
    assert answer.detection == more(transcript='"Hé"').model_copy(update=told)
    assert answer.detection.stored_ms > final.stored_ms
    assert await store.get(final.id) == answer.detection


async def test_a_second_time_is_a_no_op_whatever_it_was_made_from(store, final, more):
    first = await store.reopen(more(), final.digest)
    for made_from in (final.digest, first.detection.digest, None):
        again = await store.reopen(more(), made_from)
        assert (again.status, again.detection) == (Status.SAME, first.detection)


@pytest.mark.parametrize("counter", COUNTERS)
async def test_what_covers_less_in_any_counter_is_refused(store, final, more, counter):
    answer = await store.reopen(more(**{counter: 9}), final.digest)
    assert (answer.status, answer.detection) == (Status.SMALLER, final)
    assert await store.get(final.id) == final


async def test_of_two_replays_at_once_the_second_must_start_from_the_firsts_answer(store, final, more):
    answers = await asyncio.gather(*(store.reopen(more(name), final.digest) for name in ("a", "b")))
    assert [answer.status for answer in answers] == [Status.STORED, Status.CHANGED]
    assert answers[1].detection == answers[0].detection == await store.get(final.id)


async def test_an_answer_that_is_not_final_is_its_workers(store, fence, make_detection, more):
    put = await store.put(make_detection(), fence)
    answer = await store.reopen(more(), put.detection.digest)
    assert (answer.status, answer.detection) == (Status.OPEN, put.detection)
    assert await store.get(put.detection.id) == put.detection


async def test_a_window_that_never_held_anything_is_answered_once_it_is_final(store, fence, make_detection):
    first, second = make_detection(0), make_detection(2000)
    assert (await store.reopen(first, None)).status is Status.OPEN
    await store.put(second, fence)
    await store.finalise(second.id, "watermark", fence)
    answer = await store.reopen(first, None)
    assert answer.status is Status.STORED
    assert (answer.detection.revision, answer.detection.final, answer.detection.sealed_by) == (0, True, "watermark")
    assert (await store.reopen(make_detection(4000), None)).status is Status.OPEN
    assert [stored.start_ms for stored in await store.list_detections("dock-1")] == [0, 2000]


async def test_an_answer_that_expired_meanwhile_is_not_written_again(store, final, more, raw, key_prefix):
    await raw.delete(f"{key_prefix}{{dock-1}}:detection:0/4000")
    answer = await store.reopen(more(), final.digest)
    assert (answer.status, answer.detection) == (Status.CHANGED, None)
    assert await store.get(final.id) is None


async def test_finality_is_where_it_was_for_workers(store, fence, final, more, make_detection):
    revised = (await store.reopen(more(), final.digest)).detection
    again = await store.put(make_detection(items=("frame-1", "other"), **dict.fromkeys(COUNTERS, 20)), fence)
    assert (again.status, again.detection) == (Status.FINAL, revised)
    assert (await store.finalise(final.id, "memory", fence)).detection == revised
    assert await store.final_through_ms(["dock-1"]) == {"dock-1": 4000}


async def test_the_revision_lives_as_long_as_any_and_stays_in_the_indexes(store, final, more, raw, key_prefix):
    base = f"{key_prefix}{{dock-1}}"
    for key in ("detection:0/4000", "timeline", "expiry"):
        await raw.pexpire(f"{base}:{key}", 1_000)
    before = await raw.zscore(f"{base}:expiry", "0/4000")
    await store.reopen(more(), final.digest)
    assert await raw.zscore(f"{base}:expiry", "0/4000") >= before
    assert await raw.zscore(f"{base}:timeline", "0/4000") == 0
    for key in ("detection:0/4000", "timeline", "expiry"):
        assert await raw.pttl(f"{base}:{key}") > 3_500_000
    assert "dock-1" in await store.sources()


async def test_a_detection_under_a_wrong_id_is_not_sent(store, more):
    with pytest.raises(ContractBroken, match="dock-1/0/5000"):
        await store.reopen(more().model_copy(update={"id": "dock-1/0/5000"}), None)

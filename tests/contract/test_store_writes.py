"""What put and finalise promise, on a real Redis."""

import asyncio

import pytest

from streams.errors import ContractBroken
from streams.store import Fence, Finalise, Put, Status

COUNTERS = ("video_items", "audio_items", "audio_samples", "audio_covered_ms", "transcript_items")


@pytest.fixture
async def fence(store):
    return await store.take_token("braid", 0)


async def test_the_first_put_is_revision_0_and_reads_back_as_answered(store, fence, make_detection):
    detection = make_detection(
        probabilities={"person": 0.1 + 0.2}, embedding=(1 / 3, -1e-300), transcript='Grüße ☂ "x"'
    )
    answer = await store.put(detection, fence)
    assert answer.status is Status.STORED
    assert answer.detection == detection.model_copy(update={"revision": 0, "stored_ms": 1_700_000_000_000})
    assert await store.get(detection.id) == answer.detection


async def test_a_put_with_more_items_is_the_next_revision(store, fence, make_detection):
    await store.put(make_detection(), fence)
    answer = await store.put(make_detection(items=("frame-1", "frame-2"), video_items=2), fence)
    assert (answer.status, answer.detection.revision) == (Status.STORED, 1)
    assert (await store.get(answer.detection.id)).coverage.video.items == 2


async def test_the_same_digest_writes_nothing_and_answers_with_what_is_stored(store, fence, make_detection):
    first = await store.put(make_detection(event="person", probabilities={"person": 0.7}), fence)
    again = await store.put(make_detection(event="person", probabilities={"person": 0.7000001}), fence)
    assert again.status is Status.SAME
    assert again.detection == first.detection == await store.get(first.detection.id)


async def test_the_same_items_are_a_revision_once_more_of_them_are_known_to_be_in_the_dead_letters(
    store, fence, make_detection
):
    def knowing(*offsets):
        ranges = [{"topic": "v", "partition": 0, "first_offset": offset, "last_offset": offset} for offset in offsets]
        return make_detection(dead_letters=ranges)

    statuses = [(await store.put(knowing(*offsets), fence)).status for offsets in ((), (5,), (), (5,), (5, 9), (9,))]
    assert statuses == [Status.STORED, Status.STORED, Status.SAME, Status.SAME, Status.STORED, Status.SAME]
    stored = await store.get("dock-1/0/4000")
    assert (stored.revision, [listed.first_offset for listed in stored.dead_letters]) == (2, [5, 9])


@pytest.mark.parametrize("counter", COUNTERS)
async def test_a_put_that_covers_less_in_any_counter_is_refused(store, fence, make_detection, counter):
    whole = dict.fromkeys(COUNTERS, 10)
    first = await store.put(make_detection(**whole), fence)
    grown_elsewhere = dict.fromkeys(COUNTERS, 11) | {counter: 9}
    answer = await store.put(make_detection(items=("other",), **grown_elsewhere), fence)
    assert answer.status is Status.SMALLER
    assert answer.detection == first.detection == await store.get(first.detection.id)


@pytest.mark.parametrize("counter", COUNTERS)
async def test_counters_are_compared_as_numbers(store, fence, make_detection, counter):
    await store.put(make_detection(**{counter: 9}), fence)
    answer = await store.put(make_detection(items=("other",), **{counter: 10}), fence)
    assert answer.status is Status.STORED


async def test_other_items_with_equal_coverage_are_a_revision(store, fence, make_detection):
    await store.put(make_detection(items=("a",)), fence)
    assert (await store.put(make_detection(items=("b",)), fence)).status is Status.STORED


async def test_a_final_answer_is_not_revised(store, fence, make_detection):
    await store.put(make_detection(), fence)
    final = await store.finalise("dock-1/0/4000", "watermark", fence)
    for items in (("frame-1",), ("frame-1", "frame-2")):
        answer = await store.put(make_detection(items=items, video_items=len(items)), fence)
        assert answer.status is Status.FINAL
        assert answer.detection == final.detection


async def test_final_and_sealed_by_stand_in_the_json_and_everything_else_stays(store, fence, make_detection):
    await store.put(make_detection(), fence)
    put = await store.put(make_detection(items=("a", "b"), video_items=2, transcript="hello"), fence)
    final = await store.finalise(put.detection.id, "vanished", fence)
    assert final.status is Status.FINAL
    assert final.detection == put.detection.model_copy(update={"final": True, "sealed_by": "vanished"})
    assert await store.get(put.detection.id) == final.detection


async def test_finalise_is_idempotent_and_keeps_the_first_reason(store, fence, make_detection):
    await store.put(make_detection(), fence)
    first = await store.finalise("dock-1/0/4000", "vanished", fence)
    assert await store.finalise("dock-1/0/4000", "memory", fence) == first


async def test_what_the_caller_says_about_finality_and_revision_is_ignored(store, fence, make_detection):
    boast = make_detection(revision=7, final=True, sealed_by="memory", stored_ms=1)
    stored = (await store.put(boast, fence)).detection
    assert (stored.revision, stored.final, stored.sealed_by, stored.stored_ms) == (0, False, None, 1_700_000_000_000)


async def test_finalise_of_nothing_is_absent_and_moves_nothing(store, fence):
    answer = await store.finalise("dock-1/0/4000", "watermark", fence)
    assert (answer.status, answer.detection) == (Status.ABSENT, None)
    assert await store.final_through_ms(["dock-1"]) == {}


async def test_final_through_is_the_end_of_the_last_final_window_and_never_goes_back(store, fence, make_detection):
    for start_ms in (0, 2000, 4000):
        await store.put(make_detection(start_ms), fence)
    through = []
    for start_ms in (2000, 0, 4000, 2000):
        await store.finalise(f"dock-1/{start_ms}/4000", "watermark", fence)
        through.append((await store.final_through_ms(["dock-1"]))["dock-1"])
    assert through == [6000, 6000, 8000, 8000]


async def test_final_through_of_a_source_leaves_others_alone(store, fence, make_detection):
    await store.put(make_detection(source_id="a"), fence)
    await store.put(make_detection(source_id="b"), fence)
    await store.finalise("a/0/4000", "watermark", fence)
    assert await store.final_through_ms(["b", "a", "c"]) == {"a": 4000}
    assert await store.final_through_ms([]) == {}


async def test_a_batch_is_answered_one_by_one_in_order(store, fence, make_detection):
    puts = [
        make_detection(0, items=("a",)),
        make_detection(0, items=("a",)),
        make_detection(0, items=("b",), video_items=0),
        make_detection(2000),
        make_detection(0, items=("a", "b"), video_items=2),
    ]
    answers = await store.put_many([Put(detection, fence) for detection in puts])
    assert [answer.status for answer in answers] == ["stored", "same", "smaller", "stored", "stored"]
    assert [answer.detection.revision for answer in answers] == [0, 0, 0, 0, 1]
    ids = ["dock-1/0/4000", "dock-1/9/4000", "dock-1/2000/4000"]
    finals = await store.finalise_many([Finalise(detection_id, "watermark", fence) for detection_id in ids])
    assert [answer.status for answer in finals] == ["final", "absent", "final"]


async def test_an_empty_batch_is_answered_by_nothing(store):
    assert await store.put_many([]) == []
    assert await store.finalise_many([]) == []


async def test_a_detection_under_a_wrong_id_is_not_sent(store, fence, make_detection):
    wrong = make_detection().model_copy(update={"id": "dock-1/0/5000"})
    with pytest.raises(ContractBroken, match=r"'dock-1/0/5000'.*expected 'dock-1/0/4000'"):
        await store.put(wrong, fence)


async def test_a_newer_token_fences_the_older_one_in_every_script(store, fence, make_detection):
    await store.put(make_detection(), fence)
    newer = await store.take_token("braid", 0)
    assert newer.token > fence.token
    for answer in (
        await store.put(make_detection(items=("x", "y"), video_items=2), fence),
        await store.put(make_detection(2000), fence),
        await store.finalise("dock-1/0/4000", "watermark", fence),
    ):
        assert (answer.status, answer.detection) == (Status.FENCED, None)
    assert await store.get("dock-1/2000/4000") is None
    assert not (await store.get("dock-1/0/4000")).final
    assert (await store.put(make_detection(2000), newer)).status is Status.STORED


async def test_tokens_of_other_partitions_and_groups_do_not_fence(store, fence, make_detection):
    await store.take_token("braid", 1)
    await store.take_token("other", 0)
    assert (await store.put(make_detection(), fence)).status is Status.STORED


async def test_a_token_that_the_store_does_not_know_is_fenced(store, fence, make_detection, raw, key_prefix):
    ahead = Fence("braid", 0, fence.token + 1)
    assert (await store.put(make_detection(), ahead)).status is Status.FENCED
    await raw.delete(f"{key_prefix}{{braid/0}}:fence")
    assert (await store.put(make_detection(), fence)).status is Status.FENCED


async def test_a_token_given_out_before_the_store_lost_its_state_is_not_given_out_again(store, fence, raw, key_prefix):
    await raw.delete(f"{key_prefix}{{braid/0}}:fence")
    assert (await store.take_token("braid", 0)).token > fence.token


async def test_tokens_grow_also_while_the_servers_clock_stands_still_or_goes_back(store, raw, key_prefix):
    await raw.hset(f"{key_prefix}{{braid/0}}:fence", "token", 4_000_000_000_000)
    assert [(await store.take_token("braid", 0)).token - 4_000_000_000_000 for _ in range(3)] == [1, 2, 3]


async def test_once_the_new_owner_has_its_token_nothing_of_the_old_one_gets_in(
    redis_server, open_store, store, make_detection
):
    async with open_store(redis_server) as new_owner:
        for take in range(10):
            old = await store.take_token("braid", 0)
            puts = [Put(make_detection(1000 * index, source_id=f"s-{take}"), old) for index in range(200)]
            answers, _ = await asyncio.gather(store.put_many(puts), new_owner.take_token("braid", 0))
            statuses = [answer.status for answer in answers]
            accepted = statuses.count(Status.STORED)
            assert statuses == [Status.STORED] * accepted + [Status.FENCED] * (200 - accepted)
            assert len(await store.list_detections(f"s-{take}", limit=1000)) == accepted


async def test_two_writers_of_one_window_number_its_revisions_without_gaps(
    redis_server, open_store, store, fence, make_detection
):
    async with open_store(redis_server) as other:
        answers = await asyncio.gather(
            *(
                [store, other][index % 2].put(make_detection(items=tuple(map(str, range(index)))), fence)
                for index in range(40)
            )
        )
    assert {answer.status for answer in answers} == {Status.STORED}
    assert sorted(answer.detection.revision for answer in answers) == list(range(40))

"""A store that lost writes, or everything, is found out before anything is built upon it."""

import pytest

from streams.store import Fence, MoveStatus, Position, Status


@pytest.fixture
async def fence(store):
    return await store.take_token("braid", 0)


@pytest.fixture
def fence_key(key_prefix):
    return f"{key_prefix}{{braid/0}}:fence"


async def each_write(store, fence, make_detection):
    """One write of every kind that a fence guards; what each answered."""
    return [
        (await store.put(make_detection(6000), fence)).status,
        (await store.finalise("dock-1/0/4000", "watermark", fence)).status,
        await store.move_position(fence, None, Position(next_offsets={"braid.video": 1})),
    ]


async def test_every_write_is_counted_under_its_fence_and_a_no_op_is_not(store, fence, make_detection):
    counted = []
    for detection in (make_detection(), make_detection(), make_detection(items=("a", "b"), video_items=2)):
        await store.put(detection, fence)
        counted.append(fence.writes)
    assert counted == [1, 1, 2]
    await each_write(store, fence, make_detection)
    assert fence.writes == 5


async def test_a_store_that_lost_an_acknowledged_write_takes_no_further_one(
    store, fence, make_detection, raw, fence_key
):
    await store.put(make_detection(), fence)
    before = await raw.hgetall(fence_key)
    await store.put(make_detection(2000), fence)
    await raw.hset(fence_key, mapping=before)  # as a restart with a file that ends between the two leaves it
    fenced = [Status.FENCED, Status.FENCED, MoveStatus.FENCED]
    assert await each_write(store, fence, make_detection) == fenced
    assert await store.is_in_force([fence]) == [False]


async def test_a_write_that_was_never_acknowledged_may_be_lost(store, fence, make_detection, raw, fence_key):
    await store.put(make_detection(), fence)
    slow = Fence(fence.group, fence.partition, fence.token, fence.writes)
    before = await raw.hgetall(fence_key)
    await store.put(make_detection(2000), fence)
    await raw.hset(fence_key, mapping=before)
    assert (await store.put(make_detection(2000), slow)).status is Status.SAME
    assert await store.is_in_force([slow]) == [True]


async def test_a_fence_is_in_force_until_a_newer_one_is_taken(store, fence):
    other = await store.take_token("braid", 1)
    assert await store.is_in_force([fence, other]) == [True, True]
    newer = await store.take_token("braid", 0)
    assert await store.is_in_force([fence, other, newer]) == [False, True, True]


async def test_an_emptied_store_knows_no_fence(store, fence, raw, fence_key, make_detection):
    await raw.delete(fence_key)
    fenced = [Status.FENCED, Status.FENCED, MoveStatus.FENCED]
    assert await each_write(store, fence, make_detection) == fenced


async def test_a_new_store_has_no_mark_until_a_generation_begins(store):
    assert await store.read_generation() is None
    assert await store.begin_generation("braid", {})
    mark = await store.read_generation()
    assert mark
    assert not await store.begin_generation("braid", {0: {"braid.video": 7}})
    assert await store.read_generation() == mark
    assert await store.read_position("braid", 0) is None


async def test_a_generation_begins_where_it_is_told_to(store, fence):
    await store.move_position(fence, None, Position(next_offsets={"braid.video": 50}, watermarks={"a": {"video": 1}}))
    await store.begin_generation("braid", {0: {}, 1: {"braid.video": 7, "braid.audio": 3}})
    assert await store.read_position("braid", 0) is None
    assert await store.read_position("braid", 1) == Position(next_offsets={"braid.video": 7, "braid.audio": 3})

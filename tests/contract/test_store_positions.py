"""A partition number's position: compare-and-set under a fence, on a real Redis."""

import asyncio

import pytest

from processors.modality import Modality
from streams.errors import ContractBroken
from streams.store import MoveStatus, Position

FIRST = Position(next_offsets={"braid.video": 10, "braid.audio": 4})
SECOND = Position(
    next_offsets={"braid.video": 12, "braid.audio": 5, "braid.transcript": 0},
    watermarks={"dock-1": {"video": 1_700_000_000_000, "audio": -1}, "dock-2": {"video": 7}},
)


async def move(store, fence, expected, new, **more):
    return await store.move_position(fence, expected.next_offsets if expected else None, new, **more)


async def test_a_position_reads_back_as_moved(store):
    fence = await store.take_token("braid", 3)
    assert await store.read_position("braid", 3) is None
    assert await move(store, fence, None, FIRST) is MoveStatus.MOVED
    assert await move(store, fence, FIRST, SECOND) is MoveStatus.MOVED
    assert await store.read_position("braid", 3) == SECOND
    assert await store.read_position("braid", 2) is None


async def test_watermarks_that_did_not_change_stay_and_forgotten_ones_go(store):
    fence = await store.take_token("braid", 0)
    await move(store, fence, None, SECOND)
    third = Position(next_offsets={"braid.video": 20}, watermarks={"dock-1": {"video": 9}})
    await move(store, fence, SECOND, third)
    kept = {"dock-1": {Modality.VIDEO: 9}, "dock-2": {Modality.VIDEO: 7}}
    assert (await store.read_position("braid", 0)).watermarks == kept
    await move(store, fence, third, Position(next_offsets={"braid.video": 21}), forgotten=["dock-1", "unknown"])
    assert (await store.read_position("braid", 0)).watermarks == {"dock-2": {Modality.VIDEO: 7}}


@pytest.mark.parametrize(("stored", "expected"), [(None, FIRST), (FIRST, None), (FIRST, SECOND)])
async def test_a_move_from_anything_else_than_what_is_stored_is_a_conflict(store, stored, expected):
    fence = await store.take_token("braid", 0)
    if stored:
        await move(store, fence, None, stored)
    third = Position(next_offsets={"braid.video": 99})
    assert await move(store, fence, expected, third) is MoveStatus.CONFLICT
    assert await store.read_position("braid", 0) == stored


async def test_a_move_that_is_sent_twice_has_moved(store):
    fence = await store.take_token("braid", 0)
    for _ in range(2):
        assert await move(store, fence, None, FIRST) is MoveStatus.MOVED


async def test_the_order_in_which_a_position_was_put_together_does_not_matter(store):
    fence = await store.take_token("braid", 0)
    await move(store, fence, None, FIRST)
    same = Position(next_offsets={"braid.audio": 4, "braid.video": 10})
    assert await move(store, fence, same, SECOND) is MoveStatus.MOVED


async def test_an_older_token_moves_nothing(store):
    old = await store.take_token("braid", 0)
    new = await store.take_token("braid", 0)
    assert await move(store, old, None, FIRST) is MoveStatus.FENCED
    assert await store.read_position("braid", 0) is None
    assert await move(store, new, None, FIRST) is MoveStatus.MOVED


async def test_of_many_moves_from_one_position_one_succeeds(store):
    fence = await store.take_token("braid", 0)
    moves = [Position(next_offsets={"braid.video": index}) for index in range(20)]
    statuses = await asyncio.gather(*(move(store, fence, None, each) for each in moves))
    assert sorted(statuses) == ["conflict"] * 19 + ["moved"]
    assert await store.read_position("braid", 0) == moves[statuses.index(MoveStatus.MOVED)]


@pytest.mark.parametrize(
    "stored", [{"version": "1"}, {"next_offsets": "{}"}, {"version": "2", "next_offsets": '{"a":-1}'}]
)
async def test_a_position_of_another_version_is_said_and_not_guessed(store, raw, key_prefix, stored):
    await raw.hset(f"{key_prefix}{{braid/0}}:position", mapping=stored)
    with pytest.raises(ContractBroken, match="position of version 2"):
        await store.read_position("braid", 0)

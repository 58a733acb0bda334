"""A partition number's position: compare-and-set under a fence, on a real Redis."""

import asyncio

import pytest

from streams.errors import ContractBroken
from streams.store import MoveStatus, Position

FIRST = Position(next_offsets={"braid.video": 10, "braid.audio": 4})
SECOND = Position(
    next_offsets={"braid.video": 12, "braid.audio": 5, "braid.transcript": 0},
    watermarks={"dock-1": {"video": 1_700_000_000_000, "audio": -1}},
)


async def test_a_position_reads_back_as_moved(store):
    fence = await store.take_token("braid", 3)
    assert await store.read_position("braid", 3) is None
    assert await store.move_position(fence, None, FIRST) is MoveStatus.MOVED
    assert await store.move_position(fence, FIRST, SECOND) is MoveStatus.MOVED
    assert await store.read_position("braid", 3) == SECOND
    assert await store.read_position("braid", 2) is None


@pytest.mark.parametrize(("stored", "expected"), [(None, FIRST), (FIRST, None), (FIRST, SECOND)])
async def test_a_move_from_anything_else_than_what_is_stored_is_a_conflict(store, stored, expected):
    fence = await store.take_token("braid", 0)
    if stored:
        await store.move_position(fence, None, stored)
    third = Position(next_offsets={"braid.video": 99})
    assert await store.move_position(fence, expected, third) is MoveStatus.CONFLICT
    assert await store.read_position("braid", 0) == stored


async def test_a_move_that_is_sent_twice_has_moved(store):
    fence = await store.take_token("braid", 0)
    for _ in range(2):
        assert await store.move_position(fence, None, FIRST) is MoveStatus.MOVED


async def test_the_order_in_which_a_position_was_put_together_does_not_matter(store):
    fence = await store.take_token("braid", 0)
    await store.move_position(fence, None, FIRST)
    same = Position(next_offsets={"braid.audio": 4, "braid.video": 10})
    assert await store.move_position(fence, same, SECOND) is MoveStatus.MOVED


async def test_an_older_token_moves_nothing(store):
    old = await store.take_token("braid", 0)
    new = await store.take_token("braid", 0)
    assert await store.move_position(old, None, FIRST) is MoveStatus.FENCED
    assert await store.read_position("braid", 0) is None
    assert await store.move_position(new, None, FIRST) is MoveStatus.MOVED


async def test_of_many_moves_from_one_position_one_succeeds(store):
    fence = await store.take_token("braid", 0)
    moves = [Position(next_offsets={"braid.video": index}) for index in range(20)]
    statuses = await asyncio.gather(*(store.move_position(fence, None, move) for move in moves))
    assert sorted(statuses) == ["conflict"] * 19 + ["moved"]
    assert await store.read_position("braid", 0) == moves[statuses.index(MoveStatus.MOVED)]


async def test_a_position_of_another_version_is_said_and_not_guessed(store, raw, key_prefix):
    await raw.set(f"{key_prefix}{{braid/0}}:position", b'{"version":2}')
    with pytest.raises(ContractBroken, match="position of version 1"):
        await store.read_position("braid", 0)

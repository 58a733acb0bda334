"""The budget of bytes."""

import asyncio

import pytest

from streams.worker.budget import ByteBudget, ByteLedger


async def test_below_the_limit_there_is_room():
    budget = ByteBudget(100, 1000)
    budget.change(undecoded_bytes=99)
    async with asyncio.timeout(1):
        await budget.has_room()


async def test_at_the_limit_whoever_takes_more_waits_until_some_is_given_back():
    budget = ByteBudget(100, 1000)
    budget.change(undecoded_bytes=150)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await budget.has_room()
    budget.change(undecoded_bytes=-51)
    async with asyncio.timeout(1):
        await budget.has_room()


def test_what_windows_hold_makes_it_full_and_twice_as_much_overfull():
    budget, states = ByteBudget(100, 1000), []
    for held_bytes in (999, 1, 999, 1):
        budget.change(held_bytes=held_bytes)
        states.append((budget.is_full, budget.is_overfull))
    assert states == [(False, False), (True, False), (True, False), (True, True)]


async def test_a_ledger_that_is_closed_gives_back_all_that_it_took_and_no_more():
    budget = ByteBudget(100, 1000)
    mine, other = ByteLedger(budget), ByteLedger(budget)
    other.change(undecoded_bytes=60, held_bytes=600)
    mine.change(undecoded_bytes=90, held_bytes=900)
    mine.change(undecoded_bytes=-10)
    assert budget.is_full
    mine.close()
    assert not budget.is_full
    async with asyncio.timeout(1):
        await budget.has_room()
    other.change(held_bytes=400)
    assert budget.is_full

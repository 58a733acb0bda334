"""The budget of undecoded bytes."""

import asyncio

import pytest

from streams.worker.budget import ByteBudget


async def test_below_the_limit_there_is_room():
    budget = ByteBudget(100)
    budget.take(99)
    async with asyncio.timeout(1):
        await budget.has_room()


async def test_at_the_limit_whoever_takes_more_waits_until_some_is_given_back():
    budget = ByteBudget(100)
    budget.take(150)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await budget.has_room()
    budget.give_back(51)
    async with asyncio.timeout(1):
        await budget.has_room()

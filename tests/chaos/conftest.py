"""One stack for all short forms; each scenario has its own topics, group, workers and Redis database in it."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.chaos.stack import ChaosStack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chaos_stack() -> AsyncIterator[ChaosStack]:
    async with ChaosStack() as stack:
        yield stack

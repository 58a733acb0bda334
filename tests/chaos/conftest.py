"""One stack for all short forms; each scenario has its own topics, group, workers and Redis database in it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos.stack import ChaosStack

_NOTES = pytest.StashKey[list[str]]()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chaos_stack() -> AsyncIterator[ChaosStack]:
    async with ChaosStack() as stack:
        yield stack


@pytest.fixture
def chaos_notes(pytestconfig: pytest.Config) -> list[str]:
    """Shown at the end of the run, whatever its verdict."""
    return pytestconfig.stash.setdefault(_NOTES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for note in config.stash.get(_NOTES, []):
        terminalreporter.write_line(f"chaos: {note}")

"""The short form of each scenario; `make chaos` plays the long ones."""

import os

import pytest

from tests.chaos.run import play
from tests.chaos.scenarios import PLAYED, short_form
from tests.chaos.schedule import describe

SEED = int(os.environ.get("BRAID_CHAOS_SEED", "1"))

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.integration]


@pytest.mark.parametrize("name", PLAYED)
async def test_nothing_is_lost_doubled_or_overwritten_by_less(name, chaos_stack, chaos_notes):
    scenario = short_form(name, SEED)
    outcome = await play(scenario, chaos_stack, print)
    chaos_notes += outcome.notes
    again = f"again: BRAID_CHAOS_SEED={SEED} python -m pytest tests/chaos -k {name.partition('.')[0]}"
    if outcome.faults:
        pytest.fail("\n".join((describe(scenario), again, *outcome.faults, outcome.logs)), pytrace=False)

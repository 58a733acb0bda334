"""A group's window settings: the first ones stand, and a change is a compare-and-set."""

import asyncio
import json

import pytest

from streams.errors import ContractBroken
from streams.store import AgreedWindows, WindowCut, WindowCuts, WindowsBefore

FIRST = AgreedWindows(cuts=WindowCuts(size_ms=4_000, hop_ms=2_000))
SECOND = AgreedWindows(
    cuts=WindowCuts(size_ms=3_000, hop_ms=1_000, sources={"dock-1": WindowCut(size_ms=8_000, hop_ms=4_000)}),
    effective_from_ms=12_000,
    earlier=(WindowsBefore(until_ms=12_000, cuts=FIRST.cuts),),
)
THIRD = AgreedWindows(
    cuts=WindowCuts(size_ms=1_000, hop_ms=1_000),
    effective_from_ms=24_000,
    earlier=(*SECOND.earlier, WindowsBefore(until_ms=24_000, cuts=SECOND.cuts)),
)


async def test_the_first_window_settings_of_a_group_stand(store):
    assert await store.read_windows("braid") is None
    assert await store.agree_on_windows("braid", None, FIRST) == FIRST
    assert await store.agree_on_windows("braid", None, SECOND) == FIRST
    assert await store.read_windows("braid") == FIRST
    assert await store.agree_on_windows("other", None, SECOND) == SECOND


async def test_a_change_is_taken_only_from_what_is_stored_and_may_be_sent_again(store):
    await store.agree_on_windows("braid", None, FIRST)
    assert await store.agree_on_windows("braid", SECOND, THIRD) == FIRST
    for _ in range(2):
        assert await store.agree_on_windows("braid", FIRST, SECOND) == SECOND
    assert await store.agree_on_windows("braid", FIRST, THIRD) == SECOND
    assert await store.agree_on_windows("braid", SECOND, THIRD) == THIRD
    assert await store.read_windows("braid") == THIRD


async def test_of_workers_that_change_at_the_same_time_one_wins_and_all_hear_of_it(store):
    await store.agree_on_windows("braid", None, FIRST)
    changes = [SECOND, FIRST.model_copy(update={"effective_from_ms": 7}), THIRD]
    answers = await asyncio.gather(*(store.agree_on_windows("braid", FIRST, change) for change in changes))
    stored = await store.read_windows("braid")
    assert stored in changes
    assert answers == [stored] * 3


async def test_equal_settings_are_equal_whatever_the_order_in_which_sources_were_named(store):
    cuts = {name: WindowCut(size_ms=500, hop_ms=500) for name in ("b", "a", "c")}
    named = AgreedWindows(cuts=WindowCuts(size_ms=4_000, hop_ms=2_000, sources=cuts))
    other = AgreedWindows(cuts=WindowCuts(size_ms=4_000, hop_ms=2_000, sources=dict(reversed(cuts.items()))))
    await store.agree_on_windows("braid", None, named)
    assert await store.agree_on_windows("braid", other, SECOND) == SECOND


@pytest.mark.parametrize("text", ["", "{", "first", json.dumps({"cuts": {"size_ms": 1}}), json.dumps({"version": 9})])
async def test_what_another_version_wrote_is_refused_and_left_alone(store, raw, key_prefix, text):
    key = f"{key_prefix}{{braid}}:windows"
    await raw.set(key, text)
    with pytest.raises(ContractBroken, match=r"\{braid\}:windows: not the window settings"):
        await store.read_windows("braid")
    if text:
        with pytest.raises(ContractBroken, match="not the window settings"):
            await store.agree_on_windows("braid", None, FIRST)
        assert (await raw.get(key)).decode() == text


def test_a_source_has_its_own_cut_or_that_of_all():
    assert SECOND.cuts.of("dock-1") == WindowCut(size_ms=8_000, hop_ms=4_000)
    assert SECOND.cuts.of("dock-2") == WindowCut(size_ms=3_000, hop_ms=1_000)


def test_a_change_that_leaves_a_source_alone_is_none_for_it():
    stays = AgreedWindows(
        cuts=WindowCuts(size_ms=1_000, hop_ms=1_000, sources={"dock-1": WindowCut(size_ms=8_000, hop_ms=4_000)}),
        effective_from_ms=24_000,
        earlier=THIRD.earlier,
    )
    assert stays.earlier_of("dock-1") == [(12_000, WindowCut(size_ms=4_000, hop_ms=2_000))]
    assert stays.earlier_of("dock-2") == [
        (12_000, WindowCut(size_ms=4_000, hop_ms=2_000)),
        (24_000, WindowCut(size_ms=3_000, hop_ms=1_000)),
    ]

"""Which version of a model answers: the first document stands, a change is a compare-and-set; comparisons by worker."""

import asyncio
import json

import pytest

from streams.errors import ContractBroken
from streams.store import Comparison, LiveModels, ModelVersions

FIRST = LiveModels().changed("fusion", ModelVersions(live=1, highest=1))
SECOND = FIRST.changed("fusion", FIRST.models["fusion"].promoted(2))
THIRD = SECOND.changed("fusion", SECOND.models["fusion"].shadowed(3))


async def test_the_first_document_of_a_group_stands(store):
    assert await store.read_models("braid") is None
    assert await store.agree_on_models("braid", None, FIRST) == FIRST
    assert await store.agree_on_models("braid", None, SECOND) == FIRST
    assert await store.read_models("braid") == FIRST
    assert await store.agree_on_models("other", None, SECOND) == SECOND


async def test_a_change_is_taken_only_from_what_is_stored_and_may_be_sent_again(store):
    await store.agree_on_models("braid", None, FIRST)
    assert await store.agree_on_models("braid", SECOND, THIRD) == FIRST
    for _ in range(2):
        assert await store.agree_on_models("braid", FIRST, SECOND) == SECOND
    assert await store.agree_on_models("braid", FIRST, THIRD) == SECOND
    assert await store.agree_on_models("braid", SECOND, THIRD) == THIRD
    assert await store.read_models("braid") == THIRD


async def test_of_people_who_promote_at_the_same_time_one_wins_and_all_hear_of_it(store):
    await store.agree_on_models("braid", None, FIRST)
    changes = [FIRST.changed("fusion", FIRST.models["fusion"].promoted(version)) for version in (2, 3, 4)]
    answers = await asyncio.gather(*(store.agree_on_models("braid", FIRST, change) for change in changes))
    stored = await store.read_models("braid")
    assert stored in changes
    assert answers == [stored] * 3


@pytest.mark.parametrize("text", ["", "{", json.dumps({"layout": 2, "revision": 1}), json.dumps({"models": {"a": 1}})])
async def test_what_another_version_wrote_is_refused_and_left_alone(store, raw, key_prefix, text):
    key = f"{key_prefix}{{braid}}:models"
    await raw.set(key, text)
    with pytest.raises(ContractBroken, match=r"\{braid\}:models: not the live models"):
        await store.read_models("braid")
    if text:
        with pytest.raises(ContractBroken, match="not the live models"):
            await store.agree_on_models("braid", None, FIRST)
        assert (await raw.get(key)).decode() == text


async def test_a_worker_replaces_its_own_comparison_and_leaves_the_others(store):
    found = {name: Comparison(answers=count, difference_max=0.1) for name, count in (("w1", 3), ("w2", 5))}
    for name, comparison in found.items():
        await store.write_comparison("braid", "fusion", 1, 2, name, Comparison(answers=1))
        for _ in range(2):
            await store.write_comparison("braid", "fusion", 1, 2, name, comparison)
    assert await store.read_comparisons("braid", "fusion", 1, 2) == found
    assert await store.read_comparisons("braid", "fusion", 2, 1) == {}


async def test_a_comparison_lives_as_long_as_the_detections_it_counts(store, raw, key_prefix):
    await store.write_comparison("braid", "fusion", 1, 2, "w1", Comparison())
    assert 0 < await raw.pttl(f"{key_prefix}{{braid}}:comparison:fusion/1/2") <= 3_600_000


async def test_a_comparison_that_something_else_wrote_is_refused(store, raw, key_prefix):
    await raw.hset(f"{key_prefix}{{braid}}:comparison:fusion/1/2", "w1", "{}x")
    with pytest.raises(ContractBroken, match="not a comparison"):
        await store.read_comparisons("braid", "fusion", 1, 2)

"""Workers of a group and the live version of the fusion model in a real Redis."""

import asyncio
from types import SimpleNamespace

import pytest

from streams.errors import ModelFailed
from streams.settings import Settings
from streams.store import LiveModels, ModelVersions
from streams.worker import fusion_versions as module
from streams.worker.fusion_versions import AskedVersion, FusionVersions
from streams.worker.readiness import Readiness

DEADLINE_S = 10.0
USUAL = {"alarm": 0.5}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(module, "_POLL_S", 0.01)


def loaded(*newest):
    """A fusion model of which these versions are the newest, one after another; the last one stays."""
    left = list(newest)

    async def newest_version():
        version = left.pop(0) if len(left) > 1 else left[0]
        if version is None:
            raise ModelFailed("no version is loaded")
        return version

    return SimpleNamespace(name="fusion", newest_version=newest_version)


@pytest.fixture
def worker(store):
    return lambda *newest: FusionVersions(store, loaded(*newest), Settings(), Readiness(), USUAL)


async def set_live(store, version):
    stored = await store.read_models("braid")
    await store.agree_on_models("braid", stored, stored.changed("fusion", stored.models["fusion"].promoted(version)))


async def until(condition):
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


async def test_the_first_worker_takes_the_newest_loaded_version_and_the_others_follow(worker, store):
    first, second = worker(3), worker(5)
    await first.reach()
    await second.reach()
    assert first.live == second.live == AskedVersion(3, USUAL)
    assert (await store.read_models("braid")).models == {"fusion": ModelVersions(live=3, highest=3)}


async def test_a_worker_waits_until_a_version_is_loaded(worker):
    waiting = worker(None, 2)
    await asyncio.wait_for(waiting.reach(), DEADLINE_S)
    assert waiting.live.number == 2


async def test_what_is_promoted_is_live_in_every_worker_and_after_a_restart(worker, store):
    workers = [worker(1), worker(1)]
    for each in workers:
        await each.reach()
    watching = [asyncio.create_task(each.watch()) for each in workers]
    await set_live(store, 2)
    await until(lambda: {each.live.number for each in workers} == {2})
    for task in watching:
        task.cancel()
    again = worker(1)
    await again.reach()
    assert again.live.number == 2


async def test_a_store_that_went_back_is_told_what_was_live(worker, store, raw, key_prefix):
    key = f"{key_prefix}{{braid}}:models"
    one = worker(1)
    await one.reach()
    before = await raw.get(key)
    await set_live(store, 2)
    await one.refresh()
    for lost in (before, None):
        await (raw.set(key, lost) if lost else raw.delete(key))
        await one.refresh()
        assert one.live.number == 2
        assert (await store.read_models("braid")).models["fusion"].live == 2


async def test_other_models_of_the_document_stay(worker, store):
    other = LiveModels().changed("other", ModelVersions(live=7, highest=7))
    await store.agree_on_models("braid", None, other)
    await worker(1).reach()
    assert (await store.read_models("braid")).models.keys() == {"other", "fusion"}


async def test_a_version_that_has_thresholds_of_its_own_is_asked_with_them_and_the_others_with_the_repository_s(
    worker, store
):
    one = worker(1)
    await one.reach()
    stored = await store.read_models("braid")
    changed = stored.models["fusion"].deployed(2, {"alarm": 0.3}).promoted(2).shadowed(1)
    await store.agree_on_models("braid", stored, stored.changed("fusion", changed))
    await one.refresh()
    assert (one.live, one.shadow) == (AskedVersion(2, {"alarm": 0.3}), AskedVersion(1, USUAL))


async def test_a_store_that_went_back_is_told_a_version_s_thresholds_too(worker, store, raw, key_prefix):
    one = worker(1)
    await one.reach()
    stored = await store.read_models("braid")
    changed = stored.models["fusion"].deployed(2, {"alarm": 0.3}).promoted(2)
    await store.agree_on_models("braid", stored, stored.changed("fusion", changed))
    await one.refresh()
    await raw.delete(f"{key_prefix}{{braid}}:models")
    await one.refresh()
    assert (await store.read_models("braid")).models["fusion"] == changed

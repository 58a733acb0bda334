"""Workers of a group and the window settings in a real Redis: who waits, who changes them, who ends."""

import asyncio

import pytest

from streams.errors import ConfigurationError
from streams.settings import Settings
from streams.store import AgreedWindows, WindowCuts
from streams.worker import window_agreement as module
from streams.worker.readiness import Readiness
from streams.worker.window_agreement import WindowAgreement

NOW_MS = 1_800_000_000_000
CHANGE_MS = 1_800_000_600_000
DEADLINE_S = 10.0
OLD = {"size_ms": 4_000, "hop_ms": 2_000}
NEW = {"size_ms": 3_000, "hop_ms": 1_500}
CHANGE = NEW | {"effective_from_ms": CHANGE_MS}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(module, "_POLL_S", 0.01)
    monkeypatch.setattr(module, "CHECK_EVERY_S", 0.01)


class Worker:
    """What a worker with these windows says and does, and its clock."""

    def __init__(self, store, windows):
        self.readiness, self.now_ms = Readiness(), NOW_MS
        settings = Settings(windows=windows, limits={"max_future_ms": 1_000})
        self.agreement = WindowAgreement(store, settings, self.readiness, lambda: self.now_ms)

    @property
    def reason(self):
        return self.readiness.missing.get("windows")

    async def reach(self):
        return await asyncio.wait_for(self.agreement.reach(), DEADLINE_S)

    async def waits(self):
        """A task that has begun to wait."""
        task = asyncio.create_task(self.reach())
        while self.reason is None:
            assert not task.done(), task
            await asyncio.sleep(0.01)
        return task


@pytest.fixture
def worker(store):
    return lambda windows: Worker(store, windows)


async def test_the_first_worker_decides_and_the_others_agree(worker, store):
    agreed = await worker(OLD).reach()
    assert agreed == AgreedWindows(cuts=WindowCuts(**OLD)) == await store.read_windows("braid")
    assert await worker(OLD).reach() == agreed


async def test_a_worker_that_differs_is_not_ready_and_starts_when_all_agree(worker, raw, key_prefix):
    await worker(OLD).reach()
    other = worker(NEW)
    waiting = await other.waits()
    assert "these settings make windows of 3000 ms every 1500 ms" in other.reason
    await raw.delete(f"{key_prefix}{{braid}}:windows")
    assert (await waiting).cuts == WindowCuts(**NEW)
    assert other.reason is None


async def test_a_worker_that_is_stopped_while_it_waits_ends_at_once(worker):
    await worker(OLD).reach()
    other = worker(NEW)
    waiting = await other.waits()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert other.reason is None


async def test_a_change_is_made_once_and_the_earlier_settings_wait_from_then_on(worker, store):
    await worker(OLD).reach()
    changed = await worker(CHANGE).reach()
    assert [(before.until_ms, before.cuts) for before in changed.earlier] == [(CHANGE_MS, WindowCuts(**OLD))]
    assert await worker(CHANGE).reach() == await worker(NEW).reach() == changed == await store.read_windows("braid")
    late = worker(CHANGE)
    late.now_ms = CHANGE_MS + 10**9
    assert await late.reach() == changed
    (await worker(OLD).waits()).cancel()


async def test_a_waiting_worker_starts_when_another_makes_the_change_to_its_settings(worker):
    await worker(OLD).reach()
    waiting = await worker(NEW).waits()
    changed = await worker(CHANGE).reach()
    assert await waiting == changed


async def test_of_two_different_changes_at_the_same_time_one_is_made(worker, store):
    await worker(OLD).reach()
    other = worker({"size_ms": 1_000, "hop_ms": 1_000, "effective_from_ms": CHANGE_MS})
    reaching = {asyncio.create_task(each.agreement.reach()) for each in (worker(CHANGE), other)}
    done, pending = await asyncio.wait(reaching, timeout=DEADLINE_S, return_when=asyncio.FIRST_COMPLETED)
    assert [await task for task in done] == [await store.read_windows("braid")]
    for task in pending:
        task.cancel()
    assert len((await store.read_windows("braid")).earlier) == 1


async def test_a_moment_that_does_not_fit_changes_nothing(worker, store):
    agreed = await worker(OLD).reach()
    with pytest.raises(ConfigurationError, match=f"{CHANGE_MS + 6_000} .* is one"):
        await worker(NEW | {"effective_from_ms": CHANGE_MS + 1}).reach()
    assert await store.read_windows("braid") == agreed


async def test_a_worker_that_runs_on_with_the_earlier_settings_ends_before_the_change_and_not_sooner(worker):
    old = worker(OLD)
    agreed = await old.reach()
    await worker(CHANGE).reach()
    nearest_ms = CHANGE_MS - 4_000 - 1_000  # the first window across the change begins to fill
    old.now_ms = nearest_ms - 20_000
    await old.agreement.verify(agreed)
    watching = asyncio.create_task(old.agreement.watch(agreed))
    old.now_ms = nearest_ms - 5_000
    with pytest.raises(ConfigurationError, match="start it with the new settings"):
        await asyncio.wait_for(watching, DEADLINE_S)


async def test_a_worker_with_the_new_settings_runs_on_through_the_change(worker):
    await worker(OLD).reach()
    new = worker(CHANGE)
    agreed = await new.reach()
    new.now_ms = CHANGE_MS + 10**9
    await new.agreement.verify(agreed)


@pytest.mark.parametrize("is_lost", [True, False])
async def test_a_store_that_went_back_is_told_again(worker, store, raw, key_prefix, is_lost):
    await worker(OLD).reach()
    key = f"{key_prefix}{{braid}}:windows"
    before = await raw.get(key)
    new = worker(CHANGE)
    agreed = await new.reach()
    await (raw.delete(key) if is_lost else raw.set(key, before))
    await new.agreement.verify(agreed)
    assert await store.read_windows("braid") == agreed


async def test_a_store_that_holds_something_else_altogether_ends_the_worker(worker, store, raw, key_prefix):
    old = worker(OLD)
    agreed = await old.reach()
    await raw.delete(f"{key_prefix}{{braid}}:windows")
    await worker(NEW).reach()
    with pytest.raises(ConfigurationError, match="start it with the new settings"):
        await old.agreement.verify(agreed)

"""An item that comes when its windows are sealed: read again and done, or late; on a real Redis."""

from types import SimpleNamespace

import pytest

from processors.modality import Modality
from streams.records import Coverage, Item, VideoCoverage
from streams.settings import Settings
from streams.worker.late import FinalWindows

NOW_MS = 50_000
SPANS_MS = [(start_ms, start_ms + 4_000) for start_ms in range(0, 4_001, 2_000)]


def frame(offset, *, topic="v", partition=0):
    return Item(
        f"f{offset}",
        "dock-1",
        Modality.VIDEO,
        4_500,
        4_500,
        4_500,
        False,
        topic,
        partition,
        offset,
        None,
        None,
        None,
        b"",
    )


def listed(first_offset, last_offset):
    return {"topic": "v", "partition": 0, "first_offset": first_offset, "last_offset": last_offset}


@pytest.fixture
async def fence(store):
    return await store.take_token("braid", 0)


@pytest.fixture
def keep(store, fence, make_detection):
    async def keep(start_ms, *, final=True, **fields):
        detection = make_detection(start_ms, **fields)
        await store.put(detection, fence)
        if final:
            await store.finalise(detection.id, "watermark", fence)

    return keep


@pytest.fixture
def accounted(store):
    async def accounted(item, *, now_ms=NOW_MS):
        settings = Settings(retention={"detections_s": 60})
        services = SimpleNamespace(settings=settings, writer=store, wall_ms=lambda: now_ms)
        return await FinalWindows(services).account_for(item, SPANS_MS)

    return accounted


async def test_an_item_that_a_final_window_holds_is_done(keep, accounted):
    await keep(2_000, items=("a",))
    await keep(4_000, items=("b",), dead_letters=[listed(3, 3)])
    assert not await accounted(frame(7))
    assert await accounted(frame(3)), "its dead letter was acknowledged before the window was stored"


async def test_only_the_very_record_counts(keep, store, fence, accounted, make_detection):
    detection = make_detection(2_000).model_copy(update={"items": ()})
    stored = detection.model_validate(detection.model_dump(by_alias=True) | {"items": [listed(5, 8)]})
    await store.put(stored, fence)
    await store.finalise(stored.id, "watermark", fence)
    assert [await accounted(frame(offset)) for offset in (4, 5, 8, 9)] == [False, True, True, False]
    assert not await accounted(frame(5, partition=1))
    assert not await accounted(frame(5, topic="other"))


async def test_a_window_that_is_not_final_accounts_for_nothing(keep, accounted):
    await keep(2_000, final=False, dead_letters=[listed(5, 5)])
    assert not await accounted(frame(5))


async def test_a_window_that_left_frames_out_under_overload_may_have_left_out_this_one(
    store, fence, make_detection, accounted
):
    shed = make_detection(2_000).model_copy(update={"coverage": Coverage(video=VideoCoverage(items=1, shed=2))})
    await store.put(shed, fence)
    await store.finalise(shed.id, "watermark", fence)
    assert await accounted(frame(5))


async def test_an_item_all_of_whose_windows_have_expired_is_done(keep, accounted):
    assert not await accounted(frame(5), now_ms=60_000)
    assert await accounted(frame(5), now_ms=68_001)

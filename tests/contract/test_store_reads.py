"""Reading detections and indexes back, on a real Redis."""

import pytest

from streams.errors import ConfigurationError, ContractBroken
from streams.store import Put


@pytest.fixture
async def fence(store):
    return await store.take_token("braid", 0)


async def put_all(store, fence, detections):
    await store.put_many([Put(detection, fence) for detection in detections])


def starts(detections):
    return [detection.start_ms for detection in detections]


async def test_an_unknown_detection_is_none(store):
    assert await store.get("dock-1/0/4000") is None


async def test_a_malformed_id_is_refused(store):
    with pytest.raises(ConfigurationError, match="SOURCE/START_MS/SIZE_MS"):
        await store.get("dock-1")


async def test_detections_are_listed_by_start_whatever_the_order_of_putting(store, fence, make_detection):
    await put_all(store, fence, [make_detection(start_ms) for start_ms in (4000, -2000, 10_000, 0)])
    assert starts(await store.list_detections("dock-1")) == [-2000, 0, 4000, 10_000]


async def test_a_span_takes_its_first_start_and_leaves_its_end(store, fence, make_detection):
    await put_all(store, fence, [make_detection(start_ms) for start_ms in (0, 2000, 4000, 6000)])
    assert starts(await store.list_detections("dock-1", 2000, 6000)) == [2000, 4000]


@pytest.mark.parametrize("limit", [1, 99, 100, 101, 250])
async def test_a_limit_keeps_the_first_or_the_newest_across_pages(store, fence, make_detection, limit):
    every = [1000 * index for index in range(250)]
    await put_all(store, fence, [make_detection(start_ms) for start_ms in every])
    assert starts(await store.list_detections("dock-1", limit=limit)) == every[:limit]
    assert starts(await store.list_detections("dock-1", limit=limit, newest=True)) == every[-limit:]
    assert starts(await store.list_detections("dock-1", 1000, 249_000, limit)) == every[1:249][:limit]


async def test_windows_of_two_sizes_with_one_start_are_both_listed(store, fence, make_detection):
    await put_all(store, fence, [make_detection(0, size_ms=8000), make_detection(0, size_ms=4000)])
    assert [d.id for d in await store.list_detections("dock-1")] == ["dock-1/0/4000", "dock-1/0/8000"]


async def test_a_source_whose_name_begins_like_another_is_another(store, fence, make_detection):
    await put_all(store, fence, [make_detection(source_id="dock-1"), make_detection(source_id="dock-10")])
    assert [d.id for d in await store.list_detections("dock-1")] == ["dock-1/0/4000"]
    assert await store.list_detections("dock") == []


async def test_expired_windows_that_are_not_swept_yet_are_passed_over(store, fence, make_detection, raw, key_prefix):
    await put_all(store, fence, [make_detection(1000 * index) for index in range(205)])
    await raw.delete(*(f"{key_prefix}{{dock-1}}:detection:{1000 * index}/4000" for index in range(150)))
    assert starts(await store.list_detections("dock-1", limit=3)) == [150_000, 151_000, 152_000]


async def test_sources_are_listed_latest_first(store, fence, make_detection, raw, key_prefix):
    await put_all(store, fence, [make_detection(source_id=source) for source in ("a", "b")])
    await raw.zadd(f"{key_prefix}sources", {"a": 4_000_000_000_000})
    sources = await store.sources()
    assert list(sources) == ["a", "b"]
    assert sources["a"] == 4_000_000_000_000


async def test_a_record_of_another_shape_is_said_and_not_guessed(store, raw, key_prefix):
    await raw.hset(f"{key_prefix}{{dock-1}}:detection:0/4000", "body", b'{"schema":"braid.detection.v9"}')
    with pytest.raises(ContractBroken, match=r"braid\.detection\.v1"):
        await store.get("dock-1/0/4000")


async def test_many_are_read_in_order_without_those_that_are_not_there(store, fence, make_detection):
    detections = [make_detection(2000 * number) for number in range(250)]
    await put_all(store, fence, detections)
    asked = [detections[200].id, "dock-1/1/4000", *(detection.id for detection in detections[:150])]
    assert [detection.id for detection in await store.get_many(asked)] == [asked[0], *asked[2:]]
    assert await store.get_many([]) == []

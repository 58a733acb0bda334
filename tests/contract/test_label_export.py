"""Which windows with a verdict cannot be had, as far as Redis alone tells: nothing else is asked then."""

import uuid

import pytest

from streams.labels.training_set import Chosen, Why, collect_training_set
from streams.settings import Settings
from streams.store import Store, Verdict

NOW_MS = 1_700_000_000_000
SAID = Verdict(classes=(), asked=("crash",), at_ms=1)


@pytest.fixture
def settings(redis_server) -> Settings:
    return Settings(redis={"url": redis_server.url})


@pytest.fixture
async def judged(settings, make_detection, raw):
    """Four windows with a verdict, none of which holds an item; the third is not final, the last one has expired."""
    source_id = f"source-{uuid.uuid4().hex}"
    made = [make_detection(NOW_MS + 2000 * k, source_id=source_id) for k in range(4)]
    async with Store.connect(settings, lambda: NOW_MS) as store:
        fence = await store.take_token(source_id, 0)
        for detection in made:
            await store.put(detection, fence)
            await store.verdicts.keep(detection.id, SAID)
        for detection in (made[0], made[1], made[3]):
            await store.finalise(detection.id, "watermark", fence)
    await raw.delete(f"braid:{{{source_id}}}:detection:{NOW_MS + 6000}/4000")
    return [detection.id for detection in made]


async def left_out(settings, window_id, **chosen):
    chosen = Chosen(**({"source_id": window_id.split("/")[0], "limit": 10, "gap_ms": 1} | chosen))
    made = await collect_training_set(settings, chosen)
    assert made.windows is None
    return {one.window_id: one.why for one in made.left_out}


async def test_without_verdicts_every_stored_window_is_meant_up_to_the_newest(settings, judged):
    found = await left_out(settings, judged[0], judged=False)
    assert found == dict(zip(judged[:3], [Why.EMPTY, Why.EMPTY, Why.NOT_FINAL], strict=True))
    assert list(await left_out(settings, judged[0], judged=False, limit=2)) == judged[1:3]
    assert list(await left_out(settings, judged[0], judged=False, since_ms=NOW_MS + 4000)) == judged[2:3]


async def test_each_window_that_cannot_be_had_is_named_with_its_reason(settings, judged):
    reasons = [Why.EMPTY, Why.EMPTY, Why.NOT_FINAL, Why.EXPIRED]
    assert await left_out(settings, judged[0]) == dict(zip(judged, reasons, strict=True))


async def test_beyond_the_limit_the_oldest_are_left_out(settings, judged):
    found = await left_out(settings, judged[0], limit=3)
    assert [found.pop(judged[0]), len(found), Why.LIMIT in found.values()] == [Why.LIMIT, 3, False]


async def test_windows_before_the_time_asked_for_are_not_meant(settings, judged):
    assert list(await left_out(settings, judged[0], since_ms=NOW_MS + 4000)) == judged[2:]


async def test_without_a_source_every_ones_windows_are_meant(settings, judged):
    assert set(judged) <= (await left_out(settings, judged[0], source_id=None, limit=10_000)).keys()

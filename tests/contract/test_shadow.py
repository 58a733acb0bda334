"""A shadow version beside the live one: what is counted, in a real Redis, and that it never holds anything back."""

import asyncio
from types import SimpleNamespace

import numpy as np
import pytest

from processors.models.served import ServedFacts
from processors.models.spec import EMBEDDING_DIMS, EVENT_CLASSES, FUSION
from streams.errors import ModelFailed
from streams.inference import TritonServer
from streams.inference.client import Answer
from streams.settings import Settings
from streams.store import Comparison, DifferingWindow
from streams.worker import shadow as module
from streams.worker.answer import FusionAnswer
from streams.worker.fusion_versions import AskedVersion
from streams.worker.readiness import Readiness
from streams.worker.shadow import Shadow

DEADLINE_S = 10.0
USUAL = dict.fromkeys(EVENT_CLASSES, 0.5)
SERVED = ServedFacts(EMBEDDING_DIMS, EVENT_CLASSES, USUAL)
INPUTS = {name: rows[0] for name, rows in FUSION.sample().items()}
LIVE = [0.9, 0.1, 0.1, 0.1]


class Client:
    """A fusion model whose shadow version answers `probabilities`, or raises; it can be held up."""

    name = "fusion"
    spec = FUSION

    def __init__(self, probabilities):
        self.server = TritonServer("127.0.0.1:1").aside("triton_shadow")
        self.probabilities = probabilities
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.asked = []

    async def infer(self, inputs, outputs, version=None):
        rows = len(inputs["video"])
        self.asked.append((version, rows))
        await self.may_answer.wait()
        if isinstance(self.probabilities, Exception):
            raise self.probabilities
        return Answer({"probabilities": np.tile(np.array(self.probabilities, np.float32), (rows, 1))}, str(version))


class Desk:
    """A shadow at work beside live version 1."""

    def __init__(self, store, probabilities, worker="w1"):
        self.client = Client(probabilities)
        self.versions = SimpleNamespace(shadow=AskedVersion(2, USUAL))
        self.store = store
        self.shadow = Shadow(self.client, self.versions, store, Settings(), Readiness(), worker, SERVED)
        self.running = asyncio.create_task(self.shadow.run())

    def answer(self, window_id="gate/0/4000", live_version=1, thresholds=USUAL):
        answer = FusionAnswer(
            np.array(LIVE, np.float32), np.zeros((3, 4)), np.zeros(128), str(live_version), thresholds
        )
        self.shadow.beside(window_id, INPUTS, answer)

    async def counted(self, until, live=1):
        async with asyncio.timeout(DEADLINE_S):
            while True:
                assert not self.running.done(), self.running
                found = await self.store.read_comparisons("braid", "fusion", live, 2)
                if (own := found.get("w1")) is not None and until(own):
                    return own
                await asyncio.sleep(0.01)


@pytest.fixture
async def desk(store):
    desks = []

    def open_desk(probabilities):
        desks.append(Desk(store, probabilities))
        return desks[-1]

    yield open_desk
    for each in desks:
        each.running.cancel()


async def test_equal_answers_differ_by_nothing(desk):
    one = desk(LIVE)
    one.answer()
    assert await one.counted(lambda found: found.answers == 1) == Comparison(answers=1)


async def test_differences_and_other_events_are_counted_and_the_window_that_differs_most_is_named(desk):
    one = desk([0.9, 0.1, 0.1, 0.3])
    one.answer("gate/0/4000")
    await one.counted(lambda found: found.answers == 1)
    one.client.probabilities = [0.4, 0.1, 0.1, 0.1]
    one.answer("gate/4000/4000")
    found = await one.counted(lambda found: found.answers == 2)
    assert (found.other_event, found.most_different) == (1, "gate/4000/4000")
    assert found.difference_sum == pytest.approx(0.2 / 4 + 0.5 / 4, abs=1e-6)
    assert found.difference_max == pytest.approx(0.5, abs=1e-6)


async def test_each_version_is_judged_by_its_own_thresholds(desk):
    one = desk(LIVE)
    one.versions.shadow = AskedVersion(2, USUAL | {EVENT_CLASSES[0]: 0.95})
    one.answer("gate/0/4000")
    await one.counted(lambda found: found.answers == 1)
    one.answer("gate/4000/4000", thresholds=USUAL | {EVENT_CLASSES[0]: 0.95})
    found = await one.counted(lambda found: found.answers == 2)
    assert found.other_event == 1
    assert found.differing == (
        DifferingWindow(
            window_id="gate/0/4000",
            event_class=EVENT_CLASSES[0],
            live_probability=0.9,
            shadow_probability=0.9,
            live_event=EVENT_CLASSES[0],
            shadow_event=None,
        ),
    )


async def test_windows_that_differ_are_listed_with_the_class_that_differs_and_what_both_told(desk):
    one = desk([0.9, 0.1, 0.1, 0.3])
    one.answer("gate/0/4000")
    await one.counted(lambda found: found.answers == 1)
    one.client.probabilities = [0.4, 0.55, 0.1, 0.65]
    one.answer("gate/4000/4000")
    found = await one.counted(lambda found: found.answers == 2)
    first, _, _, fourth = EVENT_CLASSES[:4]
    assert [tuple(window.model_dump().values()) for window in found.differing] == [
        ("gate/4000/4000", fourth, 0.1, 0.65, first, fourth),
        ("gate/0/4000", fourth, 0.1, 0.3, first, first),
    ]


async def test_windows_that_are_answered_again_after_a_restart_are_listed_once(store, desk):
    one = desk([0.9, 0.1, 0.1, 0.3])
    one.answer("gate/0/4000")
    before = await one.counted(lambda found: found.answers == 1)
    one.running.cancel()
    again = desk([0.9, 0.1, 0.1, 0.3])
    again.answer("gate/0/4000")
    assert (await again.counted(lambda found: found.answers == 2)).differing == before.differing


@pytest.mark.parametrize(
    "answer", [ModelFailed("out of memory"), [np.nan] * 4, [0.1] * 5], ids=["error", "nan", "shape"]
)
async def test_a_shadow_that_fails_is_counted_and_ends_nothing(desk, answer):
    one = desk(answer)
    one.answer()
    assert await one.counted(lambda found: found.failed == 1) == Comparison(failed=1)
    one.client.probabilities = LIVE
    one.answer()
    await one.counted(lambda found: found.answers == 1)


async def test_windows_beyond_the_bound_are_skipped_while_the_shadow_is_slow(desk):
    one = desk(LIVE)
    one.client.may_answer.clear()
    one.answer()
    while not one.client.asked:
        await asyncio.sleep(0)
    for _ in range(module._WAITING + 3):
        one.answer()
    one.client.may_answer.set()
    found = await one.counted(lambda found: found.answers == module._WAITING + 1)
    assert found.skipped == 3


async def test_without_a_shadow_nothing_is_asked_and_what_waited_is_dropped(desk):
    one = desk(LIVE)
    one.versions.shadow = None
    one.answer()
    await asyncio.sleep(0)
    one.versions.shadow = AskedVersion(2, USUAL)
    one.answer("gate/8000/4000")
    await one.counted(lambda found: found.answers == 1)
    assert one.client.asked == [(2, 1)]


async def test_each_pair_of_versions_is_counted_for_itself(desk):
    one = desk([0.9, 0.1, 0.1, 0.2])
    one.answer(live_version=1)
    one.answer(live_version=3)
    first = await one.counted(lambda found: found.answers == 1, live=1)
    assert await one.counted(lambda found: found.answers == 1, live=3) == first


async def test_a_worker_that_starts_again_goes_on_counting(store, desk):
    await store.write_comparison("braid", "fusion", 1, 2, "w1", Comparison(answers=7, failed=2))
    one = desk(LIVE)
    one.answer()
    assert await one.counted(lambda found: found.answers == 8) == Comparison(answers=8, failed=2)


async def test_a_row_on_trial_goes_before_the_shadow(desk):
    one = desk(LIVE)
    async with one.client.server.gate.alone():
        one.answer()
        for _ in range(10):
            await asyncio.sleep(0)
        assert one.client.asked == []
    await one.counted(lambda found: found.answers == 1)

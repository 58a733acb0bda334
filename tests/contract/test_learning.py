"""What a worker learns beside its answers, on a real Redis: each final window once and in order, whatever happens."""

import asyncio
import threading
from functools import partial

import numpy as np
import pytest

from processors.normality import Part, PartFeatures, SourceBaseline, WindowFeatures
from streams.align import Window
from streams.settings import Settings
from streams.store import MAX_STATE_BYTES, BaselineAbout, Finalise, Lesson, Put
from streams.worker import judging
from streams.worker import learning as module
from streams.worker.learning import Learner
from streams.worker.metrics import BASELINE_FAULTS, BASELINES_BEGUN_ANEW
from streams.worker.observing import KeptFeatures
from streams.worker.readiness import Readiness
from streams.worker.source_normal import chained

SOURCE = "dock-1"
DEADLINE_S = 20.0
MODELS = {"video_encoder": "1"}


def features_of(start_ms, *, value=None, models=MODELS):
    rng = np.random.default_rng(start_ms)
    vectors = rng.normal(size=(4, 3)).astype(np.float32) if value is None else np.full((4, 3), value, np.float32)
    features = WindowFeatures(start_ms, start_ms + 4000, {Part.MOTION: PartFeatures(vectors, (2, 2))}, ("hello",))
    return KeptFeatures(models, features).to_bytes()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(module, "_ROUND_S", 0.01)


class Desk:
    """A learner at work, and the windows that it is given."""

    def __init__(self, store, make_detection, **baseline):
        self.store = store
        self.make_detection = make_detection
        self.now_ms = 0
        self.settings = Settings(baseline={"snapshot_windows": 5} | baseline)
        self.learner = Learner(store, self.settings, Readiness(), lambda: self.now_ms)
        self.fence = None
        self.running = asyncio.create_task(self.learner.run())

    async def own(self, *source_ids):
        self.fence = await self.store.take_token("braid", 0)
        self.learner.enter(self.fence, source_ids)

    async def put_final(self, start_ms, features=None, source_id=SOURCE):
        features = features_of(start_ms) if features is None else features
        detection = self.make_detection(start_ms, source_id=source_id)
        await self.store.put_many([Put(detection, self.fence, features)])
        await self.store.finalise_many([Finalise(detection.id, "watermark", self.fence)])
        self.learner.finalised(source_id, self.fence)
        return detection.id

    async def until(self, holds, source_id=SOURCE):
        """Waits for a state of the baseline in memory, and gives what is known of it."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                assert not self.running.done(), self.running
                normal = self.learner._known.get(source_id)
                if normal is not None and holds(normal.about):
                    return normal.about
                await asyncio.sleep(0.01)

    async def until_stored(self, holds, source_id=SOURCE):
        async with asyncio.timeout(DEADLINE_S):
            while True:
                stored = await self.store.baselines.read(source_id)
                if stored is not None and holds(stored.about):
                    return stored
                await asyncio.sleep(0.01)

    async def end(self):
        self.running.cancel()
        await asyncio.wait({self.running})
        self.learner.close()


@pytest.fixture
async def open_desk(store, make_detection):
    desks = []

    def open_one(**baseline):
        desks.append(Desk(store, make_detection, **baseline))
        return desks[-1]

    yield open_one
    for desk in desks:
        await desk.end()


def digest_of(ids):
    digest = ""
    for window_id in ids:
        digest = chained(digest, window_id)
    return digest


async def test_final_windows_are_learned_in_order_and_their_features_dropped_with_the_snapshot(store, open_desk):
    desk = open_desk()
    await desk.own()
    ids = [await desk.put_final(4000 * number) for number in range(7)]
    about = await desk.until(lambda about: about.learned == 7)
    assert about.digest == digest_of(ids)
    assert about.models == MODELS
    stored = await desk.until_stored(lambda about: about.learned >= 5)
    assert SourceBaseline.from_bytes(stored.state) is not None
    kept = [bool(await store.baselines.features(window_id)) for window_id in ids]
    assert kept == [number >= stored.about.learned for number in range(7)]


async def test_a_successor_learns_on_from_the_snapshot_each_window_once(store, open_desk):
    first, second = open_desk(), open_desk()
    await first.own()
    ids = [await first.put_final(4000 * number) for number in range(8)]
    await first.until(lambda about: about.learned == 8)
    await second.own(SOURCE)
    ids.append(await second.put_final(32_000))
    assert (await second.until(lambda about: about.learned == 9)).digest == digest_of(ids)


async def test_an_owner_that_was_fenced_off_writes_nothing_and_forgets(store, open_desk):
    first, second = open_desk(), open_desk()
    await first.own()
    for number in range(3):
        await first.put_final(4000 * number)
    await first.until(lambda about: about.learned == 3)
    await second.own(SOURCE)
    await second.until(lambda about: about.learned == 3)  # nothing was written yet, so there is something to learn
    await second.learner.flush(second.fence)
    await first.learner.flush(first.fence)
    assert SOURCE not in first.learner._known
    assert (await store.baselines.read(SOURCE)).about.learned == 3


async def test_a_snapshot_is_written_when_it_is_old(store, open_desk):
    desk = open_desk(snapshot_s=60)
    await desk.own()
    await desk.put_final(0)
    await desk.until(lambda about: about.learned == 1)
    assert await store.baselines.read(SOURCE) is None
    desk.now_ms = 60_000
    assert (await desk.until_stored(lambda about: about.learned == 1)).about.written_ms == 60_000


async def test_windows_without_features_are_passed_over_and_never_learned_later(store, open_desk):
    desk = open_desk()
    await desk.own()
    await desk.put_final(0, b"")
    await desk.put_final(4000, b"broken")
    await desk.put_final(8000, features_of(8000, models={"video_encoder": "1, 2"}))
    last = await desk.put_final(12_000)
    about = await desk.until(lambda about: about.through_ms == 12_000)
    assert (about.learned, about.digest) == (1, digest_of([last]))


async def test_of_overlapping_windows_each_second_is_learned(open_desk):
    """As it is judged, no part of a window was learned; as it is learned, none may be either, or p-values are off."""
    desk = open_desk()
    await desk.own()
    ids = [await desk.put_final(start_ms) for start_ms in (0, 2000, 4000, 5000, 9000)]
    about = await desk.until(lambda about: about.through_ms == 9000)
    assert (about.learned, about.digest) == (3, digest_of([ids[0], ids[2], ids[4]]))


async def test_a_long_past_without_features_is_passed_over_in_large_steps(store, open_desk):
    desk = open_desk()
    await desk.own()
    for number in range(100):
        await desk.put_final(4000 * number, b"")
    last = await desk.put_final(400_000)
    assert (await desk.until(lambda about: about.learned == 1)).digest == digest_of([last])


async def test_another_version_of_an_encoder_begins_anew(open_desk):
    desk = open_desk()
    await desk.own()
    await desk.put_final(0)
    await desk.until(lambda about: about.learned == 1)
    before = BASELINES_BEGUN_ANEW.labels("models")._value.get()
    later = await desk.put_final(4000, features_of(4000, models={"video_encoder": "2"}))
    about = await desk.until(lambda about: about.models == {"video_encoder": "2"})
    assert (about.learned, about.digest) == (1, digest_of([later]))
    assert BASELINES_BEGUN_ANEW.labels("models")._value.get() == before + 1


async def test_a_baseline_that_is_too_large_to_be_stored_holds_up_no_other(store, open_desk, monkeypatch):
    to_bytes = SourceBaseline.to_bytes

    def grown(self):
        return to_bytes(self) + bytes(MAX_STATE_BYTES if self._source == SOURCE else 0)

    monkeypatch.setattr(SourceBaseline, "to_bytes", grown)
    faults = BASELINE_FAULTS.labels("contract.baseline")
    before = faults._value.get()
    desk = open_desk(snapshot_s=1)
    await desk.own()
    for source_id in (SOURCE, "lobby"):
        await desk.put_final(0, source_id=source_id)
        await desk.until(lambda about: about.learned == 1, source_id)
    desk.now_ms = 2_000
    await desk.until_stored(lambda about: about.learned == 1, "lobby")
    assert faults._value.get() > before
    assert await store.baselines.read(SOURCE) is None


async def test_a_lesson_is_taken_up_at_once_and_survives_a_restart(store, open_desk):
    desk = open_desk()
    await desk.own()
    ids = [await desk.put_final(4000 * number) for number in range(3)]
    await desk.until(lambda about: about.learned == 3)
    await store.baselines.teach(ids[1], Lesson(taught_as="anomalous", at_ms=1), features_of(4000))
    stored = await desk.until_stored(lambda about: about.taught == {"4000/4000": "anomalous"})
    assert stored.about.learned == 3
    successor = open_desk()
    await successor.own(SOURCE)
    await successor.put_final(12_000)
    assert (await successor.until(lambda about: about.learned == 4)).taught == {"4000/4000": "anomalous"}
    await store.baselines.teach(ids[1], Lesson(taught_as="anomalous", undone=True, at_ms=2), b"")
    assert (await successor.until(lambda about: not about.taught)).learned == 4


async def test_a_lesson_given_while_nobody_owned_the_source_is_taken_up_with_it(store, open_desk):
    await store.baselines.teach(f"{SOURCE}/0/4000", Lesson(taught_as="normal", at_ms=1), features_of(0))
    desk = open_desk()
    await desk.own()
    await desk.put_final(0)
    assert (await desk.until(lambda about: about.learned == 1)).taught == {"0/4000": "normal"}


async def test_a_reset_is_heard_of_and_nothing_learned_before_is_learned_again(store, open_desk):
    desk = open_desk()
    await desk.own()
    for number in range(5):
        await desk.put_final(4000 * number)
    stored = await desk.until_stored(lambda about: about.learned == 5)
    about = BaselineAbout(through_ms=stored.about.through_ms)
    assert await store.baselines.replace(SOURCE, stored, about, b"")
    later = await desk.put_final(20_000)
    found = await desk.until(lambda about: about.through_ms == 20_000 and about.learned == 1)
    assert found.digest == digest_of([later])


async def test_a_window_on_which_learning_crashes_is_passed_over_and_the_others_are_learned(monkeypatch, open_desk):
    learn = SourceBaseline.learn

    def crash(self, window_id, features, **options):
        if features.start_ms == 4000:
            raise RuntimeError("boom")
        return learn(self, window_id, features, **options)

    monkeypatch.setattr(SourceBaseline, "learn", crash)
    desk = open_desk()
    await desk.own()
    ids = [await desk.put_final(4000 * number) for number in range(4)]
    about = await desk.until(lambda about: about.through_ms == 12_000)
    assert about.digest == digest_of([ids[0], *ids[2:]])


async def test_an_unreadable_baseline_is_begun_anew_where_it_ended(store, open_desk):
    await store.baselines.replace(SOURCE, None, BaselineAbout(through_ms=4000, learned=9), b"of another layout")
    desk = open_desk()
    await desk.own()
    for number in range(3):
        last = await desk.put_final(4000 * number)
    assert (await desk.until(lambda about: about.through_ms == 8000)).digest == digest_of([last])


async def test_what_is_used_least_is_stored_and_forgotten_when_memory_is_short(store, open_desk):
    desk = open_desk(max_bytes=1)
    await desk.own()
    ids = [await desk.put_final(4000 * number) for number in range(5)]
    await desk.until_stored(lambda about: about.learned == 5)
    await desk.put_final(0, source_id="lobby")
    await desk.until(lambda about: about.learned == 1, "lobby")
    async with asyncio.timeout(DEADLINE_S):
        while SOURCE in desk.learner._known:
            await asyncio.sleep(0.01)
    ids.append(await desk.put_final(20_000))
    assert (await desk.until(lambda about: about.learned == 6)).digest == digest_of(ids)


async def test_judging_waits_for_no_learning_that_is_stuck(store, open_desk, monkeypatch):
    """The thread of baselines hangs: `judge` says so within its time, and the store is written as ever."""
    monkeypatch.setattr(judging, "_LONGEST_S", 0.05)
    desk = open_desk()
    await desk.own()
    released = threading.Event()
    hang = asyncio.create_task(desk.learner.compute(partial(released.wait, DEADLINE_S)))
    judge = judging.WindowJudge(desk.learner, desk.settings)
    answer = await judge.judge(Window(SOURCE, 0, 4000, first_seen_ms=0), [], MODELS, desk.fence)
    judge.close()
    assert answer.features
    assert not answer.told
    await desk.put_final(0, answer.features)
    released.set()
    await hang
    assert (await desk.until(lambda about: about.through_ms == 0)).learned == 1

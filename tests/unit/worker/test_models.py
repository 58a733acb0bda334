"""What the worker makes of a model's answers: encoders and fusion over a scripted client."""

import asyncio

import numpy as np
import pytest

from processors.modality import Modality
from processors.models.served import ServedFacts, shipped_facts
from processors.models.spec import FUSION, VIDEO_ENCODER
from streams.align import Window
from streams.errors import ModelFailed, PoisonItem
from streams.inference import TritonServer
from streams.inference.client import Answer
from streams.settings import Settings
from streams.worker.encoders import Encoder
from streams.worker.fusion_versions import AskedVersion
from streams.worker.readiness import Readiness
from streams.worker.services import Fuser

ROW = VIDEO_ENCODER.sample()["frames"][0]
BAD_ROW = np.full_like(ROW, 255)


class Client:
    """A model that answers every row with one number, and fails on `bad`."""

    def __init__(self, spec, number=0.5, bad=None):
        self.name = spec.name
        self.spec = spec
        self.server = TritonServer("127.0.0.1:1")
        self._number = number
        self._bad = bad
        self.asked_for = []

    async def infer(self, inputs, outputs, version=None):
        self.asked_for.append(version)
        batch = next(iter(inputs.values()))
        if self._bad is not None and any(np.array_equal(row, self._bad) for row in batch):
            raise ModelFailed("division by zero")
        shapes = {tensor.name: tensor.shape for tensor in self.spec.outputs}
        answers = {name: np.full((len(batch), *shapes[name]), self._number, np.float32) for name in outputs}
        return Answer(answers, str(version or 3))

    async def reload(self):
        raise AssertionError("a model that answers its sample needs no reload")

    async def close(self):
        pass


THRESHOLDS = {"alarm": 0.4}
THIRD = AskedVersion(3, THRESHOLDS)


def fuser(client, live_version=lambda: THIRD, beside=None):
    return Fuser(client, shipped_facts(), Settings(), Readiness(), live_version, beside)


def encoder(client):
    return Encoder(client, VIDEO_ENCODER, Settings(), Readiness())


async def test_a_window_is_answered_with_the_version_that_answered():
    answer = await fuser(Client(FUSION)).fuse(Window("gate", 0, 10_000, first_seen_ms=0), [])
    assert answer.model_version == "3"
    assert answer.probabilities.tolist() == [0.5] * len(answer.probabilities)


async def test_the_version_that_is_live_as_a_window_is_asked_about_answers_it_with_its_thresholds():
    live, client = iter([THIRD, AskedVersion(4, {"alarm": 0.7})]), Client(FUSION)
    one = fuser(client, lambda: next(live))
    window = Window("gate", 0, 10_000, first_seen_ms=0)

    answers = [await one.fuse(window, []) for _ in range(2)]
    assert [(answer.model_version, answer.thresholds) for answer in answers] == [
        ("3", {"alarm": 0.4}),
        ("4", {"alarm": 0.7}),
    ]
    assert client.asked_for == [3, 4]


async def test_whoever_listens_beside_hears_of_each_answer_that_counts():
    heard = []
    one = fuser(Client(FUSION), beside=lambda *answer: heard.append(answer))
    bad = fuser(Client(FUSION, np.nan), beside=lambda *answer: heard.append(answer))
    window = Window("gate", 0, 10_000, first_seen_ms=0)

    answer = await one.fuse(window, [])
    with pytest.raises(PoisonItem):
        await bad.fuse(window, [])

    [(window_id, inputs, told)] = heard
    assert (window_id, told) == (window.id, answer)
    assert inputs.keys() == {tensor.name for tensor in FUSION.inputs}


async def test_an_embedding_comes_with_the_version_that_made_it():
    assert (await encoder(Client(VIDEO_ENCODER)).encode(ROW)).model_version == "3"


@pytest.mark.parametrize("number", [np.nan, np.inf])
async def test_a_window_whose_answer_is_not_finite_is_poison(number):
    with pytest.raises(PoisonItem) as poison:
        await fuser(Client(FUSION, number)).fuse(Window("gate", 0, 10_000, first_seen_ms=0), [])
    assert (poison.value.code, poison.value.stage) == ("fuse.not_finite", "fuse")
    assert "gate" in str(poison.value)


async def test_a_row_whose_embedding_is_not_finite_is_poison():
    with pytest.raises(PoisonItem) as poison:
        await encoder(Client(VIDEO_ENCODER, np.nan)).encode(ROW)
    assert (poison.value.code, poison.value.stage) == ("encode.not_finite", "encode")


async def test_a_row_on_which_its_model_fails_is_poison_and_the_next_is_answered():
    one = encoder(Client(VIDEO_ENCODER, bad=BAD_ROW))
    with pytest.raises(PoisonItem) as poison:
        await one.encode(BAD_ROW)
    assert (poison.value.code, poison.value.stage) == ("encode.failed", "encode")
    assert np.isfinite((await one.encode(ROW)).embedding).all()


class BusyClient(Client):
    """Answers once it is let go; remembers how many windows each request held."""

    def __init__(self, spec):
        super().__init__(spec)
        self.let_go = asyncio.Event()
        self.batches = []

    async def infer(self, inputs, outputs, version=None):
        self.batches.append(len(inputs["video"]))
        await self.let_go.wait()
        return await super().infer(inputs, outputs, version)


class Watched(list):
    """Items of a window; says when they were laid out."""

    def __init__(self, seen):
        super().__init__()
        self._seen = seen

    def __iter__(self):
        self._seen.add(id(self))
        return super().__iter__()


async def test_raw_windows_are_laid_out_as_far_as_requests_take_them_and_no_further():
    served = ServedFacts({Modality.TRANSCRIPT: 4}, ("leak",), {"leak": 0.5}, {Modality.VIDEO: 2, Modality.AUDIO: 1}, 2)
    client, seen = BusyClient(served.make_specs()["fusion"]), set()
    asked = Fuser(client, served, Settings(), Readiness(), lambda: THIRD)
    windows = [Watched(seen) for _ in range(40)]
    answers = [
        asyncio.create_task(asked.fuse(Window("gate", k, k + 100, first_seen_ms=0), items))
        for k, items in enumerate(windows)
    ]
    while len(client.batches) < 3:
        await asyncio.sleep(0)
    at_most = 2 * Settings().triton.max_in_flight
    assert 0 < len(seen) <= at_most
    client.let_go.set()
    assert len(await asyncio.gather(*answers)) == 40
    assert max(client.batches) == 2
    await asked.close()

"""What an encoder answers to a row: cells only where they are wanted, and nothing that is no number."""

import numpy as np
import pytest

from processors.models.spec import CELLS_SHAPE, VIDEO_ENCODER
from streams.errors import PoisonItem
from streams.inference import ModelClient, TritonServer
from streams.inference.client import Answer
from streams.settings import Settings
from streams.worker.encoders import Encoder
from streams.worker.readiness import Readiness

FRAME = np.zeros((224, 224, 3), np.uint8)


@pytest.fixture
async def ask(monkeypatch):
    """Asks an encoder whose model answers these numbers; gives what came, and which outputs were asked for."""
    opened = []

    async def ask(embedding=1.0, cells=1.0, *, wants_cells):
        client = ModelClient(TritonServer("127.0.0.1:1"), VIDEO_ENCODER, timeout_s=1)
        asked = []

        async def infer(_inputs, outputs, _version=None):
            asked.append(list(outputs))
            answers = {"embedding": np.full((1, 1280), embedding, np.float32)}
            answers["cells"] = np.full((1, *CELLS_SHAPE), cells, np.float16)
            return Answer({name: answers[name] for name in outputs}, "3")

        monkeypatch.setattr(client, "infer", infer)
        opened.append(Encoder(client, VIDEO_ENCODER, Settings(), Readiness(), wants_cells=wants_cells))
        return await opened[-1].encode(FRAME), asked

    yield ask
    for encoder in opened:
        await encoder.close()


async def test_cells_come_where_they_are_wanted(ask):
    answer, asked = await ask(wants_cells=True)
    assert asked == [["embedding", "cells"]]
    assert answer.cells.shape == CELLS_SHAPE
    assert answer.model_version == "3"


async def test_cells_are_not_even_asked_for_otherwise(ask):
    answer, asked = await ask(wants_cells=False)
    assert asked == [["embedding"]]
    assert answer.cells is None


@pytest.mark.parametrize("numbers", [{"embedding": np.nan}, {"cells": np.nan}, {"cells": np.inf}])
async def test_an_answer_with_what_is_no_number_is_poison(ask, numbers):
    with pytest.raises(PoisonItem) as caught:
        await ask(**numbers, wants_cells=True)
    assert caught.value.code == "encode.not_finite"

"""The laws of a failing Triton: a bad row is condemned, its neighbours are answered, a restart condemns nobody.

What Triton 2.51 does, as seen here with a model of the Python backend:
    It raises: INTERNAL, with its message and place, for every request that was joined in that batch.
    Its process ends: INTERNAL "Stub process is not healthy" for the batch, after a second, and for every request from
        then on. The process is never started again, while the server and the model go on saying that they are ready.
        Loading the model does nothing, since its files are the same; unloading and loading it, which takes 1.4 s here,
        is the only cure short of a restart.
    It does not return: the client's own DEADLINE_EXCEEDED; the model goes on, and whatever is behind it waits.
    The server is killed: UNAVAILABLE for all that was under way, then for every new connection.
    A batch over `max_batch_size`: INVALID_ARGUMENT. An unknown model: NOT_FOUND; one that is not loaded: NOT_FOUND
        "has no available versions".
"""

import asyncio
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY

from processors.models.config_pbtxt import render_config
from processors.models.spec import EnsembleStep, ModelSpec, TensorSpec
from streams.errors import PoisonItem
from streams.inference import ModelClient, TritonServer, check_models
from streams.settings import Settings, TritonSettings
from streams.worker.encoders import Encoder
from streams.worker.readiness import Readiness
from tests.integration.own_triton import OwnTriton

FRAGILE = ModelSpec(
    name="fragile",
    inputs=(TensorSpec("x", "FP32", (1,)),),
    outputs=(TensorSpec("y", "FP32", (1,)),),
    backend="python",
    max_batch_size=8,
    instance_kind="KIND_CPU",
)
WHOLE = ModelSpec(
    name="whole",
    inputs=FRAGILE.inputs,
    outputs=FRAGILE.outputs,
    backend="ensemble",
    max_batch_size=8,
    batching=None,
    steps=(EnsembleStep(FRAGILE.name, input_map=(("x", "x"),), output_map=(("y", "y"),)),),
)
RAISES, ENDS_ITSELF, KILLS_THE_SERVER, SLEEPS = -1.0, -2.0, -3.0, -4.0  # as in fragile/model.py
GOOD = [float(number) for number in range(1, 12)]
DEADLINE_S = 60.0


def write_models(models: Path) -> None:
    """The fragile model and an ensemble of it."""
    for spec in (FRAGILE, WHOLE):
        version = models / spec.name / "1"
        version.mkdir(parents=True)
        (version.parent / "config.pbtxt").write_text(render_config(spec))
    shutil.copy(Path(__file__).parent / "fragile" / "model.py", models / FRAGILE.name / "1")


@pytest.fixture
async def triton(tmp_path):
    write_models(tmp_path / "models")
    triton = OwnTriton(tmp_path)
    await triton.start()
    yield triton
    await triton.stop()


class Asker:
    """A worker's encoder for a model."""

    def __init__(self, triton: OwnTriton, timeout_s: float, spec: ModelSpec = FRAGILE) -> None:
        self.readiness = Readiness()
        self.readiness.set_present("assignment")
        self.client = ModelClient(TritonServer(triton.address), spec, timeout_s=timeout_s)
        bounds = TritonSettings(grpc=triton.address, timeout_s=timeout_s)
        self.encoder = Encoder(self.client, spec, Settings(triton=bounds), self.readiness)

    async def ask(self, rows):
        """The answer to each row, or the code of its verdict."""
        row = (self.encoder.encode(np.array([number], np.float32)) for number in rows)
        async with asyncio.timeout(DEADLINE_S):
            answers = await asyncio.gather(*row, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, PoisonItem):
                raise answer
        return [answer.code if isinstance(answer, PoisonItem) else float(answer.embedding[0]) for answer in answers]


@pytest.fixture
async def asker(triton):
    asker = Asker(triton, timeout_s=5.0)
    await check_models([asker.client])
    yield asker
    await asker.encoder.close()


def metric(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def until(condition):
    deadline_s = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline_s
        await asyncio.sleep(0.02)


async def test_a_row_on_which_the_model_raises_is_condemned_and_its_neighbours_are_answered(triton, asker):
    reloads = metric("braid_model_reloads_total", model="fragile")

    answers = await asker.ask([*GOOD[:5], RAISES, *GOOD[5:]])

    assert answers.pop(5) == "encode.failed"
    assert answers == [2 * number for number in GOOD]
    assert metric("braid_model_reloads_total", model="fragile") == reloads
    assert asker.readiness.missing == {}


async def test_the_server_says_why_a_row_was_condemned(asker):
    with pytest.raises(PoisonItem, match="this row cannot be computed"):
        await asker.encoder.encode(np.array([RAISES], np.float32))


@pytest.mark.parametrize("spec", [FRAGILE, WHOLE], ids=["model", "ensemble"])
async def test_a_row_that_ends_the_models_process_is_condemned_and_the_model_is_loaded_again(triton, spec):
    triton.keep()
    asker = Asker(triton, timeout_s=5.0, spec=spec)
    reloads = metric("braid_model_reloads_total", model=spec.name)

    answers = await asker.ask([*GOOD[:5], ENDS_ITSELF, *GOOD[5:]])

    await asker.encoder.close()
    assert answers.pop(5) == "encode.failed"
    assert answers == [2 * number for number in GOOD]
    assert metric("braid_model_reloads_total", model=spec.name) - reloads == 4
    assert triton.deaths == 0


async def test_a_row_that_takes_the_server_down_is_condemned_after_four_restarts(triton, asker):
    triton.keep()

    answers = await asker.ask([*GOOD[:5], KILLS_THE_SERVER, *GOOD[5:]])

    assert answers.pop(5) == "encode.failed"
    assert answers == [2 * number for number in GOOD]
    assert triton.deaths == 4


async def test_a_row_that_holds_the_model_up_is_condemned_and_its_neighbours_are_answered(triton):
    asker = Asker(triton, timeout_s=0.5)

    answers = await asker.ask([*GOOD[:5], SLEEPS, *GOOD[5:]])

    await asker.encoder.close()
    assert answers.pop(5) == "encode.failed"
    assert answers == [2 * number for number in GOOD]


async def test_a_killed_server_condemns_nobody_and_the_circuit_opens_until_it_is_back(triton, asker):
    rows = [float(number) for number in range(1, 500)]
    asked = asyncio.create_task(asker.ask(rows))
    await asyncio.sleep(0)
    triton.kill()

    await until(lambda: metric("braid_circuit_open", dependency="triton") == 1)
    await until(lambda: "triton" in asker.readiness.missing)
    triton.keep()

    assert await asked == [2 * number for number in rows]
    assert metric("braid_circuit_open", dependency="triton") == 0
    assert asker.readiness.missing == {}
    assert triton.deaths == 1


async def test_a_server_that_is_killed_again_and_again_condemns_nobody(triton, asker):
    triton.keep()
    answered = []
    for _ in range(3):
        deaths = triton.deaths
        asked = asyncio.create_task(asker.ask(GOOD))
        await asyncio.sleep(0)
        triton.kill()
        answered += await asked
        assert triton.deaths == deaths + 1

    assert answered == [2 * number for number in GOOD] * 3

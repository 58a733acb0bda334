"""A fusion model of another kind, for classes of its own, served without a change of any code."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from processors.models.export import export_model
from processors.models.fusion import (
    ENSEMBLE_KIND,
    Ensemble,
    FusionShape,
    Task,
    TrainedFusion,
    make_fusion,
    save_trained,
)
from processors.models.networks import load_network, read_facts
from processors.models.plan import ModelPlan
from processors.models.skeleton import write_skeleton
from processors.models.spec import EMBEDDING_DIMS, FUSION, make_specs
from streams.errors import ConfigurationError
from streams.inference import TritonServer, read_served
from streams.local.state import StackState
from streams.settings import ModelSettings, Settings
from streams.versions import open_desk

CLASSES = ("leak", "steam", "smoke")
SERVED = (*CLASSES, "mood.bad", "mood.good")


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> ModelPlan:
    """Two kinds of two widths that answer as one, one of which is asked about a moment."""
    torch.manual_seed(0)
    shape = FusionShape(
        modalities={modality.value: dim for modality, dim in EMBEDDING_DIMS.items()},
        tasks=(Task("event", CLASSES, is_exclusive=False), Task("mood", ("bad", "good"), is_exclusive=True)),
        width=96,
    )
    about_a_moment = replace(shape, moment=1.0, rhythms=("video",))
    model = Ensemble([make_fusion("attention", shape), make_fusion("concat", about_a_moment)]).eval()
    path = tmp_path_factory.mktemp("own") / "fusion.safetensors"
    save_trained(TrainedFusion(ENSEMBLE_KIND, model, dict.fromkeys(CLASSES, 0.01)), path)
    return ModelPlan(fusion=path)


@pytest.fixture(scope="module")
def repository(models: Path, plan: ModelPlan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build of the plan makes: the encoders are those of the shipped repository."""
    own = tmp_path_factory.mktemp("own-models") / "repository"
    shutil.copytree(models, own)
    facts = read_facts(plan)
    write_skeleton(own, facts)
    shutil.rmtree(own / "fusion" / "1")
    (own / "fusion" / "1").mkdir()
    export_model(load_network("fusion", plan), facts.make_specs()["fusion"], own / "fusion" / "1" / "model.onnx")
    return own


@pytest.fixture(scope="module")
def stack(
    session_braid_up: Callable, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StackState]:
    data_dir = tmp_path_factory.mktemp("own-stack") / "data"
    running = session_braid_up(data_dir, "--workers", "0", BRAID_MODELS__REPOSITORY=str(repository))
    yield running.wait_until_ready()
    assert running.stop() == 0, running.output


@pytest.fixture
def settings(settings: Settings, repository: Path) -> Settings:
    return settings.model_copy(update={"models": ModelSettings(repository=repository)})


async def test_detections_carry_the_classes_of_the_model_that_is_served(
    start_worker, until_ready, scripted, send, assert_exact, triton_grpc, plan
):
    served = await read_served(TritonServer(triton_grpc), "fusion", timeout_s=10)
    worker = start_worker()
    await until_ready(worker)
    source = scripted("cam", 1_700_000_000_000, 6)
    await send([source])

    found = await assert_exact(source)

    assert served == read_facts(plan)
    assert found
    for detection in found.values():
        assert detection.failed is None
        assert tuple(detection.probabilities) == SERVED
        assert detection.event == max(CLASSES, key=detection.probabilities.__getitem__)
        assert detection.probabilities["mood.bad"] + detection.probabilities["mood.good"] == pytest.approx(1, abs=1e-5)
        assert {tuple(row) for row in detection.contributions.values()} == {SERVED}
        assert len(detection.embedding) == 128
    assert worker.stop() == 0, worker.output


async def test_a_version_for_other_classes_is_refused_and_both_are_shown(settings, plan, tmp_path):
    """Other names that a signature does not tell apart, and another number of them."""
    renamed, shipped = tmp_path / "renamed.onnx", tmp_path / "shipped.onnx"
    export_model(load_network("fusion", plan), make_specs(classes=SERVED[::-1])["fusion"], renamed)
    export_model(load_network("fusion"), FUSION, shipped)

    async with open_desk(settings) as desk:
        for path, classes in ((renamed, '["mood.good", "mood.bad", "smoke"'), (shipped, '["fire_alarm", "collision"')):
            with pytest.raises(ConfigurationError) as refused:
                await desk.deploy("fusion", path)
            assert f"this file: {classes}" in str(refused.value)
            assert 'live:      ["leak", "steam", "smoke", "mood.bad", "mood.good"]' in str(refused.value)

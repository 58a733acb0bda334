"""A fusion model that takes frames and sound as they are: served, asked by a worker, and what goes with it."""

import asyncio
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from processors.modality import Modality
from processors.models.export import export_model
from processors.models.networks import load_network, read_facts
from processors.models.plan import ModelPlan
from processors.models.skeleton import write_skeleton
from processors.models.spec import EMBEDDING_DIMS, EVENT_CLASSES
from streams.errors import ConfigurationError
from streams.inference import TritonServer, read_served
from streams.labels.training_set import Chosen, collect_training_set
from streams.local.state import StackState
from streams.settings import LimitSettings, ModelSettings, Settings
from streams.store import Verdict, add_up
from streams.versions import open_desk

PLAN = ModelPlan(raw={Modality.VIDEO: 8, Modality.AUDIO: 4})
FRAME_BYTES, SECOND_BYTES = 224 * 224 * 3, 64_000


@pytest.fixture(scope="module")
def repository(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a build of the plan makes: the encoders are those of the shipped repository."""
    own = tmp_path_factory.mktemp("raw-models") / "repository"
    shutil.copytree(models, own)
    facts = read_facts(PLAN)
    write_skeleton(own, facts)
    export_model(load_network("fusion", PLAN), facts.make_specs()["fusion"], own / "fusion" / "1" / "model.onnx")
    return own


@pytest.fixture(scope="module")
def stack(
    session_braid_up: Callable, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StackState]:
    data_dir = tmp_path_factory.mktemp("raw-stack") / "data"
    running = session_braid_up(data_dir, "--workers", "0", BRAID_MODELS__REPOSITORY=str(repository))
    yield running.wait_until_ready()
    assert running.stop() == 0, running.output


@pytest.fixture
def settings(settings: Settings, repository: Path) -> Settings:
    return settings.model_copy(update={"models": ModelSettings(repository=repository)})


async def test_windows_are_answered_from_what_was_seen_and_heard_within_the_bound_on_memory(
    settings, repository, start_worker, scripted, send, assert_exact, triton_grpc, store
):
    async with open_desk(settings) as desk:
        number = await desk.deploy("fusion", repository / "fusion" / "1" / "model.onnx")
        await desk.shadow("fusion", number)
    served = await read_served(TritonServer(triton_grpc), "fusion", timeout_s=10)
    assert served.raw == PLAN.raw
    start_ms = (time.time_ns() // 10**6 - 40_000) // 2_000 * 2_000
    sources = [scripted(f"cam-{k}", start_ms, 20) for k in range(2)]
    await send(sources)
    limit_bytes = 12_000_000  # of 33 MB
    worker = start_worker(limits=LimitSettings(max_held_bytes=limit_bytes))

    async def check() -> list:
        return [detection for source in sources for detection in (await assert_exact(source)).values()]

    checking = asyncio.create_task(check())
    largest = await worker.largest_until(checking, "braid_held_bytes")
    found = await checking
    one_turn_bytes = 64 * (FRAME_BYTES + 2_000)  # by which a bound may be passed
    assert limit_bytes < largest < 2 * limit_bytes + one_turn_bytes
    assert worker.metric("braid_windows_sealed_for_memory_total") == 0

    for detection in found:
        assert detection.failed is None
        assert tuple(detection.probabilities) == EVENT_CLASSES
        assert np.isfinite([*detection.probabilities.values(), *detection.embedding]).all()
        assert detection.models.keys() <= {"fusion", "text_encoder"}
        coverage = detection.coverage
        assert (coverage.video.used, coverage.audio.used) == (
            min(8, coverage.video.items),
            min(4, coverage.audio.items),
        )
    whole = [detection for detection in found if detection.coverage.video.items == 20]
    assert whole
    for detection in whole:
        assert any(detection.contributions[Modality.VIDEO].values())
        assert any(detection.contributions[Modality.AUDIO].values())
    assert worker.stop() == 0, worker.output

    # The same graph beside it said the same of each window that it was asked about.
    compared = add_up((await store.read_comparisons(settings.kafka.group, "fusion", 1, number)).values())
    assert compared.answers > 0
    assert (compared.failed, compared.other_event) == (0, 0)
    assert compared.difference_max < 1e-4

    # What is learned from these windows are embeddings, as the encoders in the same repository give them.
    judged = whole[0]
    assert await store.verdicts.keep(judged.id, Verdict(classes=(), asked=EVENT_CLASSES, at_ms=time.time_ns() // 10**6))
    chosen = Chosen(source_id=judged.source_id, limit=1, gap_ms=60_000)
    windows = (await collect_training_set(settings, chosen)).windows
    assert windows is not None
    for modality, part in windows.modalities.items():
        assert part.items.shape[2] == EMBEDDING_DIMS[modality]
        assert np.abs(part.items).max() > 0


async def test_a_version_over_embeddings_is_refused_and_both_signatures_are_shown(settings, models):
    async with open_desk(settings) as desk:
        with pytest.raises(ConfigurationError) as refused:
            await desk.deploy("fusion", models / "fusion" / "1" / "model.onnx")
    own, live = str(refused.value).split("live:")
    assert "video FP32 [N, 32, 1280]" in own
    assert "video UINT8 [N, 8, 224, 224, 3]" in live

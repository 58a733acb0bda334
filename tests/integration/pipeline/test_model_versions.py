"""Versions of the fusion model on a stack of their own: swapped under load, and refused without harm."""

import asyncio
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
import torch
from onnx import TensorProto, helper

from processors.models.export import export_model
from processors.models.fusion import load_fusion
from processors.models.repository import versions_of
from processors.models.served import shipped_facts
from processors.models.skeleton import write_skeleton
from processors.models.spec import FUSION
from streams.inference import ModelClient, TritonServer
from streams.local.state import StackState
from streams.settings import ModelSettings, Settings
from streams.store import LiveModels, ModelVersions, Store

DEADLINE_S = 60.0
TAKEN_UP_WITHIN_MS = 2_000
SECONDS, SPEED = 210, 3.0


@pytest.fixture(scope="module")
def repository(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    own = tmp_path_factory.mktemp("versions") / "repository"
    shutil.copytree(models, own)
    write_skeleton(own)
    return own


@pytest.fixture(scope="module")
def stack(
    session_braid_up: Callable, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StackState]:
    """A stack of this module's own: what it loads would answer other tests' windows, too."""
    data_dir = tmp_path_factory.mktemp("versions-stack") / "data"
    running = session_braid_up(data_dir, "--workers", "0", BRAID_MODELS__REPOSITORY=str(repository))
    yield running.wait_until_ready()
    assert running.stop() == 0, running.output


@pytest.fixture
def settings(settings: Settings, repository: Path) -> Settings:
    return settings.model_copy(update={"models": ModelSettings(repository=repository)})


@pytest.fixture(autouse=True)
async def first_is_live(settings: Settings, store: Store) -> None:
    """Whatever other tests have loaded."""
    begun = LiveModels().changed("fusion", ModelVersions(live=1, highest=1))
    assert await store.agree_on_models(settings.kafka.group, None, begun) == begun


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fusion network, surer of everything."""
    network = load_fusion()
    with torch.no_grad():
        network.head.bias += 1.0
    path = tmp_path_factory.mktemp("trained") / "trained.onnx"
    export_model(network, FUSION, path)
    return path


@pytest.fixture(scope="module")
def lenient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fusion network as it is, with thresholds of its own: anything is a crowd's panic, and nothing else."""
    spec = replace(shipped_facts(), thresholds={"crowd_panic": 0.0}).make_specs()["fusion"]
    path = tmp_path_factory.mktemp("lenient") / "lenient.onnx"
    export_model(load_fusion(), spec, path)
    return path


@pytest.fixture
def done(braid_models: Callable) -> Callable:
    """Runs `braid models …`, which must succeed; gives what it printed."""

    async def done(*arguments: str) -> str:
        code, printed, said = await braid_models(*arguments)
        assert code == 0, said
        return printed

    return done


@pytest.fixture
def fusion(done: Callable) -> Callable:
    """What `braid models list --json` says of the fusion model."""

    async def fusion() -> dict:
        models = json.loads(await done("list", "--json"))["models"]
        return next(model for model in models if model["name"] == "fusion")

    return fusion


def now_ms() -> int:
    return time.time_ns() // 10**6


async def test_a_version_is_swapped_under_load_and_no_window_is_lost_or_answered_by_two(
    start_worker, until_ready, scripted, send, until_answered, store, done, fusion, assert_exact, consume_told, trained
):
    workers = [start_worker(), start_worker()]
    for worker in workers:
        await until_ready(worker)
    sources = [scripted(name, 1_700_000_000_000, SECONDS) for name in ("north", "south")]
    swapped = asyncio.Event()
    sending = asyncio.create_task(send(sources, speed=SPEED, paced_until=swapped))
    await until_answered(sources)

    async def until_a_new_answer_is_by(version: str, since_ms: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                newest = await store.list_detections(sources[0].source_id, limit=3, newest=True)
                if any(each.models["fusion"] == version and each.stored_ms > since_ms for each in newest):
                    return
                await asyncio.sleep(0.1)

    before = (await fusion())["versions"]
    await done("deploy", "fusion", str(trained))
    after = (await fusion())["versions"]
    new = after[-1]["version"]
    assert [(each["version"], each["role"]) for each in after] == [
        *((each["version"], each["role"]) for each in before),
        (new, None),
    ]
    await done("shadow", "fusion", str(new))
    async with asyncio.timeout(DEADLINE_S):
        while (await fusion())["comparison"]["answers"] < 5:
            pass
    compared = (await fusion())["comparison"]
    promoting_ms = now_ms()
    await done("promote", "fusion", str(new))
    promoted_ms = now_ms() + TAKEN_UP_WITHIN_MS
    await until_a_new_answer_is_by(str(new), promoted_ms)
    rolling_back_ms = now_ms()
    await done("rollback", "fusion")
    rolled_back_ms = now_ms() + TAKEN_UP_WITHIN_MS
    await until_a_new_answer_is_by("1", rolled_back_ms)
    assert not sending.done(), "the swap was not under load to its end"
    swapped.set()
    await sending

    assert (compared["live"], compared["shadow"], compared["failed"], compared["skipped"]) == (1, new, 0, 0)
    assert 0 < compared["mean_difference"] <= compared["max_difference"] < 1
    expected = {detection.id for source in sources for detection in (await assert_exact(source)).values()}
    told, _ = await consume_told(lambda detections, _states: {each.id for each in detections if each.final} >= expected)
    by_first = [each for each in told if not promoting_ms <= each.stored_ms <= rolled_back_ms]
    by_new = [each for each in told if promoted_ms <= each.stored_ms <= rolling_back_ms]
    assert {each.models["fusion"] for each in by_first} == {"1"}
    assert {each.models["fusion"] for each in by_new} == {str(new)}
    answers: dict[tuple[str, int], set[str]] = {}
    for each in told:
        answers.setdefault((each.id, each.revision), set()).add(each.models["fusion"])
    assert {len(versions) for versions in answers.values()} == {1}
    assert all(each.failed is None for each in told)
    for worker in workers:
        assert worker.stop() == 0, worker.output


async def test_a_worker_that_starts_later_asks_what_was_promoted(
    start_worker, until_ready, scripted, send, done, fusion, finals, trained
):
    await done("deploy", "fusion", str(trained))
    new = (await fusion())["versions"][-1]["version"]
    await done("promote", "fusion", str(new))

    worker = start_worker()
    await until_ready(worker)
    source = scripted("cam", 1_700_000_000_000, 6)
    await send([source])

    assert {each.models["fusion"] for each in (await finals(source)).values()} == {str(new)}


async def test_what_cannot_take_the_live_version_s_place_is_refused_and_leaves_it_serving(
    repository, triton_grpc, braid_models, fusion, trained, tmp_path
):
    """Refused: another signature, a file that is cut, and one that only the server finds out about."""
    other, cut, torn = tmp_path / "other.onnx", tmp_path / "cut.onnx", tmp_path / "torn" / "model.onnx"
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 2]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "other", tensors[:1], tensors[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), other)
    cut.write_bytes(trained.read_bytes()[:-1000])
    torn.parent.mkdir()
    onnx.save(onnx.load(trained), torn, save_as_external_data=True, location="weights.bin")
    before = (await fusion())["versions"]
    folders = versions_of(repository / "fusion")

    refused = [await braid_models("deploy", "fusion", str(path)) for path in (other, cut, torn)]
    unloaded = await braid_models("promote", "fusion", "99")

    assert [code for code, _, _ in (*refused, unloaded)] == [2, 2, 2, 2]
    assert "this file: x FP32 [N, 2] -> y FP32 [N, 2]" in refused[0][2]
    assert "live:      audio FP32 [N, 16, 1280]; audio_time FP32 [N, 16]" in refused[0][2]
    assert "not an ONNX model" in refused[1][2]
    assert "version 1 serves on" in refused[2][2]
    assert "weights.bin" in refused[2][2]
    assert "version 99 of fusion is not loaded" in unloaded[2]
    assert versions_of(repository / "fusion") == folders
    assert not list((repository / "fusion").glob(".*"))
    assert (await fusion())["versions"] == before
    async with ModelClient(TritonServer(triton_grpc), FUSION, timeout_s=10) as client:
        await client.infer(FUSION.sample(), ["probabilities"], 1)


async def test_a_folder_brings_its_external_data_and_a_version_can_be_removed_again(
    repository, braid_models, done, fusion, trained, tmp_path
):
    folder = tmp_path / "whole"
    folder.mkdir()
    onnx.save(onnx.load(trained), folder / "model.onnx", save_as_external_data=True, location="w.bin")
    before = (await fusion())["versions"]

    await done("deploy", "fusion", str(folder))
    new = (await fusion())["versions"][-1]
    assert (new["loaded"], (repository / "fusion" / str(new["version"]) / "w.bin").is_file()) == (True, True)
    await done("shadow", "fusion", str(new["version"]))
    code, _, said = await braid_models("remove", "fusion", str(new["version"]))
    assert (code, "is the shadow" in said) == (2, True)
    await done("shadow", "fusion", str(new["version"]), "--off")
    await done("remove", "fusion", str(new["version"]))

    assert (await fusion())["versions"] == before
    assert new["version"] not in versions_of(repository / "fusion")


async def test_a_version_with_thresholds_of_its_own_is_judged_by_them_as_a_shadow_and_acted_on_by_them_when_live(
    start_worker, until_ready, scripted, send, finals, done, fusion, lenient
):
    await done("deploy", "fusion", str(lenient))
    new = (await fusion())["versions"][-1]
    assert new["thresholds"] == {"crowd_panic": 0.0}
    assert f"fusion {new['version']} has thresholds of its own: crowd_panic from 0 on" in await done("list")
    await done("shadow", "fusion", str(new["version"]))
    worker = start_worker()
    await until_ready(worker)

    first = scripted("before", 1_700_000_000_000, 6)
    await send([first])
    before = await finals(first)
    async with asyncio.timeout(DEADLINE_S):
        while (await fusion())["comparison"]["answers"] < len(before):
            pass
    compared = (await fusion())["comparison"]
    listed = await done("list", "--differences")
    await done("promote", "fusion", str(new["version"]))
    async with asyncio.timeout(DEADLINE_S):
        while await asyncio.to_thread(worker.probe, "/metrics") is None or not live_in(worker, new["version"]):
            await asyncio.sleep(0.1)
    second = scripted("after", 1_700_000_000_000, 6)
    await send([second])
    after = await finals(second)

    assert {(each.models["fusion"], each.event) for each in after.values()} == {(str(new["version"]), "crowd_panic")}
    assert {each.models["fusion"] for each in before.values()} == {"1"}
    assert "crowd_panic" not in {each.event for each in before.values()}
    assert compared["other_event_share"] == 1.0
    told = {each["window_id"]: each for each in compared["differences"]}
    assert told
    assert told.keys() <= {each.id for each in before.values()}
    assert {each["shadow_event"] for each in told.values()} == {"crowd_panic"}
    assert all(window_id in listed for window_id in told)
    assert worker.stop() == 0, worker.output


def live_in(worker, version: int) -> bool:
    """Whether a worker says that it asks this version."""
    return f'braid_model_version{{model="fusion"}} {float(version)}' in worker.probe("/metrics")[1]

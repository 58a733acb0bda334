"""What a person does with versions: a real Redis, a repository, and a Triton whose loads end as a test wants."""

import asyncio
import json
from pathlib import Path

import grpc
import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from processors.models.config_pbtxt import render_config
from processors.models.repository import versions_of
from processors.models.served import shipped_facts
from processors.models.signature import THRESHOLDS_PROPERTY
from processors.models.spec import FUSION, ModelSpec
from streams.errors import ConfigurationError
from streams.inference import ModelClient, TritonControl, TritonServer
from streams.settings import Settings, TritonSettings
from streams.store import LiveModels, ModelVersions
from streams.versions import VersionDesk

FACTS = shipped_facts()
SPEC = FACTS.make_specs()["fusion"]
OWN = dict.fromkeys(FACTS.thresholds, 0.125)
LIVE = ModelVersions(live=1, highest=1)
LOAD_S = 1.0


def network(path: Path, thresholds: str | None = None) -> Path:
    """Takes and gives what the fusion model does."""
    types = {"FP32": TensorProto.FLOAT}
    taken = [helper.make_tensor_value_info(t.name, types[t.dtype], ["N", *t.shape]) for t in SPEC.inputs]
    given = [helper.make_tensor_value_info(t.name, types[t.dtype], ["N", *t.shape]) for t in SPEC.outputs]
    nodes, constants = [], []
    [weights] = [tensor for tensor in SPEC.inputs if tensor.name == "audio_weight"]
    for tensor in SPEC.outputs:
        columns = int(np.prod(tensor.shape))
        matrix = np.zeros((*weights.shape, columns), np.float32)
        constants.append(helper.make_tensor(f"{tensor.name}_w", TensorProto.FLOAT, matrix.shape, matrix.ravel()))
        shape = [-1, *tensor.shape]
        constants.append(helper.make_tensor(f"{tensor.name}_s", TensorProto.INT64, [len(shape)], shape))
        nodes.append(helper.make_node("MatMul", ["audio_weight", f"{tensor.name}_w"], [f"{tensor.name}_flat"]))
        nodes.append(helper.make_node("Reshape", [f"{tensor.name}_flat", f"{tensor.name}_s"], [tensor.name]))
    graph = helper.make_graph(nodes, "fusion", taken, given, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    if thresholds is not None:
        model.metadata_props.add(key=THRESHOLDS_PROPERTY, value=thresholds)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Serves what lies in a repository; each of `loads` says how a load ends, and those after them end well."""

    def __init__(self, repository: Path, spec: ModelSpec):
        self.folder = repository / "fusion"
        self.config = text_format.Parse(render_config(spec), model_config_pb2.ModelConfig())
        self.spec = spec
        self.loads = []
        self.begun = asyncio.Event()
        self.is_gone = False
        self.loaded = {1}

    async def RepositoryIndex(self, request, context):  # noqa: N802 - the protocol's name
        entry = service_pb2.RepositoryIndexResponse.ModelIndex
        entries = [entry(name="fusion", version=str(version), state="READY") for version in sorted(self.loaded)]
        return service_pb2.RepositoryIndexResponse(models=entries)

    async def RepositoryModelLoad(self, request, context):  # noqa: N802 - the protocol's name
        self.begun.set()
        end = self.loads.pop(0) if self.loads else None
        if end is asyncio.TimeoutError:
            await asyncio.Event().wait()
        if end is not None:
            await context.abort(*end)
        self.loaded = set(versions_of(self.folder))
        return service_pb2.RepositoryModelLoadResponse()

    async def ModelConfig(self, request, context):  # noqa: N802 - the protocol's name
        return service_pb2.ModelConfigResponse(config=self.config)

    async def ModelMetadata(self, request, context):  # noqa: N802 - the protocol's name
        told = service_pb2.ModelMetadataResponse.TensorMetadata
        inputs, outputs = (
            [told(name=t.name, datatype=t.dtype, shape=[-1, *t.shape]) for t in tensors]
            for tensors in (self.spec.inputs, self.spec.outputs)
        )
        return service_pb2.ModelMetadataResponse(name="fusion", inputs=inputs, outputs=outputs)

    async def ModelInfer(self, request, context):  # noqa: N802 - the protocol's name
        if self.is_gone:
            await context.abort(*GONE)
        wanted = {tensor.name: tensor.shape for tensor in self.spec.outputs}
        answer = service_pb2.ModelInferResponse(model_name="fusion", model_version=request.model_version)
        for asked in request.outputs:
            shape = (1, *wanted[asked.name])
            answer.outputs.add(name=asked.name, datatype="FP32", shape=shape)
            answer.raw_output_contents.append(np.zeros(shape, np.float32).tobytes())
        return answer


@pytest.fixture
async def triton(tmp_path):
    network(tmp_path / "repository" / "fusion" / "1" / "model.onnx")
    servicer, server = Servicer(tmp_path / "repository", SPEC), grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield servicer
    await server.stop(None)


@pytest.fixture
async def at_desk(triton, store, tmp_path):
    async with (
        TritonControl(triton.address, timeout_s=5) as control,
        ModelClient(TritonServer(triton.address), FUSION, timeout_s=5) as client,
    ):
        settings = Settings(triton=TritonSettings(timeout_s=5, load_timeout_s=LOAD_S))
        yield VersionDesk(settings, store, control, client, tmp_path / "repository")


async def fusion(store):
    return (await store.read_models("braid")).models["fusion"]


async def test_a_version_s_thresholds_are_kept_with_its_number_and_shown(at_desk, store, tmp_path):
    assert await at_desk.deploy("fusion", network(tmp_path / "own.onnx", json.dumps(OWN))) == 2
    assert await at_desk.deploy("fusion", network(tmp_path / "usual.onnx", json.dumps(dict(FACTS.thresholds)))) == 3
    assert await at_desk.deploy("fusion", network(tmp_path / "none.onnx")) == 4
    assert (await fusion(store)).thresholds == {2: OWN, 3: FACTS.thresholds}
    [shown] = await at_desk.overview()
    assert [version.thresholds for version in shown.versions] == [None, OWN, None, None]
    await at_desk.remove("fusion", 2)
    assert (await fusion(store)).thresholds == {3: FACTS.thresholds}


async def test_thresholds_that_cannot_be_are_refused_before_anything_is_copied(at_desk, triton, tmp_path):
    with pytest.raises(ConfigurationError, match=r"odd\.onnx: braid\.thresholds in its metadata: .*between 0 and 1"):
        await at_desk.deploy("fusion", network(tmp_path / "odd.onnx", '{"fire_alarm": 7}'))
    assert versions_of(triton.folder) == [1]


@pytest.mark.parametrize("deed", ["promote", "shadow"])
async def test_the_thresholds_of_a_version_that_was_put_there_by_hand_are_read(at_desk, store, triton, deed):
    network(triton.folder / "2" / "model.onnx", json.dumps(OWN))
    await store.agree_on_models("braid", None, LiveModels().changed("fusion", LIVE))
    triton.loaded = {1, 2}
    changed = await getattr(at_desk, deed)("fusion", 2)
    assert changed == await fusion(store)
    assert changed.thresholds == {2: OWN}


async def test_a_load_that_does_not_end_in_time_is_refused_and_the_version_taken_back(at_desk, store, triton, tmp_path):
    triton.loads = [asyncio.TimeoutError]
    with pytest.raises(ConfigurationError) as refused:
        await at_desk.deploy("fusion", network(tmp_path / "new.onnx", json.dumps(OWN)))
    assert "version 2 of fusion was not deployed: load fusion" in str(refused.value)
    assert "does not answer within 1 s" in str(refused.value)
    assert str(refused.value).endswith("version 1 serves on")
    assert (versions_of(triton.folder), triton.loaded, await fusion(store)) == ([1], {1}, LIVE)


NO_MEMORY = (grpc.StatusCode.INVALID_ARGUMENT, "version 2 is at UNAVAILABLE state: std::bad_alloc")
GONE = (grpc.StatusCode.UNAVAILABLE, "Socket closed")


async def test_a_version_that_triton_cannot_be_told_to_forget_is_removed_and_both_reasons_are_said(
    at_desk, store, triton, tmp_path
):
    triton.loads = [NO_MEMORY, GONE]
    with pytest.raises(ConfigurationError) as refused:
        await at_desk.deploy("fusion", network(tmp_path / "new.onnx"))
    first, _, rest = str(refused.value).partition("; version 1 serves on; ")
    assert "std::bad_alloc (short of memory: give Triton more, or unload" in first
    assert "its folder was removed again, but Triton could not be told" in rest
    assert "Socket closed" in rest
    assert (versions_of(triton.folder), await fusion(store)) == ([1], LIVE)


async def test_a_version_whose_folder_cannot_be_removed_again_is_named_with_both_reasons(
    at_desk, store, triton, tmp_path
):
    triton.loads = [NO_MEMORY]
    load = at_desk._control.load

    async def load_and_lock(model, **bounds):
        # Nothing can be made beside the version any more.
        (triton.folder / "2").rename(tmp_path / "2")
        for folder in sorted(triton.folder.rglob("*"), reverse=True):
            folder.rmdir() if folder.is_dir() else folder.unlink()
        triton.folder.rmdir()
        triton.folder.write_text("")
        await load(model, **bounds)

    at_desk._control.load = load_and_lock
    with pytest.raises(ConfigurationError) as refused:
        await at_desk.deploy("fusion", network(tmp_path / "new.onnx"))
    first, _, rest = str(refused.value).partition("; version 1 serves on; ")
    assert "std::bad_alloc" in first
    assert "remove its folder" in rest
    assert str(triton.folder / "2") in rest
    assert await fusion(store) == LIVE


async def test_that_the_live_version_serves_on_is_said_only_where_it_answers(at_desk, store, triton, tmp_path):
    """A server that cannot allocate may end."""
    triton.loads, triton.is_gone = [GONE, GONE], True
    with pytest.raises(ConfigurationError) as refused:
        await at_desk.deploy("fusion", network(tmp_path / "new.onnx"))
    assert "serves on" not in str(refused.value)
    assert "; version 1 stays live, and answers again as soon as Triton does: model fusion at" in str(refused.value)
    assert (versions_of(triton.folder), await fusion(store)) == ([1], LIVE)


async def test_a_deployment_that_nobody_waits_for_any_longer_leaves_no_version_behind(at_desk, store, triton, tmp_path):
    triton.loads = [asyncio.TimeoutError]
    deploying = asyncio.create_task(at_desk.deploy("fusion", network(tmp_path / "new.onnx")))
    await triton.begun.wait()
    assert versions_of(triton.folder) == [1, 2]
    deploying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await deploying
    assert (versions_of(triton.folder), await fusion(store)) == ([1], LIVE)

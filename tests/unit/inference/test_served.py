"""What a worker learns from the configuration of the served fusion model, over a real gRPC connection."""

import grpc
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from processors.modality import Modality
from processors.models.config_pbtxt import render_config
from processors.models.served import ServedFacts
from streams.errors import ContractBroken, ModelFailed
from streams.inference import TritonServer, read_embedding_dims, read_served

FACTS = ServedFacts(
    {Modality.VIDEO: 5, Modality.AUDIO: 6, Modality.TRANSCRIPT: 7}, ("leak", "mood.good", "steam"), {"leak": 0.25}
)


RAW = ServedFacts(
    {Modality.TRANSCRIPT: 7}, ("leak",), {"leak": 0.25}, raw={Modality.VIDEO: 6, Modality.AUDIO: 3}, max_batch=8
)


def configuration_of(facts, model="fusion"):
    return text_format.Parse(render_config(facts.make_specs()[model]), model_config_pb2.ModelConfig())


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers one configuration; where nothing is loaded, that it knows no such model."""

    def __init__(self):
        self.config = configuration_of(FACTS)
        self.asked = []

    async def RepositoryIndex(self, request, context):  # noqa: N802 - the protocol's name
        state = "UNAVAILABLE" if self.config is None else "READY"
        return service_pb2.RepositoryIndexResponse(models=[{"name": "guard", "version": "1", "state": state}])

    async def ModelConfig(self, request, context):  # noqa: N802 - the protocol's name
        self.asked.append(request.name)
        if self.config is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"unknown model: '{request.name}' is not found")
        return service_pb2.ModelConfigResponse(config=self.config)


@pytest.fixture
async def triton():
    servicer, server = Servicer(), grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield servicer
    await server.stop(None)


def read(triton):
    return read_served(TritonServer(triton.address), "guard", timeout_s=5)


async def test_classes_thresholds_and_lengths_are_those_of_the_served_model(triton):
    assert await read(triton) == FACTS
    assert triton.asked == ["guard"]


async def test_a_model_that_is_not_loaded_is_waited_for(triton):
    triton.config = None
    with pytest.raises(ModelFailed, match="no version is loaded"):
        await read(triton)


async def test_a_model_that_does_not_say_its_classes_is_refused_with_the_mend(triton):
    triton.config.parameters.clear()
    with pytest.raises(
        ContractBroken, match=r"model guard at .*`classes` is missing; .*`braid models build`"
    ) as refused:
        await read(triton)
    assert refused.value.code == "model.classes"


async def test_a_model_with_a_fault_in_its_thresholds_is_refused_with_what_was_got(triton):
    triton.config.parameters["thresholds"].string_value = '{"leak": 7}'
    with pytest.raises(ContractBroken, match=r"thresholds are \{'leak': 7\}; expected .*between 0 and 1"):
        await read(triton)


async def test_a_model_that_takes_no_items_of_a_modality_is_refused(triton):
    del triton.config.input[3:6]
    with pytest.raises(ContractBroken, match=r"input for audio is missing; expected audio FP32 \[T, D\]") as refused:
        await read(triton)
    assert refused.value.code == "model.signature"


async def test_what_is_taken_raw_and_how_many_windows_at_a_time_is_read_from_the_served_model(triton):
    triton.config = configuration_of(RAW)
    found = await read(triton)
    assert found == RAW
    assert found.make_specs()["fusion"].inputs == RAW.make_specs()["fusion"].inputs
    assert "video_encoder" not in found.make_specs()


async def test_fewer_windows_in_a_request_are_obeyed(triton):
    triton.config.max_batch_size = 3
    assert (await read(triton)).make_specs()["fusion"].max_batch_size == 3


@pytest.mark.parametrize(
    ("dtype", "dims", "got"),
    [
        ("TYPE_UINT8", [8, 240, 320, 3], r"video UINT8 \[8, 240, 320, 3\]"),
        ("TYPE_FP32", [8, 224, 224, 3], r"video FP32 \[8, 224, 224, 3\]"),
        ("TYPE_FP16", [32, 1280], r"video FP16 \[32, 1280\]"),
        ("TYPE_UINT8", [-1, 224, 224, 3], r"video UINT8 \[-1, 224, 224, 3\]"),
        ("TYPE_FP32", [32], r"video FP32 \[32\]"),
    ],
)
async def test_items_in_a_form_that_is_not_known_are_refused_with_the_forms_that_are(triton, dtype, dims, got):
    triton.config.input[0].data_type = model_config_pb2.DataType.Value(dtype)
    triton.config.input[0].dims[:] = dims
    expected = r"expected video FP32 \[T, D\] \(embeddings\) or video UINT8 \[T, 224, 224, 3\] \(raw frames\)"
    with pytest.raises(ContractBroken, match=f"input for video is {got}; {expected}.*`braid models build`") as refused:
        await read(triton)
    assert refused.value.code == "model.signature"


@pytest.mark.parametrize(("limit", "batch"), [(1_000, 8), (8, 0)])
async def test_a_model_that_no_request_can_ask_is_refused(triton, limit, batch):
    triton.config = configuration_of(RAW)
    for tensor in triton.config.input[:3]:
        tensor.dims[0] = limit
    triton.config.max_batch_size = batch
    with pytest.raises(
        ContractBroken, match=rf"takes {batch} windows of [0-9,]+ bytes in a request; expected at least"
    ):
        await read(triton)


async def test_the_lengths_of_embeddings_are_asked_of_the_encoders(triton):
    triton.config = configuration_of(FACTS, "video_encoder")
    server = TritonServer(triton.address)
    assert await read_embedding_dims(server, {Modality.VIDEO: "seer"}, timeout_s=5) == {Modality.VIDEO: 5}
    assert triton.asked == ["seer"]
    triton.config = configuration_of(FACTS)
    triton.config.output[2].name = "vector"
    with pytest.raises(ContractBroken, match=r"model seer at .* gives no embedding, expected embedding FP32 \[D\]"):
        await read_embedding_dims(server, {Modality.VIDEO: "seer"}, timeout_s=5)
    triton.config = None
    with pytest.raises(ContractBroken, match=r"model seer at .*unknown model.*`braid models build`"):
        await read_embedding_dims(server, {Modality.VIDEO: "seer"}, timeout_s=5)

"""Which error each of Triton's answers becomes, over a real gRPC connection to a scripted server."""

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from processors.models.spec import TEXT_ENCODER, ModelSpec, TensorSpec
from streams.errors import ContractBroken, DependencyUnavailable, ModelFailed, PoisonItem
from streams.inference import ModelClient, TritonServer
from streams.inference.breaker import UNSENT
from streams.inference.trial import TIMED_OUT

SPEC = ModelSpec(
    name="halved",
    inputs=(TensorSpec("x", "FP32", (1,)),),
    outputs=(TensorSpec("y", "FP32", (1,)),),
    backend="python",
    max_batch_size=8,
)
X = {"x": np.zeros((1, 1), np.float32)}
OPENS_AFTER = 5


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Ends every inference with one status, or an answer; remembers what it was asked to load and unload."""

    def __init__(self):
        self.status = (grpc.StatusCode.INTERNAL, "")
        self.answered = None
        self.calls = 0
        self.asked = []
        self.refuses_to_unload = False

    async def ModelInfer(self, request, context):  # noqa: N802 - the protocol's name
        self.calls += 1
        if self.answered is None:
            await context.abort(*self.status)
        output = {"name": "y", "datatype": "FP32", "shape": self.answered.shape}
        return service_pb2.ModelInferResponse(outputs=[output], raw_output_contents=[self.answered.tobytes()])

    async def RepositoryModelLoad(self, request, context):  # noqa: N802 - the protocol's name
        self.asked.append(f"load {request.model_name}")
        return service_pb2.RepositoryModelLoadResponse()

    async def RepositoryModelUnload(self, request, context):  # noqa: N802 - the protocol's name
        self.asked.append(f"unload {request.model_name}")
        if self.refuses_to_unload:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "explicit model load / unload is not allowed")
        return service_pb2.RepositoryModelUnloadResponse()


@pytest.fixture
async def triton():
    servicer, server = Servicer(), grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield servicer
    await server.stop(None)


@pytest.fixture
async def client(triton):
    async with ModelClient(TritonServer(triton.address), SPEC, timeout_s=5) as client:
        yield client


@pytest.mark.parametrize(
    ("status", "reason", "family", "code"),
    [
        ("INVALID_ARGUMENT", "batch-size must be <= 8", PoisonItem, "encode.refused"),
        ("NOT_FOUND", "unknown model: 'halved' is not found", ContractBroken, "model.unknown"),
        ("UNIMPLEMENTED", "", ContractBroken, "model.unknown"),
        ("NOT_FOUND", "unknown model: 'halved' has no available versions", ModelFailed, "triton.model_failed"),
        ("NOT_FOUND", "Request for unknown model: 'halved' version 2 is not found", ModelFailed, "triton.model_failed"),
        ("UNAVAILABLE", "'halved' version 2 is not at ready state", ModelFailed, "triton.model_failed"),
        ("UNAVAILABLE", "Socket closed", DependencyUnavailable, "triton"),
        ("CANCELLED", "", DependencyUnavailable, "triton"),
        ("DEADLINE_EXCEEDED", "", DependencyUnavailable, TIMED_OUT),
        ("INTERNAL", "Stub process is not healthy.", ModelFailed, "triton.model_failed"),
        ("UNKNOWN", "", ModelFailed, "triton.model_failed"),
        ("ABORTED", "", ModelFailed, "triton.model_failed"),
        ("RESOURCE_EXHAUSTED", "", ModelFailed, "triton.model_failed"),
    ],
)
async def test_each_status_has_its_family_and_the_reason_is_kept(triton, client, status, reason, family, code):
    triton.status = (grpc.StatusCode[status], reason)
    with pytest.raises(family) as raised:
        await client.infer(X, ["y"])
    assert type(raised.value) is family
    assert raised.value.code == code
    assert reason in str(raised.value)


async def test_an_answer_is_of_the_shape_that_the_spec_says(triton, client):
    triton.answered = np.full((1, 1), 0.5, np.float32)
    assert (await client.infer(X, ["y"])).outputs["y"].tolist() == [[0.5]]


@pytest.mark.parametrize("shape", [(2, 1), (1, 2), (1,)], ids=["rows", "sizes", "rank"])
async def test_an_answer_of_another_shape_breaks_the_contract_and_both_are_shown(triton, client, shape):
    triton.answered = np.zeros(shape, np.float32)
    with pytest.raises(ContractBroken) as refused:
        await client.infer(X, ["y"])
    assert refused.value.code == "model.shape"
    assert f"expected shape [1, 1], got shape {list(shape)}" in str(refused.value)
    assert "start the workers again" in str(refused.value)


async def test_all_clients_of_a_server_stay_away_once_it_does_not_answer(triton):
    triton.status = (grpc.StatusCode.UNAVAILABLE, "")
    server = TritonServer(triton.address)
    async with ModelClient(server, SPEC, timeout_s=5) as one, ModelClient(server, SPEC, timeout_s=5) as other:
        for _ in range(OPENS_AFTER):
            with pytest.raises(DependencyUnavailable):
                await one.infer(X, ["y"])
        with pytest.raises(DependencyUnavailable) as refused:
            await other.infer(X, ["y"])
    assert refused.value.code == UNSENT
    assert triton.calls == OPENS_AFTER


async def test_a_model_that_only_fails_keeps_nobody_away(triton, client):
    for _ in range(2 * OPENS_AFTER):
        with pytest.raises(ModelFailed):
            await client.infer(X, ["y"])
    assert triton.calls == 2 * OPENS_AFTER


async def test_an_ensemble_is_loaded_again_after_its_parts(triton):
    async with ModelClient(TritonServer(triton.address), TEXT_ENCODER, timeout_s=5, name="words") as client:
        await client.reload()
    assert triton.asked == [
        *("unload words", "unload text_tokenizer", "unload text_encoder_onnx"),
        *("load text_tokenizer", "load text_encoder_onnx", "load words"),
    ]


async def test_a_server_that_loads_nothing_on_request_is_left_alone(triton, client):
    triton.refuses_to_unload = True
    await client.reload()
    assert triton.asked == ["unload halved"]

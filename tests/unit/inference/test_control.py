"""Listing and loading models, over a real gRPC connection to a scripted server."""

import grpc
import pytest
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from processors.models.signature import Signature, Tensor
from processors.models.spec import ModelSpec, TensorSpec
from streams.errors import ConfigurationError, DependencyUnavailable, ModelFailed
from streams.inference import ModelClient, ServedVersion, TritonControl, TritonServer

SPEC = ModelSpec("fusion", (TensorSpec("x", "FP32", (1,)),), (TensorSpec("y", "FP32", (1,)),), "python", 8)


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Has an index, a signature and a version policy, and ends every load with one status."""

    def __init__(self):
        self.index = []
        self.policy = model_config_pb2.ModelVersionPolicy(all={})
        self.status = None
        self.asked = []

    async def RepositoryIndex(self, request, context):  # noqa: N802 - the protocol's name
        return service_pb2.RepositoryIndexResponse(models=self.index)

    async def RepositoryModelLoad(self, request, context):  # noqa: N802 - the protocol's name
        self.asked.append(request.model_name)
        if self.status is not None:
            await context.abort(*self.status)
        return service_pb2.RepositoryModelLoadResponse()

    async def ModelConfig(self, request, context):  # noqa: N802 - the protocol's name
        return service_pb2.ModelConfigResponse(config=model_config_pb2.ModelConfig(version_policy=self.policy))

    async def ModelMetadata(self, request, context):  # noqa: N802 - the protocol's name
        def tensor(name, *shape):
            return service_pb2.ModelMetadataResponse.TensorMetadata(name=name, datatype="FP32", shape=shape)

        inputs = [tensor("z", -1, 2), tensor("x", -1, int(request.version))]
        return service_pb2.ModelMetadataResponse(name=request.name, inputs=inputs, outputs=[tensor("y", -1, 3, 4)])


def entry(name, version, state="READY", reason=""):
    return service_pb2.RepositoryIndexResponse.ModelIndex(name=name, version=version, state=state, reason=reason)


@pytest.fixture
async def triton():
    servicer, server = Servicer(), grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    servicer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield servicer
    await server.stop(None)


@pytest.fixture
async def control(triton):
    async with TritonControl(triton.address, timeout_s=5) as control:
        yield control


@pytest.fixture
async def client(triton):
    async with ModelClient(TritonServer(triton.address), SPEC, timeout_s=5) as client:
        yield client


async def test_the_index_says_which_versions_answer_and_why_others_do_not(triton, control):
    triton.index = [
        entry("fusion", "2"),
        entry("fusion", "3", "UNAVAILABLE", "no memory\n\nAt:\n  model.py(45)\n"),
        entry("idle", "", ""),
    ]
    assert await control.index() == [
        ServedVersion("fusion", 2, "READY", ""),
        ServedVersion("fusion", 3, "UNAVAILABLE", "no memory"),
        ServedVersion("idle", None, "", ""),
    ]
    assert [served.is_ready for served in await control.index()] == [True, False, False]


async def test_the_newest_version_is_the_highest_that_answers(triton, client):
    triton.index = [
        *(entry("fusion", text) for text in ("9", "10")),
        entry("fusion", "11", "UNAVAILABLE"),
        entry("x", "12"),
    ]
    assert await client.newest_version() == 10
    triton.index = [entry("fusion", "", "UNAVAILABLE", "unloaded")]
    with pytest.raises(ModelFailed, match="no version is loaded"):
        await client.newest_version()


async def test_the_signature_is_that_of_the_version_asked_for_without_the_batch(client):
    inputs = [Tensor("x", "FP32", (7,)), Tensor("z", "FP32", (2,))]
    assert await client.signature(7) == Signature.of(inputs, [Tensor("y", "FP32", (3, 4))])


async def test_whether_all_versions_are_served_is_read_from_the_server(triton, control):
    assert await control.serves_all_versions("fusion")
    triton.policy = model_config_pb2.ModelVersionPolicy(latest={"num_versions": 2})
    assert not await control.serves_all_versions("fusion")


@pytest.mark.parametrize(
    ("status", "reason", "family", "said"),
    [
        ("INVALID_ARGUMENT", "version 2 is at UNAVAILABLE state: no memory", ConfigurationError, "no memory"),
        (
            "UNAVAILABLE",
            "explicit model load / unload is not allowed",
            ConfigurationError,
            "--model-control-mode=explicit",
        ),
        ("UNAVAILABLE", "Socket closed", DependencyUnavailable, "does not answer"),
        ("DEADLINE_EXCEEDED", "", DependencyUnavailable, "does not answer"),
    ],
)
async def test_a_load_that_fails_says_whose_it_is_to_mend(triton, control, status, reason, family, said):
    await control.load("fusion", timeout_s=5)
    triton.status = (grpc.StatusCode[status], reason)
    with pytest.raises(family, match=said) as raised:
        await control.load("fusion", timeout_s=5)
    assert type(raised.value) is family
    assert triton.asked == ["fusion", "fusion"]

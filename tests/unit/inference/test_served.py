"""What a worker learns from the configuration of the served fusion model, over a real gRPC connection."""

import grpc
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2, service_pb2, service_pb2_grpc

from processors.modality import Modality
from processors.models.config_pbtxt import render_config
from processors.models.served import ServedFacts
from streams.errors import ContractBroken, ModelFailed
from streams.inference import TritonServer, read_served

FACTS = ServedFacts(
    {Modality.VIDEO: 5, Modality.AUDIO: 6, Modality.TRANSCRIPT: 7}, ("leak", "mood.good", "steam"), {"leak": 0.25}
)


class Servicer(service_pb2_grpc.GRPCInferenceServiceServicer):
    """Answers one configuration; where nothing is loaded, that it knows no such model."""

    def __init__(self):
        text = render_config(FACTS.make_specs()["fusion"])
        self.config = text_format.Parse(text, model_config_pb2.ModelConfig())
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
    with pytest.raises(ContractBroken, match=r"expected items \[T, D\] of audio") as refused:
        await read(triton)
    assert refused.value.code == "model.signature"

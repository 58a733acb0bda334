"""Instance groups as they are rendered, on a real Triton: so many copies, on the device that was named."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import tritonclient.grpc.aio as triton
from onnx import TensorProto, helper
from tritonclient.grpc import model_config_pb2

from processors.models.plan import Device, Instances
from processors.models.repository import GRAPH_NAME
from processors.models.skeleton import render_skeleton
from processors.models.spec import AUDIO_ENCODER, EMBEDDING_DIMS
from tests.gpu.devices import CUDA, TENSORRT, require
from tests.integration.own_triton import OwnTriton

TIMEOUT_S = 60.0


def save_network(path: Path) -> None:
    """Takes and gives what the audio encoder does."""
    dim = next(iter(EMBEDDING_DIMS.values()))
    nodes = [
        helper.make_node("Slice", ["samples", "from", "to", "axis"], ["some"]),
        helper.make_node("Add", ["some", "one"], ["embedding"]),
    ]
    numbers = [
        helper.make_tensor(name, TensorProto.INT64, [1], [n]) for name, n in (("from", 0), ("to", dim), ("axis", 1))
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("samples", TensorProto.FLOAT, ["batch", 16_000])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", dim])],
        [*numbers, helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)


NEEDED = {Device.GPU: CUDA, Device.TENSORRT: TENSORRT}


@pytest.fixture(params=[Device.CPU, *(pytest.param(device, marks=pytest.mark.gpu) for device in NEEDED)])
def device(request: pytest.FixtureRequest) -> Device:
    if request.param in NEEDED:
        require(NEEDED[request.param])
    return Device(request.param)


async def test_two_instances_answer_where_they_were_told_to_run(tmp_path: Path, device: Device) -> None:
    own = OwnTriton(tmp_path)
    model = own.models / AUDIO_ENCODER.name
    (model / "1").mkdir(parents=True)
    config = render_skeleton(instances=Instances(2, device))[f"{AUDIO_ENCODER.name}/config.pbtxt"]
    (model / "config.pbtxt").write_text(config)
    save_network(model / "1" / GRAPH_NAME)
    await own.start()
    try:
        async with triton.InferenceServerClient(own.address) as client:
            served = (await client.get_model_config(AUDIO_ENCODER.name, client_timeout=TIMEOUT_S)).config
            kinds = model_config_pb2.ModelInstanceGroup.Kind
            groups = [(group.count, kinds.Name(group.kind)) for group in served.instance_group]
            assert groups == [(2, "KIND_CPU" if device is Device.CPU else "KIND_GPU")]
            accelerators = served.optimization.execution_accelerators.gpu_execution_accelerator
            assert [each.name for each in accelerators] == (["tensorrt"] if device is Device.TENSORRT else [])
            samples = triton.InferInput("samples", [3, 16_000], "FP32")
            samples.set_data_from_numpy(np.full((3, 16_000), 0.5, np.float32))
            answer = await client.infer(AUDIO_ENCODER.name, [samples], client_timeout=TIMEOUT_S)
            assert (answer.as_numpy("embedding") == 1.5).all()
    finally:
        await own.stop()

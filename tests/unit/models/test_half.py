"""Graphs in half precision agree, keep their types, and keep sums in floats that half precision cannot hold."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from processors.errors import ModelError
from processors.models.half import check_half, halve
from processors.models.spec import AUDIO_ENCODER, VIDEO_ENCODER, TensorSpec

SIZE, DIM = 32, 8


def make_spec(base):
    tensor = TensorSpec(base.inputs[0].name, "FP32", (SIZE,))
    return replace(base, inputs=(tensor,), outputs=(TensorSpec("embedding", "FP32", (DIM,)),))


def save_network(path, *, scale, name="samples", seed=0):
    """Squares, sums with great weights, a logarithm; a resize, a layer, length 1."""
    random = np.random.default_rng(seed)
    bands = numpy_helper.from_array(
        np.full((SIZE, DIM), scale, np.float32) * random.uniform(0.5, 1, (SIZE, DIM)).astype(np.float32), "bands"
    )
    layer = numpy_helper.from_array(random.normal(size=(DIM, DIM)).astype(np.float32), "layer")
    tiny = numpy_helper.from_array(np.float32(1e-10), "tiny")
    scales = numpy_helper.from_array(np.array([1.0, 1.0], np.float32), "scales")
    nodes = [
        helper.make_node("Mul", [name, name], ["power"]),
        helper.make_node("MatMul", ["power", "bands"], ["energy"]),
        helper.make_node("Add", ["energy", "tiny"], ["safe"]),
        helper.make_node("Log", ["safe"], ["log"]),
        helper.make_node("Resize", ["log", "", "scales"], ["picture"], mode="nearest"),
        helper.make_node("MatMul", ["picture", "layer"], ["features"]),
        helper.make_node("LpNormalization", ["features"], ["embedding"], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", SIZE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIM])],
        [bands, layer, tiny, scales],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


@pytest.mark.parametrize(("base", "name"), [(AUDIO_ENCODER, "samples"), (VIDEO_ENCODER, "frames")])
def test_a_graph_in_half_precision_agrees_and_takes_and_gives_floats(tmp_path, base, name):
    spec = make_spec(base)
    graph = save_network(tmp_path / "model.onnx", scale=1.0, name=name)
    halve(spec, graph, tmp_path / "half.onnx")
    assert check_half(spec, graph, tmp_path / "half.onnx") > 0.999
    session = onnxruntime.InferenceSession(tmp_path / "half.onnx", providers=["CPUExecutionProvider"])
    assert {node.type for node in (*session.get_inputs(), *session.get_outputs())} == {"tensor(float)"}
    weights = {tensor.name: tensor.data_type for tensor in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert weights["layer"] == TensorProto.FLOAT16


def test_before_the_picture_of_a_sound_all_stays_in_floats(tmp_path):
    """Energies of a million do not fit into half precision."""
    spec = make_spec(AUDIO_ENCODER)
    graph = save_network(tmp_path / "model.onnx", scale=1e6)
    halve(spec, graph, tmp_path / "half.onnx")
    assert check_half(spec, graph, tmp_path / "half.onnx") > 0.999
    weights = {tensor.name: tensor.data_type for tensor in onnx.load(tmp_path / "half.onnx").graph.initializer}
    assert weights["bands"] == TensorProto.FLOAT


def test_a_graph_that_answers_otherwise_is_refused(tmp_path):
    spec = make_spec(VIDEO_ENCODER)
    graph = save_network(tmp_path / "model.onnx", scale=1.0, name="frames")
    other = save_network(tmp_path / "other.onnx", scale=1.0, name="frames", seed=1)
    halve(spec, other, tmp_path / "half.onnx")
    with pytest.raises(ModelError, match=r"agrees with the float graph's by a cosine of .*, expected at least 0.999"):
        check_half(spec, graph, tmp_path / "half.onnx")

"""Eight-bit graphs on a network small enough to make here; the real one is built under `tests/integration`."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from processors.errors import ModelError
from processors.models.quantization import calibrate, check_quantised, quantise
from processors.models.spec import VIDEO_ENCODER, TensorSpec

LAYERS, CHANNELS, SIDE = 9, 16, 16
SPEC = replace(
    VIDEO_ENCODER,
    inputs=(TensorSpec("frames", "UINT8", (3, SIDE, SIDE)),),
    outputs=(TensorSpec("embedding", "FP32", (CHANNELS,)),),
)


def save_network(path, *, seed=1, output="embedding"):
    random = np.random.default_rng(seed)
    nodes = [helper.make_node("Cast", ["frames"], ["x0"], to=TensorProto.FLOAT)]
    weights = []
    for layer in range(LAYERS):
        depth, scale = (3, 1 / 255) if layer == 0 else (CHANNELS, 1.0)
        weight = random.normal(scale=scale / np.sqrt(depth), size=(CHANNELS, depth, 1, 1)).astype(np.float32)
        weights.append(numpy_helper.from_array(weight, f"w{layer}"))
        weights.append(numpy_helper.from_array(random.normal(size=CHANNELS).astype(np.float32), f"b{layer}"))
        inputs = [f"x{layer}", f"w{layer}", f"b{layer}"]
        nodes.append(helper.make_node("Conv", inputs, [f"c{layer}"], name=f"conv{layer}"))
        nodes.append(helper.make_node("Relu", [f"c{layer}"], [f"x{layer + 1}"], name=f"relu{layer}"))
    nodes += [
        helper.make_node("GlobalAveragePool", [f"x{LAYERS}"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("LpNormalization", ["flat"], [output], axis=1, p=2),
    ]
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["batch", 3, SIDE, SIDE])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", CHANNELS])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def frames():
    random = np.random.default_rng(3)
    return ({"frames": random.integers(0, 256, (2, 3, SIDE, SIDE), dtype=np.uint8)} for _ in range(4))


@pytest.fixture
def graph(tmp_path):
    return save_network(tmp_path / "model.onnx")


@pytest.fixture
def calibration(graph, tmp_path):
    path = tmp_path / "calibration.json"
    calibrate(graph, frames(), path)
    return path


def test_a_quantised_graph_computes_in_integers_and_agrees(graph, calibration, tmp_path):
    target = tmp_path / "int8.onnx"
    quantise(graph, target, calibration)
    kinds = [node.op_type for node in onnx.load(target).graph.node]
    assert kinds.count("QuantizeLinear") > 0
    assert check_quantised(SPEC, graph, target) > 0.95
    assert not (tmp_path / "model.int8.onnx").exists()


def test_the_first_layers_stay_in_floats(graph, calibration, tmp_path):
    target = tmp_path / "int8.onnx"
    quantise(graph, target, calibration)
    weights = {tensor.name: tensor.data_type for tensor in onnx.load(target).graph.initializer}
    assert weights["w5"] == TensorProto.FLOAT
    assert weights["w6_quantized"] == TensorProto.INT8


def test_a_missing_calibration_is_told_with_the_mend(graph, tmp_path):
    with pytest.raises(ModelError, match=r"is missing; make it with `python -m processors.models.calibration`"):
        quantise(graph, tmp_path / "int8.onnx", tmp_path / "nowhere.json")


@pytest.mark.parametrize("content", ["{", "[]", '{"CLS": "TensorsData"}', None], ids=repr)
def test_a_calibration_that_does_not_fit_is_told_with_the_mend(content, graph, calibration, tmp_path):
    if content is None:  # of a graph with other names
        text = calibration.read_text(encoding="utf-8")
        calibration.write_text(text.replace('"x7"', '"y7"').replace('"c7"', '"d7"'), encoding="utf-8")
    else:
        calibration.write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match="does not fit"):
        quantise(graph, tmp_path / "int8.onnx", calibration)


def test_a_graph_that_answers_otherwise_is_refused(graph, tmp_path):
    other = save_network(tmp_path / "other.onnx", seed=2)
    with pytest.raises(ModelError, match="expected at least"):
        check_quantised(SPEC, graph, other)

"""Graphs in half precision, for GPUs: half the memory, and tensor cores where there are any.

Inputs and outputs keep their types. What comes before a sound's picture (its spectrum, whose power spans more than half
precision holds) stays in floats.
"""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnxruntime.transformers.float16 import convert_float_to_float16
from onnxruntime.transformers.onnx_model import OnnxModel

from processors.errors import ModelError
from processors.models.export import example_of
from processors.models.spec import AUDIO_ENCODER, ModelSpec

__all__ = ["check_half", "halve"]

_LEAST_COSINE: Final = 0.999
Feed = Mapping[str, npt.NDArray[Any]]


def halve(spec: ModelSpec, graph: Path, target: Path) -> None:
    """Write a graph in half precision.

    Args:
        spec: of the graph.
        graph: as `export_model` writes it.
        target: where to write.
    """
    model = onnx.load(graph)
    first = _picture_of(model) if spec.name == AUDIO_ENCODER.name else 0
    half = convert_float_to_float16(_rest_of(model, first), keep_io_types=True)
    floats = model.graph.node[:first]
    constants = {name for node in floats for name in node.input}
    whole = onnx.helper.make_graph(
        [*floats, *half.graph.node],
        model.graph.name,
        model.graph.input,
        model.graph.output,
        [*(tensor for tensor in model.graph.initializer if tensor.name in constants), *half.graph.initializer],
    )
    OnnxModel.graph_topological_sort(whole)
    halved = onnx.helper.make_model(whole, opset_imports=model.opset_import, ir_version=model.ir_version)
    halved.metadata_props.extend(model.metadata_props)
    onnx.checker.check_model(halved)
    onnx.save(halved, target)


def check_half(spec: ModelSpec, before: Path, after: Path) -> float:
    """Compare the answers of both graphs to noise and to zeros, on a CPU.

    Returns:
        The least cosine between rows of an output.

    Raises:
        ModelError: an output has another type or shape, is not finite, or differs by too much.
    """
    least = 1.0
    for feed in (spec.sample(2), example_of(spec, 3)):
        for tensor, old, new in zip(spec.outputs, *(_run(graph, feed) for graph in (before, after)), strict=True):
            if old.shape != new.shape or old.dtype != new.dtype or not np.isfinite(new).all():
                raise ModelError(
                    f"{spec.name}: output `{tensor.name}` in half precision is {new.dtype} {list(new.shape)}, expected "
                    f"finite {old.dtype} {list(old.shape)}"
                )
            cosine = _cosine(old, new)
            if cosine < _LEAST_COSINE:
                raise ModelError(
                    f"{spec.name}: output `{tensor.name}` in half precision agrees with the float graph's by a cosine "
                    f"of {cosine:.4f}, expected at least {_LEAST_COSINE}; build with the precision fp32"
                )
            least = min(least, cosine)
    return least


def _cosine(old: npt.NDArray[Any], new: npt.NDArray[Any]) -> float:
    """The least over the rows; one of zeros, as that of an empty text, has no direction and must stay one."""
    one, two = (array.reshape(len(array), -1).astype(np.float64) for array in (old, new))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two, axis=1)
    is_zero = ~one.any(axis=1) & ~two.any(axis=1)
    return float(np.where(is_zero, 1.0, (one * two).sum(axis=1) / np.maximum(lengths, 1e-12)).min())


def _picture_of(model: onnx.ModelProto) -> int:
    """Where the nodes begin that see a picture."""
    kinds = [node.op_type for node in model.graph.node]
    return kinds.index("Resize") + 1 if "Resize" in kinds else 0


def _rest_of(model: onnx.ModelProto, first: int) -> onnx.ModelProto:
    """The graph from its node `first` on, which takes what the nodes before it make."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    nodes = copy.deepcopy(list(graph.node[first:]))
    before = {name for node in graph.node[:first] for name in node.input}
    renamed = {tensor.name: f"{tensor.name}.half" for tensor in graph.initializer if tensor.name in before}
    taken = set()
    for node in nodes:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
            taken.add(name)
    constants = []
    for tensor in graph.initializer:
        if tensor.name in taken:
            constants.append(copy.deepcopy(tensor))
            constants[-1].name = renamed.get(tensor.name, tensor.name)
    made = {name for node in graph.node[:first] for name in node.output}
    inputs = [value for value in graph.value_info if value.name in made & taken]
    inputs += [value for value in graph.input if value.name in taken]
    rest = onnx.helper.make_graph(nodes, graph.name, inputs, graph.output, constants)
    return onnx.helper.make_model(rest, opset_imports=model.opset_import, ir_version=model.ir_version)


def _run(graph: Path, feed: Feed) -> list[npt.NDArray[Any]]:
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    answer: list[npt.NDArray[Any]] = session.run(None, dict(feed))
    return answer

"""Exports a network to ONNX under the names of its spec, and proves that the graph computes the same."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx_ir
import onnxruntime
import torch
from torch.export import Dim

from processors.errors import ModelError
from processors.models._quiet import quiet
from processors.models.served import THRESHOLDS
from processors.models.signature import CLASSES_PROPERTY, THRESHOLDS_PROPERTY
from processors.models.spec import ModelSpec, TensorSpec

__all__ = ["ExportCheck", "check_export", "example_of", "export_model"]

_OPSET: Final = 18
"""Old enough for every Triton release that is still supported."""

_TOLERANCES: Final[dict[str, float]] = {"FP32": 1e-4, "FP16": 2e-2}
"""How far an output may be from PyTorch's; half precision rounds values of about 10 to 0.008."""

_KNOWN_WARNINGS: Final = (
    ("`isinstance.treespec, LeafSpec.` is deprecated", FutureWarning),
    ("# The axis name: .* will not be used", UserWarning),
)

_TOKEN_AXIS: Final = "tokens"  # noqa: S105 - the name of a dimension
_EXAMPLE_ROWS: Final = 2
_EXAMPLE_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class ExportCheck:
    """How well an exported graph agrees with its network.

    Attributes:
        model: name of the spec.
        max_abs_difference: output name -> largest absolute difference over the tried batches.
    """

    model: str
    max_abs_difference: dict[str, float]


def export_model(network: torch.nn.Module, spec: ModelSpec, path: Path) -> None:
    """Writes a network as one ONNX file with a dynamic batch dimension.

    Args:
        network: in evaluation mode; takes the spec's inputs and returns its outputs, in order.
        spec: names, types and sizes.
        path: where to write; its folder exists.
    """
    batch = Dim("batch", min=1, max=spec.max_batch_size)
    tokens = Dim(_TOKEN_AXIS, min=1, max=512)
    axes = tuple(
        {0: batch} | {axis: tokens for axis, size in enumerate(tensor.shape, start=1) if size < 0}
        for tensor in spec.inputs
    )
    output_names = [tensor.name for tensor in spec.outputs]
    with quiet("torch.onnx", *_KNOWN_WARNINGS):
        program = torch.onnx.export(
            network,
            _torch(example_of(spec, _EXAMPLE_ROWS)),
            dynamo=True,
            dynamic_shapes=axes,
            input_names=[tensor.name for tensor in spec.inputs],
            output_names=output_names,
            opset_version=_OPSET,
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise ModelError(f"the export of {spec.name} gave no graph")
    _rename_clashes(program.model.graph, set(output_names))
    for labels in spec.labels.values():
        program.model.metadata_props[CLASSES_PROPERTY] = json.dumps(list(labels))
    if (thresholds := spec.parameters.get(THRESHOLDS)) is not None:
        program.model.metadata_props[THRESHOLDS_PROPERTY] = thresholds
    program.save(path)


def check_export(network: torch.nn.Module, spec: ModelSpec, path: Path) -> ExportCheck:
    """Runs the graph in ONNX Runtime and the network in PyTorch on the same batches: zeros, one row, several rows.

    Args:
        network: what was exported.
        spec: its spec.
        path: the ONNX file.

    Returns:
        The differences.

    Raises:
        ModelError: an output has another type or shape than the spec says, is not finite, or differs from PyTorch's.
    """
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    worst = {tensor.name: 0.0 for tensor in spec.outputs}
    for feed in (spec.sample(), example_of(spec, 1), example_of(spec, _EXAMPLE_ROWS + 1)):
        with torch.inference_mode():
            answer = network(*_torch(feed))
        expected = answer if isinstance(answer, tuple) else (answer,)
        got = session.run([tensor.name for tensor in spec.outputs], feed)
        for tensor, exported, original in zip(spec.outputs, got, expected, strict=True):
            difference = _difference(spec, tensor, exported, original.numpy())
            worst[tensor.name] = max(worst[tensor.name], difference)
    return ExportCheck(spec.name, worst)


def _difference(spec: ModelSpec, tensor: TensorSpec, got: npt.NDArray[Any], expected: npt.NDArray[np.generic]) -> float:
    where = f"{spec.name}: output `{tensor.name}` of the exported graph"
    if got.dtype != tensor.numpy_dtype or got.shape[1:] != tensor.shape or got.shape != expected.shape:
        raise ModelError(
            f"{where} is {got.dtype} {list(got.shape)}, PyTorch gives {expected.dtype} {list(expected.shape)}; "
            f"the spec says {tensor.numpy_dtype} [N, {', '.join(map(str, tensor.shape))}]"
        )
    difference = float(np.abs(got.astype(np.float64) - expected.astype(np.float64)).max())
    tolerance = _TOLERANCES[tensor.dtype]
    if not difference <= tolerance:  # also when it is NaN
        raise ModelError(f"{where} differs from PyTorch's by {difference:.2g}, expected at most {tolerance:.2g}")
    return difference


def example_of(spec: ModelSpec, rows: int) -> dict[str, npt.NDArray[Any]]:
    """A batch with something in it, the same at each call: numbers in the range that the inputs really have."""
    random = np.random.default_rng(20)
    batch: dict[str, npt.NDArray[Any]] = {}
    for tensor in spec.inputs:
        shape = (rows, *(_EXAMPLE_LENGTH if size < 0 else size for size in tensor.shape))
        if tensor.dtype == "UINT8":
            batch[tensor.name] = random.integers(0, 256, shape, dtype=np.uint8)
        elif tensor.name == "attention_mask":
            lengths = random.integers(1, _EXAMPLE_LENGTH + 1, (rows, 1))
            batch[tensor.name] = (np.arange(_EXAMPLE_LENGTH) < lengths).astype(np.int64)
        elif tensor.dtype == "INT64":
            batch[tensor.name] = random.integers(0, 1000, shape, dtype=np.int64)
        elif tensor.name.endswith("_weight"):
            batch[tensor.name] = random.uniform(-0.5, 0.5, shape).clip(min=0.0).astype(np.float32)  # half is padding
        else:
            batch[tensor.name] = random.uniform(0.0, 0.5, shape).astype(np.float32)
    return batch


def _torch(batch: dict[str, npt.NDArray[Any]]) -> tuple[torch.Tensor, ...]:
    return tuple(torch.from_numpy(array) for array in batch.values())


def _rename_clashes(graph: onnx_ir.Graph, output_names: set[str]) -> None:
    """Gives inner values that happen to be called like an output another name; ONNX wants names to be unique."""
    for value in (*graph.initializers.values(), *(value for node in graph for value in node.outputs)):
        if value.name in output_names and not value.is_graph_output():
            value.name = f"{value.name}.inner"

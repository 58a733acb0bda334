"""Fusion graphs in eight-bit integers, calibrated on windows."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

from processors.models._quiet import quiet
from processors.models.quantization import CalibrationFeeds

__all__ = ["quantise_layers"]


def quantise_layers(graph: Path, target: Path, feeds: Iterable[Mapping[str, npt.NDArray[Any]]]) -> None:
    """Write a graph whose linear layers compute in eight-bit integers.

    Products of activations (attention itself) stay in floats: they have no weights to make smaller, and lose most.
    Weights get seven bits, so that a graph answers alike on every CPU. Scales are fixed here, so that the answer for
    one window does not depend on those beside it.

    Args:
        graph: as `export_model` writes it.
        target: where to write.
        feeds: windows of the kind that the graph will see; input name -> array with the batch dimension first.
    """
    proto = onnx.load(graph).graph
    constants = {tensor.name for tensor in proto.initializer}
    layers = [
        node.name for node in proto.node if node.op_type in {"MatMul", "Gemm"} and not constants.isdisjoint(node.input)
    ]
    # It looks at masks of minus infinity, too, which no quantised layer takes.
    with quiet(None), np.errstate(invalid="ignore"):
        quantize_static(
            graph,
            target,
            CalibrationFeeds(feeds),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_quantize=layers,
        )

"""What an ONNX file takes and gives, and whether it can stand in for another version of its model.

Needs onnxruntime (the extras `local` and `train` bring it), which is loaded only when a file is read.
"""

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from processors.errors import ModelError
from processors.models.served import read_thresholds
from processors.models.spec import ModelSpec

__all__ = [
    "CLASSES_PROPERTY",
    "THRESHOLDS_PROPERTY",
    "Signature",
    "Tensor",
    "check_graph",
    "read_graph",
    "thresholds_of",
]

CLASSES_PROPERTY: Final = "braid.classes"
"""Metadata of an ONNX file that name what its labelled output is of, as a JSON list."""

THRESHOLDS_PROPERTY: Final = "braid.thresholds"
"""Metadata of an ONNX file that say from which probability on a class is an event, as a JSON object."""

OPEN: Final = -1
"""A dimension whose length may differ between requests."""

_TYPES: Final = {
    "tensor(bool)": "BOOL",
    "tensor(double)": "FP64",
    "tensor(float)": "FP32",
    "tensor(float16)": "FP16",
    "tensor(int16)": "INT16",
    "tensor(int32)": "INT32",
    "tensor(int64)": "INT64",
    "tensor(int8)": "INT8",
    "tensor(string)": "BYTES",
    "tensor(uint8)": "UINT8",
}

_TRIED_ROWS: Final = (1, 3)
"""Batches that a graph must answer: a batch dimension that is not really free shows with the second."""


@dataclass(frozen=True, slots=True, order=True)
class Tensor:
    """An input or output.

    Attributes:
        name: of it.
        dtype: element type, in Triton's words.
        shape: without the batch dimension; -1 is open.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        sizes = ", ".join(["N", *("?" if size == OPEN else str(size) for size in self.shape)])
        return f"{self.name} {self.dtype} [{sizes}]"

    def fits(self, other: "Tensor") -> bool:
        """Whether it takes or gives what the other does; a dimension that this one leaves open fits any."""
        return (self.name, self.dtype, len(self.shape)) == (other.name, other.dtype, len(other.shape)) and all(
            own in (OPEN, size) for own, size in zip(self.shape, other.shape, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Signature:
    """What a model takes and gives; two are equal whatever the order.

    Attributes:
        inputs: sorted by name.
        outputs: sorted by name.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @classmethod
    def of(cls, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> "Signature":
        """Of tensors in any order."""
        return cls(tuple(sorted(inputs)), tuple(sorted(outputs)))

    def fits(self, other: "Signature") -> bool:
        """Whether a model with this signature can stand in for one with the other."""
        return all(
            len(own) == len(others) and all(each.fits(that) for each, that in zip(own, others, strict=True))
            for own, others in ((self.inputs, other.inputs), (self.outputs, other.outputs))
        )

    def __str__(self) -> str:
        return f"{'; '.join(map(str, self.inputs))} -> {'; '.join(map(str, self.outputs))}"


def check_graph(path: Path, live: Signature, spec: ModelSpec) -> None:
    """Refuses an ONNX file that cannot take the place of the live version.

    Beside names, types and shapes it looks at the classes, where the file names them, and at what the graph answers to
    the known-good sample: outputs whose shape the file leaves open must have the live version's, and numbers must be
    finite.

    Args:
        path: the file.
        live: signature of the version that answers now.
        spec: whose sample is tried, and whose labels are the live version's classes.

    Raises:
        ModelError: onnxruntime is missing, the file is not a model, its classes or its signature differ (shows both),
            or it does not answer the sample.
    """
    session = _open(path)
    _check_classes(session, spec, path)
    own = _signature(session, path)
    if not own.fits(live):
        raise ModelError(
            f"{path}: its signature differs from the live version's\n  this file: {own}\n  live:      {live}"
        )
    names = [tensor.name for tensor in live.outputs]
    for rows in _TRIED_ROWS:
        try:
            answer = session.run(names, spec.sample(rows))
        except Exception as error:
            raise ModelError(f"{path}: it does not answer the known-good sample of {rows} rows: {error}") from error
        for tensor, output in zip(live.outputs, answer, strict=True):
            if len(output) != rows or output.shape[1:] != tensor.shape:
                raise ModelError(
                    f"{path}: output {tensor.name} is {list(output.shape)} for a sample of {rows} rows, expected "
                    f"{[rows, *tensor.shape]}"
                )
            if not np.isfinite(output).all():
                raise ModelError(f"{path}: output {tensor.name} is not finite for the known-good sample")


def read_graph(path: Path) -> tuple[Signature, dict[str, str]]:
    """Reads an ONNX file's signature and metadata.

    Raises:
        ModelError: onnxruntime is missing, the file is not a model, or its batch dimension is not free.
    """
    session = _open(path, to_run=False)
    return _signature(session, path), dict(session.get_modelmeta().custom_metadata_map)


def thresholds_of(path: Path, spec: ModelSpec) -> Mapping[str, float] | None:
    """From which probability on a class is an event, where an ONNX file says so itself.

    Args:
        path: the file.
        spec: whose labels are the classes.

    Returns:
        Event class -> probability; None where the file says nothing of it.

    Raises:
        ModelError: onnxruntime is missing, the file is not a model, or what it says cannot be.
    """
    text = _open(path, to_run=False).get_modelmeta().custom_metadata_map.get(THRESHOLDS_PROPERTY)
    if text is None:
        return None
    classes = [name for labels in spec.labels.values() for name in labels]
    try:
        return read_thresholds(text, classes)
    except ModelError as error:
        raise ModelError(f"{path}: {THRESHOLDS_PROPERTY} in its metadata: {error}") from error


def _signature(session: Any, path: Path) -> Signature:
    return Signature.of(
        [_tensor(node, path) for node in session.get_inputs()], [_tensor(node, path) for node in session.get_outputs()]
    )


def _check_classes(session: Any, spec: ModelSpec, path: Path) -> None:
    named = session.get_modelmeta().custom_metadata_map.get(CLASSES_PROPERTY)
    for live in spec.labels.values():
        if named is not None and named != json.dumps(list(live)):
            raise ModelError(
                f"{path}: its classes differ from the live version's\n  this file: {named}\n  live:      "
                f"{json.dumps(list(live))}\nother classes need a repository of their own (`braid models build`)"
            )


def _open(path: Path, *, to_run: bool = True) -> Any:
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ModuleNotFoundError as error:
        raise ModelError(
            "a model's signature cannot be read: onnxruntime is missing; install it with `pip install 'braid[local]'`"
        ) from error
    if not path.is_file():
        raise ModelError(f"{path}: there is no such file; expected an ONNX model")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised
    if not to_run:  # optimising computes every constant of the graph
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        return onnxruntime.InferenceSession(path, sess_options=options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no root of their own
        raise ModelError(f"{path}: not an ONNX model that can be loaded: {error}") from error


def _tensor(node: Any, path: Path) -> Tensor:
    batch, *sizes = node.shape or [None]
    if isinstance(batch, int):
        raise ModelError(
            f"{path}: {node.name} has the fixed shape {node.shape}, expected a first dimension that is free; export it "
            "with a dynamic batch dimension"
        )
    shape = tuple(size if isinstance(size, int) else OPEN for size in sizes)
    return Tensor(node.name, _TYPES.get(node.type, node.type), shape)

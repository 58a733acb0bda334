"""A fusion model that a user brings as an ONNX graph: what it is about, and whether it can be served.

It takes and gives what the served `fusion` does, embeddings or raw items as its inputs say, and names its classes in
its metadata, as exported graphs do. Needs onnxruntime, which is loaded only when a graph is read.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.served import ServedFacts, read_items, read_parameters
from processors.models.signature import (
    CLASSES_PROPERTY,
    THRESHOLDS_PROPERTY,
    Signature,
    Tensor,
    check_graph,
    read_graph,
)
from processors.models.spec import FUSION, FUSION_MAX_BATCH, RAW_MAX_BATCH, DType, ModelSpec, TensorSpec

__all__ = ["is_graph", "read_graph_facts", "take_graph"]

_USUAL_THRESHOLD: Final = 0.5


def is_graph(path: Path | None) -> bool:
    """Whether a fusion model's file is an ONNX graph, by its name."""
    return path is not None and path.suffix == ".onnx"


def read_graph_facts(path: Path, dims: Mapping[Modality, int]) -> ServedFacts:
    """What is served where a graph is the fusion model.

    Args:
        path: the file.
        dims: lengths of the embeddings that the encoders give.

    Raises:
        ModelError: the file is no model, does not name its classes, or takes or gives other tensors than can be served;
            says what was got and what is expected.
    """
    signature, metadata = read_graph(path)
    if CLASSES_PROPERTY not in metadata:
        raise ModelError(
            f"{path}: it does not name its classes; expected the metadata `{CLASSES_PROPERTY}`, a JSON list in the "
            "order of `probabilities`"
        )
    try:
        own, raw = read_items(
            [TensorSpec(each.name, cast("DType", each.dtype), each.shape) for each in signature.inputs]
        )
        parameters = {"classes": metadata[CLASSES_PROPERTY], "thresholds": _thresholds(metadata)}
        found = read_parameters(parameters, {**dims, **own}, raw, RAW_MAX_BATCH if raw else FUSION_MAX_BATCH)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    if found.dims != dict(dims):
        raise ModelError(f"{path}: it takes embeddings of {_listed(own)}, the encoders give {_listed(dims)}")
    _refuse_other(path, signature, found.make_specs()[FUSION.name])
    return found


def take_graph(path: Path, spec: ModelSpec, target: Path) -> None:
    """Copy a graph into a repository, and have it answer the known-good sample there.

    Args:
        path: the file, one for which `read_graph_facts` has found no fault.
        spec: of the fusion model.
        target: where to write.

    Raises:
        ModelError: it does not answer as the spec says.
    """
    shutil.copyfile(path, target)
    check_graph(target, _signature_of(spec), spec)


def _refuse_other(path: Path, own: Signature, spec: ModelSpec) -> None:
    expected = _signature_of(spec)
    if not own.fits(expected):
        raise ModelError(
            f"{path}: its inputs and outputs cannot be served\n  this file: {own}\n  expected:  {expected}"
        )


def _signature_of(spec: ModelSpec) -> Signature:
    inputs, outputs = (
        [Tensor(tensor.name, tensor.dtype, tensor.shape) for tensor in tensors]
        for tensors in (spec.inputs, spec.outputs)
    )
    return Signature.of(inputs, outputs)


def _thresholds(metadata: Mapping[str, str]) -> str:
    """As given, or the usual one for every class; classes that cannot be read are found out with the parameters."""
    if THRESHOLDS_PROPERTY in metadata:
        return metadata[THRESHOLDS_PROPERTY]
    try:
        return json.dumps(dict.fromkeys(json.loads(metadata[CLASSES_PROPERTY]), _USUAL_THRESHOLD))
    except (TypeError, ValueError):
        return "{}"


def _listed(dims: Mapping[Modality, int]) -> str:
    return ", ".join(f"{modality} [{dim}]" for modality, dim in dims.items()) or "nothing"

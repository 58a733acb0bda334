"""Renders a `ModelSpec` as Triton's `config.pbtxt`.

The format is the protobuf text form of `ModelConfig`; see "Model Configuration" in the Triton user guide.
"""

from collections.abc import Iterable
from typing import Final

from processors.models.spec import DType, ModelSpec, TensorSpec

__all__ = ["LABELS_FILENAME", "render_config"]

LABELS_FILENAME: Final = "labels.txt"
"""The file beside `config.pbtxt` that names the elements of a labelled output, one a line."""

_HEADER: Final = "# Generated from processors/models/spec.py by `python -m processors.models.skeleton`; do not edit.\n"

_CONFIG_TYPES: Final[dict[DType, str]] = {
    "UINT8": "TYPE_UINT8",
    "INT64": "TYPE_INT64",
    "FP16": "TYPE_FP16",
    "FP32": "TYPE_FP32",
    "BYTES": "TYPE_STRING",
}


def render_config(spec: ModelSpec) -> str:
    """Writes the configuration of one model.

    Args:
        spec: what to render.

    Returns:
        The text of its `config.pbtxt`, the same for the same spec.
    """
    lines = [f'name: "{spec.name}"']
    lines.append('platform: "ensemble"' if spec.backend == "ensemble" else f'backend: "{spec.backend}"')
    lines.append(f"max_batch_size: {spec.max_batch_size}")
    for tensor in spec.inputs:
        lines += _block("input", _tensor(tensor))
    for tensor in spec.outputs:
        labels = [f'label_filename: "{LABELS_FILENAME}"'] if tensor.name in spec.labels else []
        lines += _block("output", [*_tensor(tensor), *labels])
    policy = "all {}" if spec.versions_served == "all" else "latest { num_versions: 1 }"
    lines.append(f"version_policy {{ {policy} }}")
    if spec.batching is not None:
        sizes = [f"preferred_batch_size: {size}" for size in spec.batching.preferred_sizes]
        delay = f"max_queue_delay_microseconds: {spec.batching.max_queue_delay_us}"
        lines += _block("dynamic_batching", [*sizes, delay])
    for key, value in spec.parameters.items():
        lines.append(f"parameters {{ key: {_quoted(key)} value {{ string_value: {_quoted(value)} }} }}")
    if spec.steps:
        lines += _block("ensemble_scheduling", _steps(spec))
    else:
        if spec.accelerator is not None:
            accelerator = f'gpu_execution_accelerator {{ name: "{spec.accelerator}" }}'
            lines += _block("optimization", _block("execution_accelerators", [accelerator]))
        lines += _block("instance_group", [f"count: {spec.instance_count}", f"kind: {spec.instance_kind}"])
        lines += _block("model_warmup", _warm_up(spec))
    return _HEADER + "\n".join(lines) + "\n"


def _block(name: str, body: Iterable[str]) -> list[str]:
    return [f"{name} {{", *(f"  {line}" for line in body), "}"]


def _quoted(text: str) -> str:
    """A string as the text form writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _dims(shape: Iterable[int]) -> str:
    return f"dims: [ {', '.join(str(size) for size in shape)} ]"


def _tensor(tensor: TensorSpec) -> list[str]:
    return [f'name: "{tensor.name}"', f"data_type: {_CONFIG_TYPES[tensor.dtype]}", _dims(tensor.shape)]


def _steps(spec: ModelSpec) -> list[str]:
    lines: list[str] = []
    for step in spec.steps:
        maps = [f'input_map {{ key: "{key}" value: "{value}" }}' for key, value in step.input_map]
        maps += [f'output_map {{ key: "{key}" value: "{value}" }}' for key, value in step.output_map]
        lines += _block("step", [f'model_name: "{step.model}"', "model_version: -1", *maps])
    return lines


def _warm_up(spec: ModelSpec) -> list[str]:
    """The request of `ModelSpec.sample`: zeros, which for a string means empty."""
    lines = ['name: "known_good"', "batch_size: 1"]
    for tensor in spec.inputs:
        shape = [spec.warm_up_length if size < 0 else size for size in tensor.shape]
        value = [f"data_type: {_CONFIG_TYPES[tensor.dtype]}", _dims(shape), "zero_data: true"]
        lines += _block("inputs", [f'key: "{tensor.name}"', *_block("value", value)])
    return lines

"""The part of the Triton model repository that is text: configurations, labels and READMEs, all made from the spec.

`python -m processors.models.skeleton` writes it to `triton_models/`, where people read it; weights and graphs are added
by `processors.models.build` when a repository is made to be served.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

from processors.models.cards import CARDS
from processors.models.config_pbtxt import LABELS_FILENAME, render_config
from processors.models.plan import Device, Instances
from processors.models.served import ServedFacts, shipped_facts
from processors.models.spec import ModelSpec, TensorSpec

__all__ = ["render_skeleton", "write_skeleton"]

_ONE: Final = Instances()

_KINDS: Final[Mapping[Device, Literal["KIND_AUTO", "KIND_CPU", "KIND_GPU"]]] = MappingProxyType(
    {Device.AUTO: "KIND_AUTO", Device.CPU: "KIND_CPU", Device.GPU: "KIND_GPU", Device.TENSORRT: "KIND_GPU"}
)


def render_skeleton(facts: ServedFacts | None = None, instances: Instances = _ONE) -> Mapping[str, str]:
    """Renders every file of the skeleton.

    Args:
        facts: of what is to be served; None for what is shipped.
        instances: of each network.

    Returns:
        Path inside the repository -> text; the same at each call.
    """
    files: dict[str, str] = {}
    facts = facts or shipped_facts()
    cards = {**CARDS, **facts.cards}
    for spec in facts.make_specs().values():
        files[f"{spec.name}/config.pbtxt"] = render_config(_place(spec, instances))
        files[f"{spec.name}/README.md"] = _render_readme(spec, cards[spec.name])
        for labels in spec.labels.values():
            files[f"{spec.name}/{LABELS_FILENAME}"] = "".join(f"{label}\n" for label in labels)
    return files


def write_skeleton(target: Path, facts: ServedFacts | None = None, instances: Instances = _ONE) -> None:
    """Writes the skeleton; other files in the folder stay as they are.

    Args:
        target: the repository's folder, made if it is missing.
        facts: of what is to be served; None for what is shipped.
        instances: of each network.
    """
    for name, text in render_skeleton(facts, instances).items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _place(spec: ModelSpec, instances: Instances) -> ModelSpec:
    if spec.backend != "onnxruntime":
        return spec
    return replace(
        spec,
        instance_count=instances.count,
        instance_kind=_KINDS[instances.device],
        accelerator="tensorrt" if instances.device is Device.TENSORRT else None,
    )


def _render_readme(spec: ModelSpec, card: str) -> str:
    rows = [_row("input", tensor) for tensor in spec.inputs] + [_row("output", tensor) for tensor in spec.outputs]
    table = "\n".join(["| | name | type | shape |", "|---|---|---|---|", *rows])
    return f"# {spec.name}\n\n{card}\n{table}\n\nAt most {spec.max_batch_size} rows in a request.\n"


def _row(direction: str, tensor: TensorSpec) -> str:
    sizes = ", ".join("tokens" if size < 0 else str(size) for size in tensor.shape)
    return f"| {direction} | `{tensor.name}` | {tensor.dtype} | [N, {sizes}] |"


if __name__ == "__main__":
    write_skeleton(Path(sys.argv[1] if len(sys.argv) > 1 else "triton_models"))

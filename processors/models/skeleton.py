"""The part of the Triton model repository that is text: configurations, labels and READMEs, all made from the spec.

`python -m processors.models.skeleton` writes it to `triton_models/`, where people read it; weights and graphs are added
by `processors.models.build` when a repository is made to be served.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from processors.models.cards import CARDS
from processors.models.config_pbtxt import LABELS_FILENAME, render_config
from processors.models.served import ServedFacts, shipped_facts
from processors.models.spec import ModelSpec, TensorSpec

__all__ = ["render_skeleton", "write_skeleton"]


def render_skeleton(facts: ServedFacts | None = None) -> Mapping[str, str]:
    """Renders every file of the skeleton.

    Args:
        facts: of what is to be served; None for what is shipped.

    Returns:
        Path inside the repository -> text; the same at each call.
    """
    files: dict[str, str] = {}
    for spec in (facts or shipped_facts()).make_specs().values():
        files[f"{spec.name}/config.pbtxt"] = render_config(spec)
        files[f"{spec.name}/README.md"] = _render_readme(spec)
        for labels in spec.labels.values():
            files[f"{spec.name}/{LABELS_FILENAME}"] = "".join(f"{label}\n" for label in labels)
    return files


def write_skeleton(target: Path, facts: ServedFacts | None = None) -> None:
    """Writes the skeleton; other files in the folder stay as they are.

    Args:
        target: the repository's folder, made if it is missing.
        facts: of what is to be served; None for what is shipped.
    """
    for name, text in render_skeleton(facts).items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _render_readme(spec: ModelSpec) -> str:
    rows = [_row("input", tensor) for tensor in spec.inputs] + [_row("output", tensor) for tensor in spec.outputs]
    table = "\n".join(["| | name | type | shape |", "|---|---|---|---|", *rows])
    return f"# {spec.name}\n\n{CARDS[spec.name]}\n{table}\n\nAt most {spec.max_batch_size} rows in a request.\n"


def _row(direction: str, tensor: TensorSpec) -> str:
    sizes = ", ".join("tokens" if size < 0 else str(size) for size in tensor.shape)
    return f"| {direction} | `{tensor.name}` | {tensor.dtype} | [N, {sizes}] |"


if __name__ == "__main__":
    write_skeleton(Path(sys.argv[1] if len(sys.argv) > 1 else "triton_models"))

"""The configuration of `braid train`: read out of a YAML file with every fault at once, and shown as an example."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from processors.models.training.plan import TrainingPlan
from streams.errors import ConfigurationError
from streams.settings.document import Document, read_document
from streams.settings.example import render_section
from streams.settings.faults import describe_fault

__all__ = ["load_plan", "render_plan"]

_HEADING = "# What `braid train` is told. `data` and `out` must be given; everything else is shown with its default.\n"


def load_plan(path: Path, stored_as: str | None = None) -> TrainingPlan:
    """Read the configuration of a training.

    Args:
        path: of the YAML file.
        stored_as: name, in the folder `out`, of the set that stands for `data`; the file names none then.

    Raises:
        ConfigurationError: naming every fault with its place, value, what was expected and the mend.
    """
    document = read_document(path)
    values = document.values
    if stored_as is not None:
        if "data" in values:
            raise ConfigurationError(
                f"{path}: data is {values['data']}, but the windows come from the store; leave out one of both",
                code="configuration.invalid",
            )
        values = {**values, "data": Path(str(values.get("out", "."))) / stored_as}
    try:
        return TrainingPlan(**values)
    except ValidationError as error:
        faults = [_describe(fault, path, document) for fault in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(faults), code="configuration.invalid") from error


def render_plan() -> str:
    """All keys as commented YAML; reading it gives the defaults."""
    lines = [_HEADING]
    for line in render_section(TrainingPlan(data=Path("windows.npz"), out=Path("runs/first")), ""):
        if line.startswith("#") and not lines[-1].startswith("#"):
            lines.append("")
        lines.append(line)
    return "\n".join(lines) + "\n"


def _describe(fault: Mapping[str, Any], path: Path, document: Document) -> str:
    if fault["type"] == "missing":
        key = str(fault["loc"][0])
        return f"{path}: {key}: it must be given. {TrainingPlan.model_fields[key].description}"
    return describe_fault(fault, document, TrainingPlan)

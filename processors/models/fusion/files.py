"""Trained fusion models in files: safetensors, whose metadata say which kind it is, of which sizes, for which tasks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from processors.errors import ModelError
from processors.models.fusion.ensemble import Ensemble, Rule
from processors.models.fusion.kinds import kind_of, make_fusion
from processors.models.fusion.model import FusionModel, FusionShape, Task

__all__ = ["ENSEMBLE_KIND", "TrainedFusion", "load_trained", "save_trained"]

ENSEMBLE_KIND: Final = "ensemble"
"""What stands for the kind where several models answer as one."""

_KEY: Final = "braid.fusion.v1"


@dataclass(frozen=True, slots=True, eq=False)
class TrainedFusion:
    """A model and what is needed to act on its answers.

    Attributes:
        kind: name of the kind of fusion; `ENSEMBLE_KIND` of several models that answer as one.
        model: in evaluation mode.
        thresholds: class -> probability from which it is told; may be empty.
    """

    kind: str
    model: FusionModel | Ensemble
    thresholds: Mapping[str, float]


def save_trained(trained: TrainedFusion, path: Path) -> None:
    """Write a model in float16, replacing a file that is there."""
    shape = trained.model.shape
    about = {
        "kind": trained.kind,
        "modalities": dict(shape.modalities),
        "tasks": [
            {"name": task.name, "classes": task.classes, "is_exclusive": task.is_exclusive} for task in shape.tasks
        ],
        **_say_sizes(trained.model),
        "thresholds": dict(trained.thresholds),
    }
    tensors = {name: tensor.half().contiguous() for name, tensor in trained.model.state_dict().items()}
    # One entry only: safetensors writes several in any order, and the same model should be the same bytes.
    path.write_bytes(save(tensors, metadata={_KEY: json.dumps(about)}))


def load_trained(path: Path) -> TrainedFusion:
    """Read a model as `save_trained` writes it; computed with in float32.

    Raises:
        ModelError: the file is missing, truncated or of another kind, or its tensors are not those that it says.
    """
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 # not a mapping
        model = _make(about)
        model.load_state_dict(tensors)
        thresholds = {str(name): float(value) for name, value in about["thresholds"].items()}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"fusion weights {path} cannot be read: {error}; is the file whole?") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"fusion weights {path} do not say what they are ({error!r}); expected a file as `braid train` writes it"
        ) from error
    except RuntimeError as error:
        raise ModelError(f"fusion weights {path} do not fit the model that they name: {error}") from error
    return TrainedFusion(str(about["kind"]), model.eval(), thresholds)


def _say_sizes(model: FusionModel | Ensemble) -> dict[str, Any]:
    if isinstance(model, Ensemble):
        return {
            "rule": model.rule,
            "weights": model.weights.tolist(),
            "members": [{"kind": kind_of(member), **_say_sizes(member)} for member in model.models],
        }
    shape = model.shape
    return {
        "width": shape.width,
        "dropout": shape.dropout,
        "memory": shape.memory,
        "moment": shape.moment,
        "rhythms": list(shape.rhythms),
    }


def _make(about: Mapping[str, Any]) -> FusionModel | Ensemble:
    if about["kind"] != ENSEMBLE_KIND:
        return make_fusion(str(about["kind"]), _read_shape(about, about))
    rule = about["rule"]
    if rule not in ("average", "vote"):
        raise ValueError(f"rule {rule!r}")
    members = [make_fusion(str(member["kind"]), _read_shape(about, member)) for member in about["members"]]
    return Ensemble(members, cast("Rule", rule), [float(weight) for weight in about["weights"]])


def _read_shape(about: Mapping[str, Any], sizes: Mapping[str, Any]) -> FusionShape:
    return FusionShape(
        modalities={str(name): int(dim) for name, dim in about["modalities"].items()},
        tasks=tuple(
            Task(str(task["name"]), tuple(map(str, task["classes"])), bool(task["is_exclusive"]))
            for task in about["tasks"]
        ),
        width=int(sizes["width"]),
        dropout=float(sizes["dropout"]),
        memory=float(sizes["memory"]),
        moment=None if sizes.get("moment") is None else float(sizes["moment"]),
        rhythms=tuple(map(str, sizes.get("rhythms", ()))),
    )

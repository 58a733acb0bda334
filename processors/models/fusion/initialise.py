"""Begin training from what another training, or one without labels, has learned."""

from dataclasses import dataclass
from pathlib import Path

import torch

from processors.errors import ModelError
from processors.models.fusion.files import load_trained
from processors.models.fusion.model import FusionModel

__all__ = ["Initialisation", "initialise_from"]

_OF_TASKS = ("head.", "logit_")


@dataclass(frozen=True, slots=True)
class Initialisation:
    """What was taken of a file.

    Attributes:
        taken: names of the model's tensors that now are the file's.
        untouched: those that stay as they were, because the file has none that fit.
        unused: names of the file's tensors that the model has no place for.
    """

    taken: tuple[str, ...]
    untouched: tuple[str, ...]
    unused: tuple[str, ...]


def initialise_from(model: FusionModel, path: Path) -> Initialisation:
    """Copy the tensors of a trained or pre-trained model that fit; call it after `standardise`, which it replaces.

    Heads are copied where the tasks are the same. Of a model of another kind, the projections of the items are taken,
    and whatever else both kinds have.

    Args:
        model: to begin with.
        path: a file as `save_trained` writes it.

    Raises:
        ModelError: the file cannot be used, or its model takes other modalities, other items or is of another width.
    """
    trained = load_trained(path).model
    if not isinstance(trained, FusionModel):
        raise ModelError(f"{path} holds an ensemble, which cannot begin a model; name the file of a single model")
    own, other = model.shape, trained.shape
    # In order: projections are numbered as the modalities are.
    if list(own.modalities.items()) != list(other.modalities.items()) or own.width != other.width:
        raise ModelError(
            f"{path} cannot begin this model: it takes {dict(other.modalities)} at width {other.width}; "
            f"expected {dict(own.modalities)} at width {own.width}"
        )
    held, offered = model.state_dict(), trained.state_dict()
    fitting: dict[str, torch.Tensor] = {
        name: tensor
        for name, tensor in offered.items()
        if name in held
        and held[name].shape == tensor.shape
        and (own.tasks == other.tasks or not name.startswith(_OF_TASKS))
    }
    model.load_state_dict(fitting, strict=False)
    return Initialisation(
        tuple(fitting),
        tuple(name for name in held if name not in fitting),
        tuple(name for name in offered if name not in fitting),
    )

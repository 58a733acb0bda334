"""A trained fusion model of any kind behind the inputs and outputs of the served `fusion`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import torch
from torch import nn

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.fusion.ensemble import Ensemble
from processors.models.fusion.files import TrainedFusion
from processors.models.fusion.model import FusionAnswer, FusionModel, FusionShape
from processors.models.served import ServedFacts
from processors.models.spec import CONTRIBUTION_ORDER, WINDOW_EMBEDDING_DIM

__all__ = ["EVENT_TASK", "ServedFusion", "facts_of"]

EVENT_TASK: Final = "event"
"""The task whose classes are event classes; those of any other are served as `task.class` and never become an event."""

_USUAL_THRESHOLD: Final = 0.5

_SEED: Final = 128


class ServedFusion(nn.Module):
    """Takes all modalities in the served order, and gives the model those that it knows, in its own.

    The embedding of a window has one length, whatever the model's. A shorter one ends in zeros, so that two windows are
    as alike as before; a longer one is cast onto random directions, the same for ever, so that they nearly are.

    Args:
        model: one for which `facts_of` has found no fault.
    """

    directions: torch.Tensor

    def __init__(self, model: FusionModel | Ensemble) -> None:
        super().__init__()
        self.model = model
        self.shape: FusionShape = model.shape
        self.register_buffer("directions", _directions(model.embedding_dim), persistent=False)

    def forward(
        self,
        video: torch.Tensor,
        video_time: torch.Tensor,
        video_weight: torch.Tensor,
        audio: torch.Tensor,
        audio_time: torch.Tensor,
        audio_weight: torch.Tensor,
        transcript: torch.Tensor,
        transcript_time: torch.Tensor,
        transcript_weight: torch.Tensor,
    ) -> FusionAnswer:
        """Fuses windows; inputs as for `FusionNetwork`. A modality that the model does not know contributes nothing."""
        given = {
            Modality.VIDEO: (video, video_time, video_weight),
            Modality.AUDIO: (audio, audio_time, audio_weight),
            Modality.TRANSCRIPT: (transcript, transcript_time, transcript_weight),
        }
        own = [Modality(name) for name in self.shape.modalities]
        answer = FusionAnswer(*self.model(*(tensor for modality in own for tensor in given[modality])))
        nothing = torch.zeros_like(answer.probabilities)
        rows = dict(zip(own, answer.contributions.unbind(dim=1), strict=True))
        contributions = torch.stack([rows.get(modality, nothing) for modality in CONTRIBUTION_ORDER], dim=1)
        embedding = nn.functional.normalize(answer.embedding @ self.directions, dim=1)
        return FusionAnswer(answer.probabilities, contributions, embedding)


def facts_of(trained: TrainedFusion, dims: Mapping[Modality, int], path: Path) -> ServedFacts:
    """What is served where a trained model answers.

    Args:
        trained: the model.
        dims: lengths of the embeddings that the encoders give.
        path: of its file, for errors.

    Raises:
        ModelError: the model does not take what the encoders give, or has no event classes, or its classes or
            thresholds cannot be served.
    """
    shape = trained.model.shape
    encoders = {modality.value: dim for modality, dim in dims.items()}
    if not shape.modalities.items() <= encoders.items():
        raise ModelError(
            f"the fusion model {path} takes embeddings of {_listed(shape.modalities)}, the encoders give "
            f"{_listed(encoders)}; serve it with the encoders that made its training set (models.encoders), or train "
            "it on what these give"
        )
    events = [task for task in shape.tasks if task.name == EVENT_TASK and not task.is_exclusive]
    if not events:
        tasks = ", ".join(f"{task.name} ({'exclusive' if task.is_exclusive else 'any'})" for task in shape.tasks)
        raise ModelError(
            f"the fusion model {path} has the tasks {tasks}; expected one called `{EVENT_TASK}` whose classes do not "
            "exclude each other: its classes are what detections name"
        )
    classes = [name if task is events[0] else f"{task.name}.{name}" for task in shape.tasks for name in task.classes]
    thresholds = {name: trained.thresholds.get(name, _USUAL_THRESHOLD) for name in events[0].classes}
    try:
        return ServedFacts(dict(dims), tuple(classes), thresholds)
    except ModelError as error:
        raise ModelError(f"the fusion model {path} cannot be served: {error}") from error


def _directions(dim: int) -> torch.Tensor:
    """Float32 [dim, 128]."""
    if dim <= WINDOW_EMBEDDING_DIM:
        return torch.eye(dim, WINDOW_EMBEDDING_DIM)
    return torch.randn(dim, WINDOW_EMBEDDING_DIM, generator=torch.Generator().manual_seed(_SEED))


def _listed(dims: Mapping[str, int]) -> str:
    return ", ".join(f"{name} [{dim}]" for name, dim in dims.items())

"""What every kind of fusion is: items of any subset of modalities to probabilities, contributions and an embedding.

A kind says how modalities meet (`encode`, `fuse`). Everything else stands here, once: which modalities are there, the
answer with each left out, a head per task.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import nn

from processors.errors import ModelError
from processors.models.fusion._projection import ItemProjection

__all__ = ["FusionAnswer", "FusionModel", "FusionShape", "Task", "find_present"]


@dataclass(frozen=True, slots=True)
class Task:
    """One question that a model answers.

    Attributes:
        name: what it is called.
        classes: what can be answered, at least two where they exclude each other.
        is_exclusive: whether one of the classes is true (their probabilities sum to 1), or any number of them.
    """

    name: str
    classes: tuple[str, ...]
    is_exclusive: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FusionShape:
    """Sizes of a model.

    Attributes:
        modalities: name -> length of an item, in the order of the inputs and of the contributions.
        tasks: in the order of the probabilities.
        width: length of tokens and of the embedding; a multiple of 4.
        dropout: share of values that training zeroes.
        memory: how many items back the past is remembered at the start of training, in the unit of the items' times.
        moment: what is asked is what happens at this time of the window, on the clock of the items' times; None to ask
            about the newest item and the past before it. The kind `transformer` always sees all of the window.
        rhythms: modalities of which only the rhythm counts, where `moment` is set: how unlike each other items are at
            different times, not what they are. Their items have length 1.
    """

    modalities: Mapping[str, int]
    tasks: tuple[Task, ...]
    width: int = 32
    dropout: float = 0.5
    memory: float = 4.0
    moment: float | None = None
    rhythms: tuple[str, ...] = ()

    def span(self, task: str) -> slice:
        """Where the classes of a task stand among the probabilities.

        Raises:
            ModelError: there is no such task.
        """
        start = 0
        for candidate in self.tasks:
            if candidate.name == task:
                return slice(start, start + len(candidate.classes))
            start += len(candidate.classes)
        raise ModelError(f"no task {task!r}; this model has {', '.join(each.name for each in self.tasks)}")


class FusionAnswer(NamedTuple):
    """What a model says of B windows.

    Attributes:
        probabilities: float32 [B, C], the classes of all tasks one after the other.
        contributions: float32 [B, M, C], the probability with all modalities less the one without that modality; 0
            where it is absent.
        embedding: float32 [B, E] of length 1.
    """

    probabilities: torch.Tensor
    contributions: torch.Tensor
    embedding: torch.Tensor


class FusionModel(nn.Module, ABC):
    """One kind of fusion. Inputs are, per modality in the order of the shape, items, times and weights.

    Items are float32 [B, T, D]; times float32 [B, T] in any one unit; weights float32 [B, T], 0 is padding. T may
    differ between modalities and calls. A modality whose weights are all 0 is absent.

    Args:
        shape: sizes.
    """

    keep: torch.Tensor
    known: torch.Tensor
    logit_scale: torch.Tensor
    logit_shift: torch.Tensor

    def __init__(self, shape: FusionShape) -> None:
        super().__init__()
        if shape.width % 4 or shape.width <= 0 or not shape.modalities or not shape.tasks:
            raise ModelError(
                f"a fusion model of width {shape.width} over {len(shape.modalities)} modalities for "
                f"{len(shape.tasks)} tasks; expected a multiple of 4, and at least one of each"
            )
        self.shape = shape
        modalities = len(shape.modalities)
        self.projections = nn.ModuleList(
            ItemProjection(dim, shape.width, shape.dropout) for dim in shape.modalities.values()
        )
        classes = sum(len(task.classes) for task in shape.tasks)
        self.head = nn.Linear(shape.width, classes)
        keep = torch.cat([torch.ones(1, modalities), 1.0 - torch.eye(modalities)])
        self.register_buffer("keep", keep, persistent=False)
        self.register_buffer("known", torch.ones(modalities))
        self.register_buffer("logit_scale", torch.ones(classes))
        self.register_buffer("logit_shift", torch.zeros(classes))

    @property
    def embedding_dim(self) -> int:
        """Length of the embedding."""
        return self.shape.width

    @abstractmethod
    def encode(self, inputs: tuple[torch.Tensor, ...]) -> Any:
        """What does not depend on which other modalities are there, a tree of tensors [B, ...]; called once."""

    @abstractmethod
    def fuse(self, encoded: Any, present: torch.Tensor) -> torch.Tensor:
        """Embeddings float32 [V * B, width], from what `encode` gave and presence float32 [V * B, M], views first."""

    def forward(self, *inputs: torch.Tensor) -> FusionAnswer:
        """Answers with all modalities, and with each left out, in one call; one that is not `known` is left out."""
        present = find_present(inputs, self.shape) * self.known
        batch, views = present.shape[0], self.keep.shape[0]
        logits, embedding = self.judge(inputs, (self.keep[:, None, :] * present[None]).reshape(views * batch, -1))
        probabilities = self._probabilities(logits).reshape(views, batch, -1)
        contributions = (probabilities[0][None] - probabilities[1:]).permute(1, 0, 2) * present[:, :, None]
        return FusionAnswer(probabilities[0], contributions, nn.functional.normalize(embedding[:batch], dim=1))

    def project(self, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        """The items of each modality as tokens, float32 [B, T, width]."""
        return [
            projection(items, weight > 0)
            for projection, items, weight in zip(self.projections, inputs[::3], inputs[2::3], strict=True)
        ]

    def standardise(self, inputs: tuple[torch.Tensor, ...]) -> None:
        """Learn mean and spread of every modality's items, and which modalities there are.

        What never varies here says nothing later, and a modality that is absent here is never looked at.
        """
        for row, projection in enumerate(self.projections):
            items = inputs[3 * row][inputs[3 * row + 2] > 0]
            self.known[row] = float(len(items) > 0)
            if len(items):
                cast("ItemProjection", projection).learn(items)

    def as_standard(self, row: int, items: torch.Tensor) -> torch.Tensor:
        """Items [..., D] of the modality in that place, as its projection sees them."""
        return cast("ItemProjection", self.projections[row]).standardise(items)

    def judge(self, inputs: tuple[torch.Tensor, ...], present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits float32 [V * B, C] and embeddings [V * B, width] of V views of a batch.

        Args:
            inputs: as for `forward`.
            present: float32 [V * B, M], 1 where a view keeps a modality; never 1 where `find_present` says 0.
        """
        embedding = self.fuse(self.encode(inputs), present)
        return self.head(embedding), embedding

    def calibrate(self, scale: torch.Tensor, shift: torch.Tensor) -> None:
        """Scale and shift the logits from here on, so that stated probabilities are met.

        Platt, "Probabilistic Outputs for Support Vector Machines" (1999); the same scale for all classes of a task and
        no shift is the temperature of Guo et al., "On Calibration of Modern Neural Networks" (2017).

        Args:
            scale: float32 [C], above 0; found on held-out windows, as `shift` is.
            shift: float32 [C].
        """
        self.logit_scale.copy_(scale)
        self.logit_shift.copy_(shift)

    def _probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        logits = logits * self.logit_scale + self.logit_shift
        parts = []
        for task in self.shape.tasks:
            own = logits[:, self.shape.span(task.name)]
            parts.append(torch.softmax(own, dim=1) if task.is_exclusive else torch.sigmoid(own))
        return torch.cat(parts, dim=1)


def find_present(inputs: tuple[torch.Tensor, ...], shape: FusionShape) -> torch.Tensor:
    """Float32 [B, M]: 1 where a modality has an item.

    Raises:
        ModelError: the inputs are not three tensors per modality.
    """
    if len(inputs) != 3 * len(shape.modalities):
        raise ModelError(f"{len(inputs)} inputs; expected items, times and weights of {', '.join(shape.modalities)}")
    return torch.stack([(weight > 0).any(dim=1).float() for weight in inputs[2::3]], dim=1)

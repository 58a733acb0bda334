"""What a step of training is: masked losses of all tasks, with all modalities and of each modality alone."""

from collections.abc import Mapping

import torch
from torch import nn

from processors.models.fusion import FusionModel, FusionShape
from processors.models.fusion.model import find_present
from processors.models.loop import MONITORED
from processors.models.training.plan import LoopPlan
from processors.models.training.steps import FusionLearner, leave_out

__all__ = ["PlannedLearner", "joined_loss", "known_loss"]


class PlannedLearner(FusionLearner):
    """Learns all tasks together, from a random subset of modalities and from each modality alone.

    Args:
        model: to train.
        loop: how.
        task_weights: task -> weight of its loss.
        own_weights: modality -> weight of the loss of its own answer.
    """

    own_weights: torch.Tensor

    def __init__(
        self,
        model: FusionModel,
        loop: LoopPlan,
        task_weights: Mapping[str, float],
        own_weights: Mapping[str, float],
    ) -> None:
        super().__init__(model, learning_rate=loop.learning_rate, weight_decay=loop.weight_decay)
        self._absent_share = loop.absent_share
        self._task_weights = dict(task_weights)
        own = torch.tensor([own_weights[modality] for modality in model.shape.modalities])
        self.register_buffer("own_weights", own, persistent=False)

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        """The loss of one batch."""
        *inputs, labels = batch
        present = find_present(tuple(inputs), self.model.shape)
        alone = torch.eye(present.shape[1], device=present.device)[self.own_weights > 0]
        views = torch.cat([leave_out(present, self._absent_share)[None], alone[:, None] * present[None]])
        logits, _embedding = self.model.judge(tuple(inputs), views.flatten(0, 1))
        fused, *own = logits.reshape(len(views), *labels.shape)
        loss = self._loss(fused, labels)
        for view, weight, answer in zip(views[1:], self.own_weights[self.own_weights > 0], own, strict=True):
            # Where the modality is absent there is no answer of its own: nothing is asked of it.
            is_there = view.any(dim=1, keepdim=True)
            loss = loss + weight * self._loss(answer, torch.where(is_there, labels, torch.nan))
        return loss

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        """Logs the loss with every modality that is there."""
        *inputs, labels = batch
        logits, _embedding = self.model.judge(tuple(inputs), find_present(tuple(inputs), self.model.shape))
        known = int((~labels.isnan()).sum())
        if known:
            self.log(MONITORED, self._loss(logits, labels), batch_size=known, prog_bar=True)

    def _loss(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return joined_loss(logits, labels, self.model.shape, self._task_weights)


def joined_loss(
    logits: torch.Tensor, labels: torch.Tensor, shape: FusionShape, task_weights: Mapping[str, float]
) -> torch.Tensor:
    """The losses of all tasks, each as much as its weight says; logits and labels as for `known_loss`."""
    losses = known_loss(logits, labels, shape)
    return torch.stack([task_weights[task.name] * loss for task, loss in zip(shape.tasks, losses, strict=True)]).sum()


def known_loss(logits: torch.Tensor, labels: torch.Tensor, shape: FusionShape) -> list[torch.Tensor]:
    """The mean loss of each task over what is known; 0 where nothing is.

    Args:
        logits: float32 [B, C], the classes of all tasks one after the other.
        labels: float32 [B, C]: 1, 0, or NaN where it is not known.
        shape: says which columns are which task's. Cross-entropy for tasks whose classes exclude each other, binary
            cross-entropy for the others.
    """
    losses = []
    for task in shape.tasks:
        span = shape.span(task.name)
        answer, truth = logits[:, span], labels[:, span]
        is_known = ~truth.isnan()
        target = truth.nan_to_num()
        if task.is_exclusive:
            is_known = is_known.all(dim=1)
            each = nn.functional.cross_entropy(answer, target, reduction="none")
        else:
            each = nn.functional.binary_cross_entropy_with_logits(answer, target, reduction="none")
        losses.append((each * is_known).sum() / is_known.sum().clamp_min(1))
    return losses

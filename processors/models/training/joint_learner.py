"""A step in which encoders and the network learn together: gradients go from the answer to the pixels and samples."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from processors.modality import Modality
from processors.models.fusion import FusionModel
from processors.models.training.encoder_tuning import ENCODER_DECAY, answer_of
from processors.models.training.learner import PlannedLearner
from processors.models.training.plan import TrainingPlan
from processors.models.transfer import TunedEncoder

__all__ = ["JointLearner"]

_ENCODED_AT_ONCE: Final = 16
"""Rows whose inner values are held for the way back. Those of more are computed a second time on it (Gao et al. 2021,
"Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup")."""


class JointLearner(PlannedLearner):
    """Learns as `PlannedLearner` does, from windows of which some modalities are raw; see `RawWindows`.

    Args:
        model: to train.
        encoders: of the modalities that are raw.
        inputs: modality -> how many tensors its encoder takes.
        plan: of the training.
    """

    def __init__(
        self,
        model: FusionModel,
        encoders: Mapping[Modality, TunedEncoder],
        inputs: Mapping[Modality, int],
        plan: TrainingPlan,
    ) -> None:
        super().__init__(
            model,
            plan.loop,
            task_weights={name: task.weight for name, task in plan.tasks.items()},
            own_weights={each.value: plan.auxiliary.of(each) for each in plan.modalities},
        )
        self.encoders = nn.ModuleDict({modality.value: encoder for modality, encoder in encoders.items()})
        self._inputs = dict(inputs)
        self._plan = plan
        self.train()

    def training_step(self, batch: list[torch.Tensor], number: int) -> torch.Tensor:
        """The loss of one batch."""
        for encoder in self.encoders.values():
            # The statistics of what it was pretrained on are better than those of a few items; adapters have none.
            encoder.train(cast("TunedEncoder", encoder).transfer.kind == "lora")
        return super().training_step(self.embed(batch), number)

    def validation_step(self, batch: list[torch.Tensor], number: int) -> None:
        """Logs the loss with every modality that is there."""
        super().validation_step(self.embed(batch), number)

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule; each encoder has a rate of its own."""
        joint, loop = self._plan.joint, self._plan.loop
        groups = [(list(self.model.parameters()), joint.learning_rate, loop.weight_decay)]
        for modality, own in self._plan.encoders.learning.items():
            learning = cast("TunedEncoder", self.encoders[modality.value]).learning_parameters()
            groups.append((learning, joint.encoder_learning_rate or own.learning_rate, ENCODER_DECAY))
        rates = [rate for _, rate, _ in groups]
        optimiser = torch.optim.AdamW(
            [{"params": part, "lr": rate, "weight_decay": decay} for part, rate, decay in groups]
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def embed(self, batch: list[torch.Tensor]) -> list[torch.Tensor]:
        """The batch with embeddings for what is raw, as `PlannedLearner` takes it."""
        tensors = iter(batch)
        embedded: list[torch.Tensor] = []
        for name, dim in self.model.shape.modalities.items():
            items = self._encode(name, dim, tensors) if name in self.encoders else next(tensors)
            embedded += [items, next(tensors), next(tensors)]
        return [*embedded, *tensors]

    def _encode(self, name: str, dim: int, tensors: Iterator[torch.Tensor]) -> torch.Tensor:
        """Float32 [B, T, D], zeros for padding; an item is the mean of its rows."""
        inputs, share = [next(tensors) for _ in range(self._inputs[Modality(name)])], next(tensors)
        is_row = share > 0
        rows = [tensor[is_row] for tensor in inputs]
        spread = share.new_zeros(*share.shape, dim)
        if len(rows[0]):
            spread[is_row] = self._run(self.encoders[name], rows)
        return (spread * share[..., None]).sum(dim=2)

    @staticmethod
    def _run(encoder: nn.Module, rows: list[torch.Tensor]) -> torch.Tensor:
        """Embeddings float32 [R, D]."""
        parts = list(zip(*(torch.split(tensor, _ENCODED_AT_ONCE) for tensor in rows), strict=True))
        if len(parts) == 1 or not torch.is_grad_enabled():
            return torch.cat([answer_of(encoder, part) for part in parts])
        answers = [checkpoint(answer_of, encoder, part, use_reentrant=False) for part in parts]
        return torch.cat(cast("list[torch.Tensor]", answers))

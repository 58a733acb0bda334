"""What every training of a fusion model has in common: its optimiser, and modalities left out at random."""

from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import nn

from processors.models.fusion import FusionModel

__all__ = ["FusionLearner", "leave_out"]

_MAX_GRADIENT = 1.0


class FusionLearner(LightningModule):
    """AdamW on a one-cycle schedule, gradients clipped; a kind of training says what a step is.

    Args:
        model: to train.
        learning_rate: highest rate of the schedule.
        weight_decay: AdamW's.
    """

    def __init__(self, model: FusionModel, *, learning_rate: float, weight_decay: float) -> None:
        super().__init__()
        self.model = model
        self._learning_rate = learning_rate
        self._weight_decay = weight_decay

    def on_train_batch_end(self, outputs: Any, *_: Any) -> None:
        """Shows the loss of each step, in the progress bar and in TensorBoard."""
        self.log("training_loss", outputs["loss"], prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Optimiser and schedule, as Lightning wants them."""
        optimiser = torch.optim.AdamW(self.parameters(), lr=self._learning_rate, weight_decay=self._weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, self._learning_rate, total_steps=self.trainer.estimated_stepping_batches
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        """Clip the gradients of all parameters together."""
        nn.utils.clip_grad_norm_(self.parameters(), _MAX_GRADIENT)


def leave_out(present: torch.Tensor, share: float) -> torch.Tensor:
    """Modality dropout: presence float32 [B, M] with a share of it taken away, never all of a window.

    Args:
        present: 1 where a window has a modality.
        share: with which probability each is left out.
    """
    kept = present * (torch.rand_like(present) >= share)
    return torch.where(kept.any(dim=1, keepdim=True), kept, present)

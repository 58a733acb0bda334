"""Fine-tuning of the audio encoder's upper blocks: what can be heard, without forgetting how to see.

The layer that names the classes begins as a logistic regression on ImageNet's features (Kumar et al. 2022, "Fine-Tuning
can Distort Pretrained Features"). The embedding is drawn towards that of the untuned encoder for the same chunk, so
that sounds of other kinds stay as far apart as they were. The weights are averaged over the steps.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import TensorDataset

from processors.models.audio_training.encoding import EncodedChunks
from processors.models.encoders import AudioEncoder
from processors.models.loop import MONITORED, LoopSettings, fit
from processors.models.transfer import EventHead

__all__ = ["EncoderSettings", "embed_maps", "tune_encoder"]

_BATCH: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderSettings:
    """How to tune.

    Attributes:
        seed: of the order and dropout.
        epochs: passes over the chunks.
        batch_size: chunks per step.
        blocks_rate: highest learning rate of the blocks, on a one-cycle schedule.
        head_rate: the same of the layer that names the classes.
        weight_decay: AdamW's.
        dropout: share of the embedding that training zeroes before that layer.
        pull: weight of the distance from the untuned embedding, 1 less the cosine.
        averaging: share of the average that each step leaves.
    """

    seed: int = 0
    epochs: int = 3
    batch_size: int = 64
    blocks_rate: float = 3e-4
    head_rate: float = 1e-3
    weight_decay: float = 0.02
    dropout: float = 0.3
    pull: float = 0.1
    averaging: float = 0.98


def tune_encoder(chunks: EncodedChunks, settings: EncoderSettings) -> AudioEncoder:
    """Tune the upper blocks.

    Args:
        chunks: to learn from.
        settings: how.

    Returns:
        The encoder with averaged weights, in evaluation mode.
    """
    encoder = AudioEncoder(weights=None)
    untuned = embed_maps(encoder, chunks.maps)
    tuning = _Tuning(encoder, EventHead(untuned, chunks.heard, settings.dropout), settings)
    with tempfile.TemporaryDirectory() as folder:
        loop = LoopSettings(
            folder=Path(folder), epochs=settings.epochs, batch_size=settings.batch_size, seed=settings.seed
        )
        fit(tuning, TensorDataset(chunks.maps, untuned, chunks.heard), TensorDataset(untuned[:1]), loop)
    return tuning.averaged_encoder()


@torch.no_grad()
def embed_maps(encoder: AudioEncoder, maps: torch.Tensor) -> torch.Tensor:
    """Embeddings float32 [N, 1280] of chunks that are through the lower blocks."""
    parts = [encoder.embed(maps[start : start + _BATCH].float()) for start in range(0, len(maps), _BATCH)]
    return torch.cat(parts)


class _Tuning(LightningModule):
    """Tunes the upper blocks and the head; all batch statistics stay."""

    def __init__(self, encoder: AudioEncoder, head: EventHead, settings: EncoderSettings) -> None:
        super().__init__()
        self._settings = settings
        self.encoder = encoder
        self.head = head
        encoder.upper.requires_grad_(requires_grad=True)
        self._averaged = AveragedModel(
            encoder.upper, avg_fn=lambda average, now, _: average.lerp(now, 1.0 - settings.averaging)
        )
        self._averaged.requires_grad_(requires_grad=False)
        self.train()

    def averaged_encoder(self) -> AudioEncoder:
        """The encoder with the average of what its weights have been."""
        self.encoder.upper.load_state_dict(self._averaged.module.state_dict())
        self.encoder.requires_grad_(requires_grad=False)
        return self.encoder.eval()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """How surprising what can be heard is, and how far the embeddings have moved."""
        del batch_idx
        # The batch statistics of ImageNet are better than those of a few chunks.
        self.encoder.eval()
        maps, untuned, heard = batch
        embeddings = self.encoder.embed(maps.float())
        surprise = nn.functional.binary_cross_entropy_with_logits(self.head(embeddings), heard)
        moved = 1.0 - (embeddings * untuned).sum(dim=1).mean()
        return surprise + self._settings.pull * moved

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Takes the step's weights into the average."""
        del outputs, batch, batch_idx
        self._averaged.update_parameters(self.encoder.upper)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Calls each pass better than the one before: no clip can be spared to choose among them."""
        del batch, batch_idx
        self.log(MONITORED, -float(self.current_epoch))

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        settings = self._settings
        parts = [self.encoder.upper, self.head.linear]
        rates = [settings.blocks_rate, settings.head_rate]
        groups = [{"params": list(part.parameters()), "lr": rate} for part, rate in zip(parts, rates, strict=True)]
        optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, pct_start=0.15)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

"""One kind of fusion, trained on examples."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import torch
from torch import nn
from torch.utils.data import TensorDataset

from processors.models.feature_fusion.examples import swap_items
from processors.models.fusion import FusionModel, FusionShape, Task, make_fusion
from processors.models.fusion.model import find_present
from processors.models.loop import MONITORED, LoopSettings, fit
from processors.models.training.examples import Examples
from processors.models.training.steps import FusionLearner, leave_out

__all__ = ["TrainingSettings", "train"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How a member is trained.

    Attributes:
        width: of its tokens.
        dropout: share of values that training zeroes.
        epochs: passes over the examples, at most; the pass with the best validation loss is kept.
        batch_size: examples of a step.
        learning_rate: highest rate of the one-cycle schedule.
        weight_decay: AdamW's.
        label_smoothing: share of certainty that is taken from the labels.
        absent_share: share of modalities that training leaves out; at least one is always kept.
        swapped_shares: modality -> share of its items that training replaces by another window's.
    """

    width: int = 128
    dropout: float = 0.5
    epochs: int = 12
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    absent_share: float = 0.2
    swapped_shares: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


def train(
    kind: str, training: Examples, validation: Examples, classes: tuple[str, ...], settings: TrainingSettings, seed: int
) -> FusionModel:
    """Train a kind of fusion to name one class of several.

    A modality of which training has no item is never looked at, also where it appears later.

    Args:
        kind: name of the kind.
        training: to learn from.
        validation: of other recordings; tells when to stop.
        classes: what the labels are called.
        settings: how.
        seed: of everything random.

    Returns:
        The model, in evaluation mode.
    """
    torch.manual_seed(seed)
    shape = FusionShape(
        modalities=dict(training.dims),
        tasks=(Task("label", classes, is_exclusive=True),),
        width=settings.width,
        dropout=settings.dropout,
    )
    module = _Member(make_fusion(kind, shape), settings)
    module.model.standardise(training.inputs)
    generator = torch.Generator().manual_seed(seed)
    judged = swap_items(validation.inputs, validation.dims, settings.swapped_shares, generator)
    with tempfile.TemporaryDirectory() as folder:
        fit(
            module,
            TensorDataset(*training.inputs, training.labels),
            TensorDataset(*judged, validation.labels),
            LoopSettings(folder=Path(folder), epochs=settings.epochs, batch_size=settings.batch_size, seed=seed),
        )
    return module.model


class _Member(FusionLearner):
    def __init__(self, model: FusionModel, settings: TrainingSettings) -> None:
        super().__init__(model, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
        self._settings = settings

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        *inputs, labels = batch
        swapped = swap_items(tuple(inputs), self.model.shape.modalities, self._settings.swapped_shares)
        kept = leave_out(find_present(swapped, self.model.shape), self._settings.absent_share)
        logits, _embedding = self.model.judge(swapped, kept)
        return nn.functional.cross_entropy(logits, labels, label_smoothing=self._settings.label_smoothing)

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        *inputs, labels = batch
        logits, _embedding = self.model.judge(tuple(inputs), find_present(tuple(inputs), self.model.shape))
        self.log(MONITORED, nn.functional.cross_entropy(logits, labels))

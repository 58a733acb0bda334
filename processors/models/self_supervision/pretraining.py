"""The training without labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch.utils.data import TensorDataset

from processors.datasets.windows import UNLABELLED_CLASS, WindowSet
from processors.errors import DatasetError
from processors.models.feature_fusion.recipe import split_recordings
from processors.models.fusion import FusionModel, FusionShape, Task, make_fusion
from processors.models.fusion.model import find_present
from processors.models.loop import MONITORED, LoopSettings, fit
from processors.models.self_supervision.contrastive import ContrastiveLoss, find_negatives
from processors.models.self_supervision.inputs import make_inputs
from processors.models.self_supervision.masking import MaskedItemLoss, hide_items
from processors.models.self_supervision.settings import PretrainingSettings
from processors.models.training.steps import FusionLearner

__all__ = ["Pretrained", "pretrain"]

_VALIDATION_FOLDS: Final = 10
_TASK: Final = "event"


@dataclass(frozen=True, slots=True, eq=False)
class Pretrained:
    """What was learned.

    Attributes:
        model: in evaluation mode; its heads know nothing yet.
        windows: how many taught, and how many validated.
        losses: name -> on the validating recordings, of the pass that was kept.
    """

    model: FusionModel
    windows: tuple[int, int]
    losses: dict[str, float]


def pretrain(
    windows: WindowSet,
    settings: PretrainingSettings,
    folder: Path,
    *,
    begun: Callable[[], None] = lambda: None,
    is_shown: bool = False,
) -> Pretrained:
    """Train a fusion model on windows; no label is looked at.

    Args:
        windows: of at least two recordings.
        settings: how.
        folder: of the checkpoints; training goes on from what it finds there.
        begun: called before the first step, when the windows and settings are known to be usable.
        is_shown: whether a progress bar is drawn.

    Raises:
        DatasetError: there is only one recording, or, for the contrastive task, no window with two modalities.
        ModelError: there is no such kind, or the folder's checkpoints do not fit.
    """
    dims, inputs = make_inputs(windows)
    folds = max(2, min(_VALIDATION_FOLDS, len(np.unique(windows.recordings))))
    learned, judged = split_recordings(windows.recordings, folds, 0, settings.seed)
    torch.manual_seed(settings.seed)
    tasks = (Task(_TASK, windows.classes or (UNLABELLED_CLASS,), is_exclusive=False),)
    shape = FusionShape(
        modalities=dims, tasks=tasks, width=settings.width, dropout=settings.dropout, memory=settings.memory
    )
    model = make_fusion(settings.kind, shape)
    if settings.contrastive_weight and not (find_present(inputs, shape).sum(dim=1) > 1).any():
        raise DatasetError(
            f"no window holds two modalities, of {', '.join(dims)}; the contrastive task needs two: set its weight to "
            "0, or bring windows of recordings with several"
        )
    _, numbers = np.unique(windows.recordings, return_inverse=True)
    tensors = (*inputs, torch.from_numpy(numbers), torch.from_numpy(windows.starts_ms))
    model.standardise(tuple(tensor[torch.from_numpy(learned)] for tensor in inputs))
    # Mixed, as batches of training are: neighbours are too alike to tell apart.
    judged = np.random.default_rng(settings.seed).permutation(judged)
    module = _Pretraining(model, settings, settings.window_ms or _find_length(inputs))
    training, validation = (
        TensorDataset(*(tensor[torch.from_numpy(rows)] for tensor in tensors)) for rows in (learned, judged)
    )
    begun()
    fit(
        module,
        training,
        validation,
        LoopSettings(
            folder=folder,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            patience=settings.patience,
            seed=settings.seed,
            is_shown=is_shown,
        ),
    )
    return Pretrained(module.model, (len(learned), len(judged)), _judge(module, validation, settings.batch_size))


@torch.inference_mode()
def _judge(module: "_Pretraining", validation: TensorDataset, batch_size: int) -> dict[str, float]:
    batches = [
        module.find_losses(validation[first : first + batch_size], torch.Generator().manual_seed(number))
        for number, first in enumerate(range(0, len(validation), batch_size))
    ]
    return {name: round(float(np.mean([float(batch[name]) for batch in batches])), 4) for name in batches[0]}


def _find_length(inputs: tuple[torch.Tensor, ...]) -> int:
    """Milliseconds from a window's start to the latest item that any window holds."""
    latest = max(float((time * (weight > 0)).max()) for time, weight in zip(inputs[1::3], inputs[2::3], strict=True))
    return int(latest * 1000) + 1


class _Pretraining(FusionLearner):
    def __init__(self, model: FusionModel, settings: PretrainingSettings, window_ms: int) -> None:
        super().__init__(model, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
        self.contrastive = ContrastiveLoss(model.shape.width, len(model.shape.modalities))
        self.masked = MaskedItemLoss(model)
        self._settings = settings
        self._window_ms = window_ms

    def find_losses(
        self, batch: tuple[torch.Tensor, ...], generator: torch.Generator | None = None
    ) -> dict[str, torch.Tensor]:
        """Each task's loss; only of tasks that count."""
        *tensors, recordings, starts_ms = batch
        inputs, settings, losses = tuple(tensors), self._settings, {}
        present = find_present(inputs, self.model.shape) * self.model.known
        if settings.contrastive_weight:
            count = present.shape[1]
            alone = (torch.eye(count)[:, None, :] * present[None]).reshape(-1, count)
            tokens = self.model.fuse(self.model.encode(inputs), alone).reshape(count, len(present), -1).transpose(0, 1)
            negatives = find_negatives(recordings, starts_ms, self._window_ms)
            losses["contrastive"] = self.contrastive(tokens, present, negatives)
        if settings.masked_weight:
            left, hidden = hide_items(inputs, settings.masked_share, settings.masked_modality_share, generator)
            embedding = self.model.fuse(
                self.model.encode(left), find_present(left, self.model.shape) * self.model.known
            )
            losses["masked"] = self.masked(self.model, embedding, inputs, hidden)
        return losses

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        losses = self.find_losses(tuple(batch))
        self.log_dict({f"training_{name}": loss for name, loss in losses.items()})
        return self._join(losses)

    def validation_step(self, batch: list[torch.Tensor], number: int) -> None:
        # The same items are hidden each time: passes are compared by the same questions.
        losses = self.find_losses(tuple(batch), torch.Generator().manual_seed(number))
        self.log_dict({f"validation_{name}": loss for name, loss in losses.items()})
        self.log(MONITORED, self._join(losses))

    def _join(self, losses: dict[str, torch.Tensor]) -> torch.Tensor:
        weights = {"contrastive": self._settings.contrastive_weight, "masked": self._settings.masked_weight}
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()

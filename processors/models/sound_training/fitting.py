"""Training: first which features tell the classes apart, then the blocks that make the features.

Each head begins as a logistic regression on the ImageNet features; the first two stay so. The third moves together with
as much of the network as the transfer says, by default the upper blocks, from where it began: so fine-tuning goes only
as far as it helps (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features"). Mixup (Zhang et al. 2018) takes
place between the maps that enter the blocks; the weights are averaged over the steps, and the average is the result.
"""

import math
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from lightning.pytorch import LightningModule
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import TensorDataset

from processors.errors import ModelError
from processors.models.loop import MONITORED, LoopSettings, fit
from processors.models.sound_classifier import SoundClassifier
from processors.models.sound_training.views import PLAIN_VIEWS, SoundViews
from processors.models.transfer import Transfer, TunedEncoder

__all__ = ["RECIPE_TRANSFER", "Reach", "TuningSettings", "answer_views", "fit_classifier", "measure_reach"]

RECIPE_TRANSFER: Final = Transfer(kind="last_n", last_n=4)
"""How the shipped network was tuned: its upper blocks learn."""

_BATCH: Final = 64
_LEAST_SPREAD: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningSettings:
    """How to train.

    Attributes:
        seed: of the order, the versions drawn, mixup and dropout.
        epochs: passes over the clips.
        batch_size: clips per step.
        transfer: how much of the network below the heads learns.
        blocks_rate: highest learning rate of that, on a one-cycle schedule.
        head_rate: the same of the head above them.
        weight_decay: AdamW's.
        mixup: both parameters of the Beta distribution of the share that a clip keeps.
        smoothing: share of each label that is spread over all classes.
        dropout: share of features that training zeroes.
        averaging: share of the average that each step leaves.
        probe_views: versions of each clip that the logistic regression sees.
        probe_strength: its inverse regularisation.
    """

    seed: int = 0
    transfer: Transfer = RECIPE_TRANSFER
    epochs: int = 16
    batch_size: int = 32
    blocks_rate: float = 1.5e-4
    head_rate: float = 3e-4
    weight_decay: float = 0.02
    mixup: float = 1.0
    smoothing: float = 0.1
    dropout: float = 0.5
    averaging: float = 0.95
    probe_views: int = 12
    probe_strength: float = 10.0


@dataclass(frozen=True, slots=True)
class Reach:
    """What a transfer means for the sound classifier.

    Attributes:
        needs_pictures: whether blocks learn of which views hold the output where they are not pictures.
        learning: how many numbers below the heads learn.
        total: how many there are, adapters included.
    """

    needs_pictures: bool
    learning: int
    total: int


def measure_reach(transfer: Transfer) -> Reach:
    """Try a transfer on a classifier.

    Raises:
        ModelError: it does not fit.
    """
    network = SoundClassifier(("any",))
    learning, total = TunedEncoder(network.blocks(), transfer).count_parameters()
    return Reach(any(each.requires_grad for each in network.lower.parameters()), learning, total)


def fit_classifier(views: SoundViews, chosen: Sequence[int], settings: TuningSettings) -> SoundClassifier:
    """Train on some of the clips.

    Args:
        views: of all clips; as pictures where blocks below their maps learn.
        chosen: numbers of the clips to learn from; at least one of each class.
        settings: how.

    Returns:
        The network with averaged weights, in evaluation mode.

    Raises:
        ModelError: the network has fewer blocks than learn, or none that LoRA could adapt is called as wanted; the
            views are maps of blocks that learn.
    """
    if measure_reach(settings.transfer).needs_pictures and not views.are_pictures:
        raise ModelError(
            f"transfer {settings.transfer.kind!r} reaches blocks below the maps that were encoded; encode pictures"
        )
    network = SoundClassifier(views.classes)
    numbers = torch.tensor(chosen)
    _fit_heads(network, views, numbers, settings)
    torch.manual_seed(settings.seed)
    tuning = _Tuning(network, views, settings)
    with tempfile.TemporaryDirectory() as folder:
        loop = LoopSettings(
            folder=Path(folder), epochs=settings.epochs, batch_size=settings.batch_size, seed=settings.seed
        )
        fit(tuning, TensorDataset(numbers, views.labels[numbers]), TensorDataset(numbers[:1]), loop)
    return tuning.averaged_network()


@torch.inference_mode()
def answer_views(network: SoundClassifier, views: SoundViews, chosen: Sequence[int]) -> npt.NDArray[np.float32]:
    """Probabilities float32 [N, C] of some of the clips: the mean over their plain views."""
    answers = [
        network.classify(views.features(network, views.maps[number, :PLAIN_VIEWS])).softmax(dim=2).mean(dim=(0, 1))
        for number in chosen
    ]
    return torch.stack(answers).numpy()


@torch.no_grad()
def _fit_heads(network: SoundClassifier, views: SoundViews, numbers: torch.Tensor, settings: TuningSettings) -> None:
    """Set what centres and scales the features, and all heads."""
    maps = views.maps[numbers, : settings.probe_views].flatten(0, 1)
    starts = range(0, len(maps), _BATCH)
    features = torch.cat([views.features(network, maps[start : start + _BATCH]) for start in starts])
    network.centre.copy_(features.mean(dim=0))
    network.spread.copy_(features.std(dim=0).clamp_min(_LEAST_SPREAD))
    standardised = (features - network.centre) / network.spread
    labels = views.labels[numbers].repeat_interleave(maps.shape[0] // len(numbers)).numpy()
    for head, part in zip(network.heads, network.split(standardised), strict=True):
        weight, bias = _regress(part.numpy(), labels, settings)
        head.get_parameter("weight").copy_(torch.from_numpy(weight))
        head.get_parameter("bias").copy_(torch.from_numpy(bias))


def _regress(
    features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], settings: TuningSettings
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weights [C, D] and biases [C] of a logistic regression; the same strength means the same for any D."""
    scale = math.sqrt(features.shape[1])
    regression = LogisticRegression(C=settings.probe_strength, max_iter=60, tol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a beginning need not be the end
        regression.fit(features / scale, labels)
    weight, bias = regression.coef_ / scale, regression.intercept_
    if len(weight) == 1:  # of two classes, scikit-learn keeps the second's scores alone
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    return weight, bias


class _Tuned(nn.Module):
    """What learns, and is averaged over the steps."""

    def __init__(self, blocks: TunedEncoder, head: nn.Module) -> None:
        super().__init__()
        self.blocks = blocks
        self.head = head


class _Tuning(LightningModule):
    """Tunes the last head and what the transfer says; everything else, and all batch statistics, stay."""

    def __init__(self, network: SoundClassifier, views: SoundViews, settings: TuningSettings) -> None:
        super().__init__()
        self.network = network.requires_grad_(requires_grad=False)
        head = network.heads[-1].requires_grad_(requires_grad=True)
        self._tuned = _Tuned(TunedEncoder(network.blocks(), settings.transfer), head)
        self._averaged = AveragedModel(
            self._tuned, avg_fn=lambda average, now, _: average.lerp(now, 1.0 - settings.averaging)
        )
        self._averaged.requires_grad_(requires_grad=False)
        self._views = views
        self._settings = settings
        self.train()

    def averaged_network(self) -> SoundClassifier:
        """The network with the average of what its weights have been."""
        self._tuned.load_state_dict(self._averaged.module.state_dict())
        self._tuned.blocks.merge()
        self.network.tuned_names = frozenset(self._tuned.blocks.changed_tensors())
        return self.network.requires_grad_(requires_grad=False).eval()

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """The loss of one mixed batch."""
        del batch_idx
        settings = self._settings
        # The batch statistics of ImageNet are better than those of a few clips; adapters have none.
        self.network.eval()
        self._tuned.blocks.train(settings.transfer.kind == "lora")
        numbers, labels = batch
        versions = torch.randint(self._views.maps.shape[1], (len(numbers),))
        maps = self._views.maps[numbers, versions].float()
        targets = nn.functional.one_hot(labels, len(self.network.classes)).float()
        beta = torch.distributions.Beta(settings.mixup, settings.mixup)
        kept = beta.sample((len(numbers),))
        kept, other = torch.maximum(kept, 1.0 - kept), torch.randperm(len(numbers))
        maps = kept[:, None, None, None] * maps + (1.0 - kept)[:, None, None, None] * maps[other]
        targets = kept[:, None] * targets + (1.0 - kept)[:, None] * targets[other]
        features = nn.functional.dropout(self._views.features(self.network, maps), settings.dropout)
        logits = self.network.classify(features)[-1]
        return nn.functional.cross_entropy(logits, targets, label_smoothing=settings.smoothing)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Takes the step's weights into the average."""
        del outputs, batch, batch_idx
        self._averaged.update_parameters(self._tuned)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Calls each pass better than the one before: no clip can be spared to choose among them."""
        del batch, batch_idx
        self.log(MONITORED, -float(self.current_epoch))

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        settings = self._settings
        parts = ((self._tuned.blocks, settings.blocks_rate), (self._tuned.head, settings.head_rate))
        learning = [([each for each in part.parameters() if each.requires_grad], rate) for part, rate in parts]
        learning = [(parameters, rate) for parameters, rate in learning if parameters]
        groups = [{"params": parameters, "lr": rate} for parameters, rate in learning]
        optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay)
        steps = int(self.trainer.estimated_stepping_batches)
        rates = [rate for _, rate in learning]
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, pct_start=0.15)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

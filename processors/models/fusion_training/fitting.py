"""The training loop: windows in, the network with the best validation loss out."""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from processors.models.fusion import FusionNetwork
from processors.models.fusion_training.windows import Window, pack_windows
from processors.models.spec import CONTRIBUTION_ORDER

__all__ = ["FitSettings", "count_parameters", "fit", "predict"]

_log = logging.getLogger(__name__)

_MODALITIES: Final = len(CONTRIBUTION_ORDER)
_MIN_SPREAD: Final = 1e-3
_SPREAD_SAMPLE: Final = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How to train.

    Attributes:
        seed: of the weights, the order and all dropout; of 3, 4 and 5 the one with the least validation loss.
        epochs: at most so many passes.
        patience: passes without a better validation loss before the end.
        batch_size: windows per step.
        learning_rate: highest rate of the one-cycle schedule.
        weight_decay: AdamW's.
        keep_share: with which probability a modality is kept in a partial view, in `CONTRIBUTION_ORDER`.
        partial_views: how many random subsets of modalities each window is also judged by.
    """

    seed: int = 5
    epochs: int = 10
    patience: int = 4
    batch_size: int = 128
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    keep_share: tuple[float, float, float] = (0.55, 0.55, 0.5)
    partial_views: int = 3


def fit(training: Sequence[Window], validation: Sequence[Window], settings: FitSettings) -> FusionNetwork:
    """Train a network with AdamW on binary cross-entropy, stopping early on the validation loss.

    Each window is judged with all of its modalities and with random subsets of them. A subset that shows nothing of an
    event, because what carried it was left out, is an example of nothing happening: so the network learns what each
    modality can say, and says nothing when it gets nothing.

    Args:
        training: windows to learn from.
        validation: windows of other scenes.
        settings: how to train.

    Returns:
        The network as it was after its best pass, in evaluation mode.
    """
    torch.manual_seed(settings.seed)
    rng = np.random.default_rng(settings.seed)
    network = FusionNetwork()
    _standardise(network, training, rng)
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    steps = settings.epochs * -(-len(training) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.learning_rate, total_steps=steps)
    best, best_loss, waited = copy.deepcopy(network.state_dict()), float("inf"), 0
    for epoch in range(settings.epochs):
        network.train()
        losses = []
        order = rng.permutation(len(training))
        for first in range(0, len(order), settings.batch_size):
            batch = [training[index] for index in order[first : first + settings.batch_size]]
            loss = _loss(network, batch, pack_windows(batch, rng), _draw_views(len(batch), settings, rng))
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        validation_loss = _validate(network, validation, settings.batch_size)
        _log.info("epoch %d: training loss %.4f, validation loss %.4f", epoch, np.mean(losses), validation_loss)
        if validation_loss < best_loss:
            best, best_loss, waited = copy.deepcopy(network.state_dict()), validation_loss, 0
        else:
            waited += 1
        if waited > settings.patience:
            break
    network.load_state_dict(best)
    return network.eval()


def predict(
    network: FusionNetwork, windows: Sequence[Window], keep: tuple[bool, bool, bool] = (True, True, True)
) -> npt.NDArray[np.float32]:
    """Probabilities float32 [W, C] of windows; modalities that are not kept get no items."""
    answers = []
    with torch.inference_mode():
        for first in range(0, len(windows), 64):
            inputs = pack_windows(windows[first : first + 64])
            for row, is_kept in enumerate(keep):
                if not is_kept:
                    inputs[3 * row + 2] = torch.zeros_like(inputs[3 * row + 2])
            answers.append(network(*inputs)[0])
    return torch.cat(answers).numpy()


def count_parameters(network: FusionNetwork) -> int:
    """How many numbers the network has learned."""
    return sum(parameter.numel() for parameter in network.parameters())


def _standardise(network: FusionNetwork, training: Sequence[Window], rng: np.random.Generator) -> None:
    """Set mean and deviation of the embeddings as the training scenes have them."""
    scenes = list({id(window.scene): window.scene for window in training}.values())
    for modality, pool in zip(CONTRIBUTION_ORDER, network.pools, strict=True):
        items = np.concatenate([scene.items[modality].embeddings for scene in scenes])
        chosen = torch.from_numpy(items[rng.permutation(len(items))[:_SPREAD_SAMPLE]])
        pool.get_buffer("centre").copy_(chosen.mean(dim=0))
        pool.get_buffer("spread").copy_(chosen.std(dim=0).clamp_min(_MIN_SPREAD))


def _draw_views(count: int, settings: FitSettings, rng: np.random.Generator) -> torch.Tensor:
    """Float32 [V, N, 3]: which modalities each view of each window keeps; the first keeps all."""
    partial = rng.random((settings.partial_views, count, _MODALITIES)) < np.array(settings.keep_share)
    return torch.from_numpy(np.concatenate([np.ones((1, count, _MODALITIES), bool), partial]).astype(np.float32))


def _loss(
    network: FusionNetwork, batch: Sequence[Window], inputs: list[torch.Tensor], views: torch.Tensor
) -> torch.Tensor:
    evidence = torch.from_numpy(np.stack([window.evidence for window in batch])).float()
    is_clear = torch.from_numpy(np.stack([~window.is_unclear for window in batch])).float()
    inputs = _trim(inputs)
    tokens, present = network.pool(*((inputs[row], inputs[row + 1], inputs[row + 2]) for row in (0, 3, 6)))
    kept = views * present[None]
    # A window shows a class in a view if any modality that is kept shows it.
    targets = torch.einsum("vnm,nmc->vnc", kept, evidence).clamp_max(1.0)
    logits, _ = network.classify(tokens.repeat(len(views), 1, 1), kept.flatten(0, 1))
    loss = nn.functional.binary_cross_entropy_with_logits(logits.view_as(targets), targets, reduction="none")
    return (loss * is_clear).sum() / (is_clear.sum() * len(views))


def _trim(inputs: list[torch.Tensor]) -> list[torch.Tensor]:
    """Without the rows that are padding in every window of the batch: they cost time and change nothing."""
    trimmed: list[torch.Tensor] = []
    for first in (0, 3, 6):
        rows = max(1, int((inputs[first + 2] > 0).sum(dim=1).max()))
        trimmed.extend(tensor[:, :rows] for tensor in inputs[first : first + 3])
    return trimmed


def _validate(network: FusionNetwork, windows: Sequence[Window], batch_size: int) -> float:
    """Mean loss with all modalities and with each left out."""
    network.eval()
    total = 0.0
    with torch.inference_mode():
        for first in range(0, len(windows), batch_size):
            batch = windows[first : first + batch_size]
            views = network.keep[:, None, :].expand(-1, len(batch), -1)
            total += _loss(network, batch, pack_windows(batch), views).item() * len(batch)
    return total / len(windows)

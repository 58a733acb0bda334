"""The training loop that every network shares: seeds, early stopping, checkpoints, and going on after a crash."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import Callback, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.data import DataLoader, Dataset, Sampler

from processors.errors import ModelError
from processors.models._quiet import quiet

__all__ = ["MONITORED", "LoopSettings", "fit"]

MONITORED: Final = "validation_loss"
"""What a module must log in `validation_step`; the least one is the best."""

_BEST, _LAST = "best.ckpt", "last.ckpt"
_SEED_STRIDE: Final = 1_000_003  # runs of neighbouring seeds share no step's seed
_SEEDS: Final = 2**32
_KNOWN_WARNINGS: Final = (
    ("Checkpoint directory .* exists and is not empty", UserWarning),
    ("Found .* in eval mode at the start of training", UserWarning),  # what is frozen is in it, and meant to be
    ("The '.*_dataloader' does not have many workers", UserWarning),
    ("`isinstance.treespec, LeafSpec.` is deprecated", FutureWarning),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """How long to train, and where to keep what a crash must not lose.

    Attributes:
        folder: of the checkpoints and TensorBoard's events. Training goes on from what it finds there.
        epochs: passes over the training data, at most.
        batch_size: examples of a step; all of them take part in each pass.
        patience: passes without a better validation loss before the end; None to take all.
        seed: of everything random. The same seed gives the same network, also when training was interrupted.
        is_shown: whether a progress bar is drawn.
    """

    folder: Path
    epochs: int
    batch_size: int
    patience: int | None = None
    seed: int = 0
    is_shown: bool = False


def fit(module: LightningModule, training: Dataset[Any], validation: Dataset[Any], settings: LoopSettings) -> None:
    """Train a module; it is left as it was after its best pass, in evaluation mode.

    Args:
        module: logs `validation_loss`. What it draws at random it draws in `training_step`.
        training: of a known length; gives the same example for the same index.
        validation: of other recordings, alike.
        settings: how.

    Raises:
        ModelError: the folder's checkpoints do not fit the module.
    """
    settings.folder.mkdir(parents=True, exist_ok=True)
    best = ModelCheckpoint(settings.folder, Path(_BEST).stem, MONITORED, enable_version_counter=False)
    # One of its own: `save_last` writes only where the pass was the best so far.
    newest = ModelCheckpoint(settings.folder, Path(_LAST).stem, enable_version_counter=False)
    order = _EpochOrder(training, settings.seed)
    batches = DataLoader(training, batch_size=settings.batch_size, sampler=order)
    judged = DataLoader(validation, batch_size=settings.batch_size)
    callbacks: list[Callback] = [best, newest, _StepSeeds(settings.seed)]
    if settings.patience is not None:
        callbacks.append(EarlyStopping(monitor=MONITORED, patience=settings.patience))
    if settings.is_shown:
        callbacks.append(TQDMProgressBar())
    last = settings.folder / _LAST
    goes_on = last.exists()
    try:
        with quiet("lightning.pytorch", *_KNOWN_WARNINGS):
            trainer = Trainer(
                max_epochs=settings.epochs,
                callbacks=callbacks,
                plugins=_WholeFiles(),
                logger=TensorBoardLogger(settings.folder, name="", version=""),
                deterministic=True,
                devices=1,
                enable_model_summary=False,
                enable_progress_bar=settings.is_shown,
                log_every_n_steps=1,
                num_sanity_val_steps=0,
            )
            if not (goes_on and _stopped_early(last)):
                trainer.fit(module, batches, judged, ckpt_path=last if goes_on else None, weights_only=True)
        held = torch.load(settings.folder / _BEST, weights_only=True)
        module.load_state_dict(held["state_dict"])
    except (RuntimeError, KeyError) as error:
        if not goes_on:  # the module's own fault
            raise
        raise ModelError(
            f"training in {settings.folder} cannot go on: {error}; if the network was changed, name another folder"
        ) from error
    module.eval()


def _stopped_early(last: Path) -> bool:
    """Whether the patience was at its end when a checkpoint was written; one pass more would be one too many."""
    callbacks = torch.load(last, weights_only=True)["callbacks"]
    return any("patience" in state and state["wait_count"] >= state["patience"] for state in callbacks.values())


class _WholeFiles(TorchCheckpointIO):
    """Checkpoints that are there whole or not at all, whenever the process is killed."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write beside the place, then put it there."""
        part = Path(path).with_suffix(".part")
        super().save_checkpoint(checkpoint, part, storage_options)
        part.replace(path)


class _EpochOrder(Sampler[int]):
    """Another order in each pass, told by the seed and the number of the pass alone."""

    def __init__(self, examples: Dataset[Any], seed: int) -> None:
        self._count = len(examples)  # type: ignore[arg-type] # torch declares no length
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each pass."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self._seed * _SEED_STRIDE + self._epoch)
        return iter(torch.randperm(self._count, generator=generator).tolist())


class _StepSeeds(Callback):
    """Begins every step from a seed of its own, so that one that is taken again draws what it drew before."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        del pl_module, batch, batch_idx
        seed_everything((self._seed * _SEED_STRIDE + trainer.global_step) % _SEEDS, verbose=False)

"""Tuning of encoders on labelled recordings, before the network learns from what they say then.

Above each encoder stands a linear layer that names the event classes of a single item. It begins as a logistic
regression on what the encoder said before (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features"); then both
learn together, as much of the encoder as the transfer says. The layer is thrown away in the end.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from typing import Any, Final, cast

import torch
from lightning.pytorch import LightningModule
from tokenizers import Tokenizer
from torch import nn
from torch.utils.data import DataLoader

from processors.datasets.recordings import RecordingFolder
from processors.errors import DatasetError
from processors.modality import Modality
from processors.models.encoders import text_weights_path
from processors.models.hub.checkpoint import TOKENIZER_NAME, find_checkpoint
from processors.models.hub.encoders import load_encoder
from processors.models.hub.tokens import find_tokenizer
from processors.models.hub.tuned import digest_encoder, find_base, write_tuned
from processors.models.local_encoders import load_tokenizer
from processors.models.loop import MONITORED, LoopSettings, fit
from processors.models.spec import MAX_TOKENS
from processors.models.training.encoder_items import DrawnItems, draw_items, make_inputs
from processors.models.training.folder import ModelFolder, RunFolder
from processors.models.training.plan import EncoderPlan, TrainingPlan
from processors.models.training.recordings import ItemReader
from processors.models.training.split import Split
from processors.models.transfer import EventHead, Transfer, TunedEncoder

__all__ = ["ENCODER_DECAY", "answer_of", "begin_tuning", "open_tokenizer", "tune_encoders"]

ENCODER_DECAY: Final = 0.02
"""AdamW's, where an encoder learns."""


_HEAD_RATE: Final = 1e-3
_DROPOUT: Final = 0.3
_JUDGED: Final = 16
_MAX_GRADIENT: Final = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """One encoder before it learns."""

    plan: EncoderPlan
    tuned: TunedEncoder
    base_sha256: str
    tokenizer: Tokenizer | None


def tune_encoders(
    plan: TrainingPlan,
    recordings: RecordingFolder,
    split: Split,
    folder: RunFolder,
    kept: ModelFolder,
    read: ItemReader,
    told: Callable[[str], None],
    *,
    is_shown: bool,
) -> None:
    """Tune what the plan wants tuned, and is not yet, and write each as a checkpoint.

    Args:
        plan: of the training.
        recordings: with labels; those of the test are not looked at.
        split: of them.
        folder: of the training; it is claimed once all encoders are known to be able to learn.
        kept: where the encoders are written to.
        read: of the media files.
        told: is told what comes next.
        is_shown: whether a progress bar is drawn.

    Raises:
        DatasetError: no item shows an event, or there is none to choose by.
        ModelError: an encoder cannot be loaded, or has too few blocks.
    """
    waiting = {each: own for each, own in plan.encoders.learning.items() if not kept.encoder(each).exists()}
    tasks = {modality: _prepare(modality, own, plan.seed) for modality, own in waiting.items()}
    limits = {modality: task.plan.items for modality, task in tasks.items()}
    learned = draw_items(recordings, split.training, limits, read, plan.seed, told)
    held = draw_items(recordings, split.validation, limits, read, plan.seed, told)
    for modality in tasks:
        if not any(item.labels.any() for item in learned[modality]) or not held[modality]:
            raise DatasetError(
                f"{recordings.path}: the {modality} encoder cannot learn: "
                f"{sum(bool(item.labels.any()) for item in learned[modality])} items of the training recordings show "
                f"an event, and {len(held[modality])} items are there to choose by; label more recordings with "
                f"{modality}, try another seed, or leave it frozen (encoders.{modality}.transfer)"
            )
    folder.claim()
    for modality, task in tasks.items():
        own = [items[modality] for items in (learned, held)]
        inputs = make_inputs(modality, task.tokenizer, (item.payload for item in chain(*own)))
        parts = [DrawnItems(items, inputs) for items in own]
        told(f"tuning the {modality} encoder ({task.plan.transfer}) on {len(parts[0])} items")
        settings = LoopSettings(
            folder=folder.checkpoints / f"{modality}_encoder",
            epochs=task.plan.epochs,
            batch_size=task.plan.batch_size,
            seed=plan.seed,
            is_shown=is_shown,
        )
        facts = _tune(task, parts, settings)
        write_tuned(kept.encoder(modality), task.tuned, modality, task.plan.checkpoint, task.base_sha256, facts)


def open_tokenizer(encoder: nn.Module, checkpoint: str | None) -> Tokenizer:
    """What cuts texts for an encoder.

    Args:
        encoder: as `load_encoder` made it.
        checkpoint: of which; None for the shipped one.

    Raises:
        ModelError: the checkpoint has none.
    """
    base = find_base(checkpoint)
    path = text_weights_path() / TOKENIZER_NAME if base is None else find_tokenizer(find_checkpoint(base))
    return load_tokenizer(path, int(getattr(encoder, "max_tokens", MAX_TOKENS)))


def _prepare(modality: Modality, plan: EncoderPlan, seed: int) -> _Task:
    encoder = load_encoder(plan.checkpoint, modality)
    tokenizer = open_tokenizer(encoder, plan.checkpoint) if modality is Modality.TRANSCRIPT else None
    digest = digest_encoder(encoder)
    return _Task(plan, begin_tuning(encoder, plan, seed), digest, tokenizer)


def begin_tuning(encoder: nn.Module, plan: EncoderPlan, seed: int) -> TunedEncoder:
    """The encoder before its first step; the same seed makes the same adapters.

    Raises:
        ModelError: it has too few blocks.
    """
    torch.manual_seed(seed)
    return TunedEncoder(encoder, Transfer(kind=plan.transfer, last_n=plan.last_n, rank=plan.rank))


def _tune(task: _Task, parts: list[DrawnItems], settings: LoopSettings) -> dict[str, Any]:
    """Tune one, and tell how it went."""
    plan, (learned, held) = task.plan, parts
    torch.manual_seed(settings.seed)
    task.tuned.train(mode=False)
    head = EventHead(_embed(task.tuned, learned), learned.labels, _DROPOUT).eval()
    before = _judge(task.tuned, head, held)
    learning, total = task.tuned.count_parameters()
    fit(_EncoderLearner(task.tuned, head, plan.learning_rate), learned, held, settings)
    after = _judge(task.tuned, head, held)
    task.tuned.merge()
    return {
        "transfer": asdict(task.tuned.transfer),
        "learning": learning,
        "parameters": total,
        "items": {"training": len(learned), "validation": len(held)},
        "validation_loss": {"frozen": before, "tuned": after},
    }


class _EncoderLearner(LightningModule):
    """Tunes an encoder and the layer above it; batch statistics stay."""

    def __init__(self, tuned: TunedEncoder, head: EventHead, learning_rate: float) -> None:
        super().__init__()
        self.tuned = tuned
        self.head = head
        self._learning_rate = learning_rate
        self.train()

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        """How surprising what happens is."""
        # The statistics of what it was pretrained on are better than those of a few items; adapters have none.
        self.tuned.train(self.tuned.transfer.kind == "lora")
        *inputs, labels = batch
        return _surprise(self.head(answer_of(self.tuned, inputs)), labels)

    def on_train_batch_end(self, outputs: Any, *_: Any) -> None:
        """Shows the loss of each step, in the progress bar and in TensorBoard."""
        self.log("training_loss", outputs["loss"], prog_bar=True)

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        """Logs the loss on recordings that nothing is learned from."""
        *inputs, labels = batch
        loss = _surprise(self.head(answer_of(self.tuned, inputs)), labels)
        self.log(MONITORED, loss, batch_size=len(labels), prog_bar=True)

    def configure_optimizers(self) -> Any:
        """AdamW under a one-cycle schedule."""
        rates = [self._learning_rate, _HEAD_RATE]
        parts = [self.tuned.learning_parameters(), list(self.head.linear.parameters())]
        groups = [{"params": part, "lr": rate} for part, rate in zip(parts, rates, strict=True)]
        optimiser = torch.optim.AdamW(groups, weight_decay=ENCODER_DECAY)
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rates, total_steps=steps)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def configure_gradient_clipping(self, *_: Any, **__: Any) -> None:
        """Clip the gradients of all parameters together."""
        nn.utils.clip_grad_norm_([each for each in self.parameters() if each.requires_grad], _MAX_GRADIENT)


def _surprise(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return nn.functional.binary_cross_entropy_with_logits(logits, labels)


@torch.no_grad()
def _judge(encoder: nn.Module, head: EventHead, items: DrawnItems) -> float:
    """The loss over all items, to four digits."""
    return round(float(_surprise(head(_embed(encoder, items)), items.labels)), 4)


@torch.no_grad()
def _embed(encoder: nn.Module, items: DrawnItems) -> torch.Tensor:
    """Float32 [N, D]."""
    return torch.cat([answer_of(encoder, inputs) for *inputs, _ in DataLoader(items, batch_size=_JUDGED)])


def answer_of(encoder: nn.Module, inputs: Sequence[torch.Tensor]) -> torch.Tensor:
    """The embeddings float32 [N, D], which are the first of what an encoder of frames says."""
    answer = encoder(*inputs)
    return cast("torch.Tensor", answer[0] if isinstance(answer, tuple) else answer)

"""Windows of encoded streams, and a fusion model trained on them.

Windows of a stream overlap twelvefold, so items are projected once per stream and then laid out in windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.utils.data import Dataset

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.composed.encoding import EncodedStream
from processors.models.composed.windows import SIZE_MS, evidence_at, place_items, window_starts_ms
from processors.models.fusion import FusionModel, FusionShape, Task, make_fusion
from processors.models.fusion._event_pooling import EventPools, find_distances
from processors.models.fusion.pooled import PooledFusion
from processors.models.loop import MONITORED, LoopSettings, fit
from processors.models.spec import CONTRIBUTION_ORDER, EMBEDDING_DIMS
from processors.models.training.steps import FusionLearner

__all__ = ["FitSettings", "StreamWindows", "fit_composed"]

_UNCLEAR: Final = (0.3, 0.7)
"""A moment that a class fills by so much is no example of it, nor of its absence."""
_MIN_SPREAD: Final = 1e-2
_STANDARDISED: Final = 16
"""Streams that tell mean and spread of how unlike frames are."""
_PARTS: Final = 4
"""Tensors per modality of a stream: items, and per window which of them, their times, their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How the model is trained.

    Attributes:
        kind: of fusion, one that pools.
        width: of its tokens.
        dropout: share of values that training zeroes.
        epochs: passes over the streams.
        batch_size: streams of a step, with all of their windows.
        learning_rate: highest rate of the one-cycle schedule.
        weight_decay: AdamW's.
        thinned_share: share of windows of which frames are left out, as a slower camera would.
        noise: standard deviation of what is added to words' items, over the spread of their values.
        sound_noise: the same of sound; more, since the encoder was tuned on the sounds that are learned from, and is
            surer of them than of others.
        swapped_shares: of video, audio and transcript: in such a share of windows the modality is that of another
            window, so that none is trusted blindly; most of all sound, for the same reason.
        stretch: standard deviation of the logarithm by which distances between frames are multiplied.
        seed: of everything random.
    """

    kind: str = "concat"
    width: int = 96
    dropout: float = 0.35
    epochs: int = 20
    batch_size: int = 2
    learning_rate: float = 2e-3
    weight_decay: float = 0.05
    thinned_share: float = 0.3
    noise: float = 0.3
    sound_noise: float = 0.8
    swapped_shares: tuple[float, float, float] = (0.0, 0.15, 0.0)
    stretch: float = 0.2
    seed: int = 0


class StreamWindows(Dataset[list[torch.Tensor]]):
    """Streams with their windows: per modality items [N, D], places [W, T], times and weights, then labels.

    Labels are evidence float32 [W, M, C], and which classes are clear, float32 [W, C]. Items of a modality are padded
    to the longest stream's, so that streams make a batch.

    Args:
        streams: of one length.
        classes: what can happen.
    """

    def __init__(self, streams: Sequence[EncodedStream], classes: tuple[str, ...]) -> None:
        longest = [max(len(stream.items[modality].embeddings) for stream in streams) for modality in CONTRIBUTION_ORDER]
        self._examples = [_lay_out(stream, classes, longest) for stream in streams]

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> list[torch.Tensor]:
        return self._examples[index]


def _lay_out(stream: EncodedStream, classes: tuple[str, ...], longest: Sequence[int]) -> list[torch.Tensor]:
    starts = [int(start_ms) for start_ms in window_starts_ms(stream.duration_ms)]
    arrays: list[npt.NDArray[np.generic]] = []
    for modality, length in zip(CONTRIBUTION_ORDER, longest, strict=True):
        embeddings = stream.items[modality].embeddings
        arrays.append(np.pad(embeddings, ((0, length - len(embeddings)), (0, 0))))
        placed = [place_items(stream, modality, start_ms) for start_ms in starts]
        arrays += [np.stack(column) for column in zip(*placed, strict=True)]
    labels = [evidence_at(stream, start_ms, classes) for start_ms in starts]
    filled = np.stack([each for _, each in labels])
    arrays.append(np.stack([each for each, _ in labels]))
    arrays.append(((filled < _UNCLEAR[0]) | (filled > _UNCLEAR[1])).astype(np.float32))
    return [torch.from_numpy(array) for array in arrays]


def fit_composed(
    training: StreamWindows,
    validation: StreamWindows,
    classes: tuple[str, ...],
    settings: FitSettings,
    folder: Path,
) -> FusionModel:
    """Train a model; in evaluation mode, as it was after its best pass.

    Args:
        training: to learn from.
        validation: streams of other sounds, clips and lines.
        classes: what can happen.
        settings: how.
        folder: of checkpoints; training goes on from what it finds there.

    Raises:
        ModelError: the kind does not pool.
    """
    torch.manual_seed(settings.seed)
    shape = FusionShape(
        modalities={modality.value: EMBEDDING_DIMS[modality] for modality in CONTRIBUTION_ORDER},
        tasks=(Task("event", classes, is_exclusive=False),),
        width=settings.width,
        dropout=settings.dropout,
        moment=SIZE_MS / 2000,
        rhythms=(Modality.VIDEO.value,),
    )
    model = make_fusion(settings.kind, shape)
    if not isinstance(model, PooledFusion) or not isinstance(model.pools, EventPools):
        raise ModelError(f"{settings.kind} does not pool the items of a modality; choose concat, weighted or attention")
    module = _Module(model, model.pools, settings)
    examples = [training[index] for index in range(len(training))]
    inputs: list[torch.Tensor] = []
    for first in range(0, _PARTS * len(CONTRIBUTION_ORDER), _PARTS):
        items = torch.cat([example[first] for example in examples])
        inputs += [items[None], torch.zeros(1, len(items)), items.abs().sum(dim=1).gt(0).float()[None]]
    model.standardise(tuple(inputs))
    module.standardise_rhythms(torch.utils.data.default_collate(examples[:_STANDARDISED]))
    fit(
        module,
        training,
        validation,
        LoopSettings(folder=folder, epochs=settings.epochs, batch_size=settings.batch_size, seed=settings.seed),
    )
    return module.model


@dataclass(frozen=True, slots=True)
class _Placed:
    """Windows whose items were projected before.

    Attributes:
        projected: tokens float32 [B, T, width] per modality; of one of which only the rhythm counts, anything.
        distances: of such a modality float32 [B, T, T].
        inputs: times and weights as of the model; items are not looked at.
    """

    projected: list[torch.Tensor]
    distances: list[torch.Tensor | None]
    inputs: tuple[torch.Tensor, ...]

    @property
    def present(self) -> torch.Tensor:
        """Float32 [B, M]: 1 where a modality has an item."""
        return torch.stack([(weight > 0).any(dim=1).float() for weight in self.inputs[2::3]], dim=1)


class _Module(FusionLearner):
    def __init__(self, model: PooledFusion, pools: EventPools, settings: FitSettings) -> None:
        super().__init__(model, learning_rate=settings.learning_rate, weight_decay=settings.weight_decay)
        self._pools = pools
        self._settings = settings

    def standardise_rhythms(self, batch: list[torch.Tensor]) -> None:
        """Learn mean and spread of how unlike frames are."""
        self.eval()
        placed, _, _ = self._place(batch)
        for row, apart in enumerate(placed.distances):
            if apart is not None:
                between = self._pools.compare_lags(apart, *placed.inputs[3 * row + 1 : 3 * row + 3])
                blend = self._pools.blends[row]
                blend.get_buffer("centre").copy_(between.mean(dim=0))
                blend.get_buffer("spread").copy_(between.std(dim=0).clamp_min(_MIN_SPREAD))
        self.train()

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        """With all modalities, with each left out, and with each alone."""
        placed, evidence, is_clear = self._place(batch)
        present = placed.present
        alone = torch.eye(present.shape[1])
        views = torch.cat([self.model.keep, alone])[:, None] * present
        return self._loss(placed, views, evidence, is_clear)

    def validation_step(self, batch: list[torch.Tensor], _: int) -> None:
        """With all modalities and with each left out."""
        placed, evidence, is_clear = self._place(batch)
        present = placed.present
        views = self.model.keep[:, None, :] * present
        self.log(MONITORED, self._loss(placed, views, evidence, is_clear), batch_size=len(batch[0]))

    def _place(self, batch: list[torch.Tensor]) -> tuple["_Placed", torch.Tensor, torch.Tensor]:
        """Items laid out in windows, and labels; windows of all streams in a row."""
        *parts, evidence, is_clear = batch
        projected: list[torch.Tensor] = []
        distances: list[torch.Tensor | None] = []
        inputs: list[torch.Tensor] = []
        for row, is_rhythm in enumerate(self._pools.is_rhythm):
            items, places, times, weights = parts[_PARTS * row : _PARTS * (row + 1)]
            used = int((weights > 0).sum(dim=2).max().clamp_min(1))
            places, weights = places[..., :used], weights[..., :used]
            streams = torch.arange(len(items))[:, None, None]
            apart = None
            if is_rhythm:
                apart = find_distances(items)[streams[..., None], places[..., None], places[:, :, None]].flatten(0, 1)
                apart = apart * self._stretch(len(apart))
                tokens = items[..., :1]
                weights = self._thin(weights) if self.training else weights
            else:
                tokens = self._project(items, row)
            rows = self._swap(row, len(items) * places.shape[1])
            distances.append(None if apart is None else apart[rows])
            projected.append(tokens[streams, places].flatten(0, 1)[rows])
            inputs += [tokens, times[..., :used].flatten(0, 1)[rows], weights.flatten(0, 1)[rows]]
        return _Placed(projected, distances, tuple(inputs)), evidence.flatten(0, 1), is_clear.flatten(0, 1)

    def _swap(self, row: int, count: int) -> torch.Tensor:
        """Whose items of a modality each window gets: nearly always its own."""
        own = torch.arange(count)
        share = self._settings.swapped_shares[row]
        if not self.training or not share:
            return own
        return torch.where(torch.rand(count) < share, torch.randperm(count), own)

    def _project(self, items: torch.Tensor, row: int) -> torch.Tensor:
        projection = self.model.projections[row]
        if self.training:
            spread = projection.get_buffer("spread")
            spread = torch.where(spread.isfinite(), spread, 0.0)
            is_sound = CONTRIBUTION_ORDER[row] is Modality.AUDIO
            noise = self._settings.sound_noise if is_sound else self._settings.noise
            items = items + noise * spread * torch.randn_like(items)
        return projection(items, torch.ones(items.shape[:2], dtype=torch.bool))

    def _stretch(self, count: int) -> torch.Tensor:
        """Distances of some windows are larger, of others smaller: things stand out more or less from their scenes."""
        if not self.training:
            return torch.ones(count, 1, 1)
        return torch.exp(self._settings.stretch * torch.randn(count, 1, 1))

    def _thin(self, weights: torch.Tensor) -> torch.Tensor:
        """Fewer frames in some windows."""
        draws = torch.rand(*weights.shape[:2], 1)
        rate = torch.where(draws < self._settings.thinned_share, 0.4 + 0.6 * torch.rand_like(draws), 1.0)
        return weights * (torch.rand_like(weights) < rate)

    def _loss(
        self,
        placed: "_Placed",
        views: torch.Tensor,
        evidence: torch.Tensor,
        is_clear: torch.Tensor,
    ) -> torch.Tensor:
        """Binary cross-entropy; in a view, a class happens if a modality that is kept carries it."""
        targets = torch.einsum("vnm,nmc->vnc", views, evidence).clamp_max(1.0)
        tokens = self._pools.pool(placed.projected, placed.distances, placed.inputs)
        logits = self.model.head(self.model.fuse(tokens, views.flatten(0, 1)))
        loss = nn.functional.binary_cross_entropy_with_logits(logits.view_as(targets), targets, reduction="none")
        return (loss * is_clear).sum() / (is_clear.sum() * len(views))

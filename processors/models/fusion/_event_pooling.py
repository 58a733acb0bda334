"""The items of one modality to one token, as seen from one moment of the window: what is there, and what changes."""

import math
from typing import Final

import torch
from torch import nn

from processors.models.fusion._pooling import Pools
from processors.models.fusion.model import FusionShape

__all__ = ["EventPools", "find_distances"]

_MASKED: Final = -1e4
_SUMMARIES: Final = 4
_LAG: Final = 0.2
_LAGS: Final = 13
"""Before the moment and after it, at each of which the window is compared with itself at all others."""
_RHYTHM_WIDTH: Final = 128


class EventPools(Pools):
    """A token per modality: its items at the moment that is asked about, all of the window, and the change around it.

    Of a modality in `shape.rhythms`, only how unlike each other its items are counts, not what they are: the matrix of
    distances between all times around the moment (temporal self-similarity; Junejo, Dexter, Laptev, Perez,
    "View-Independent Action Recognition from Temporal Self-Similarities", 2011). So what moves in a rhythm is known
    whatever it is and wherever.

    Of any other, four summaries: the mean at the moment (a bell over the items' times, its width and place learned),
    the mean of the whole window, and under a wider bell the mean of each item's difference from its recent past, and
    the maximum. Times of items are their starts: the learned place makes up for their length.

    Args:
        shape: sizes; `moment` is set.
    """

    pairs: torch.Tensor
    lags: torch.Tensor

    def __init__(self, shape: FusionShape) -> None:
        super().__init__()
        count = len(shape.modalities)
        self.moment = float(shape.moment or 0.0)
        self.is_rhythm = tuple(name in shape.rhythms for name in shape.modalities)
        lags = _LAG * torch.arange(-_LAGS, _LAGS + 1)
        self.register_buffer("lags", lags, persistent=False)
        self.register_buffer("pairs", torch.triu_indices(len(lags), len(lags), 1), persistent=False)
        self.blends = nn.ModuleList(
            _RhythmBlend(self.pairs.shape[1], shape) if is_rhythm else nn.Linear(_SUMMARIES * shape.width, shape.width)
            for is_rhythm in self.is_rhythm
        )
        self.place = nn.Parameter(torch.zeros(count))
        self.log_width = nn.Parameter(torch.full((count,), math.log(0.6)))
        self.log_memory = nn.Parameter(torch.full((count,), math.log(0.4)))
        self.missing = nn.Parameter(0.1 * torch.randn(count, shape.width))

    def forward(self, projected: list[torch.Tensor], inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Tokens as `Pools` gives them."""
        distances: list[torch.Tensor | None] = []
        for row, is_rhythm in enumerate(self.is_rhythm):
            items, _, weight = inputs[3 * row : 3 * row + 3]
            is_item = weight[:, :, None] > 0
            distances.append(find_distances(torch.where(is_item, items, 0.0)) if is_rhythm else None)
        return self.pool(projected, distances, inputs)

    def pool(
        self,
        projected: list[torch.Tensor],
        distances: list[torch.Tensor | None],
        inputs: tuple[torch.Tensor, ...],
    ) -> torch.Tensor:
        """Tokens, where the distances between items are known: float32 [B, T, T] of each modality in `rhythms`."""
        tokens = []
        for row, (features, blend) in enumerate(zip(projected, self.blends, strict=True)):
            time, weight = inputs[3 * row + 1 : 3 * row + 3]
            apart = distances[row]
            if apart is None:
                summary = self._summarise(features, time, weight, row)
            else:
                summary = self.compare_lags(apart, time, weight)
            tokens.append(torch.tanh(blend(summary)))
        return torch.stack(tokens, dim=1)

    def compare_lags(self, apart: torch.Tensor, time: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """How far the window is from itself between each two lags, float32 [B, P]."""
        beside = ((time[:, None] - self.moment - self.lags[None, :, None]) / (_LAG / 2)).square().clamp(max=1e3)
        shares = torch.softmax(torch.where(weight[:, None] > 0, -beside, _MASKED), dim=2)
        between = shares @ apart @ shares.transpose(1, 2)
        return between[:, self.pairs[0], self.pairs[1]]

    def _summarise(self, features: torch.Tensor, time: torch.Tensor, weight: torch.Tensor, row: int) -> torch.Tensor:
        distance = ((time - self.moment + self.place[row]) / self.log_width[row].exp()).square()
        shares = torch.stack([_shares(distance, weight), _shares(torch.zeros_like(distance), weight)], dim=1)
        wide = _shares(distance / 6.0, weight)
        change = (features - self._recent_past(features, time, weight, row)).abs()
        bell = torch.exp(-distance / 6.0) * (weight > 0)
        summaries = [
            (shares @ features).flatten(1),
            (wide[:, None] @ change).flatten(1),
            (bell[:, :, None] * features).amax(dim=1),
        ]
        return torch.cat(summaries, dim=1)

    def _recent_past(self, features: torch.Tensor, time: torch.Tensor, weight: torch.Tensor, row: int) -> torch.Tensor:
        """The mean of what came before each item, the more recent the heavier; the item itself where nothing did."""
        age = time[:, :, None] - time[:, None, :]
        kernel = torch.exp(-age.clamp(min=0.0, max=60.0) / self.log_memory[row].exp()) * (age > 0) * weight[:, None, :]
        mass = kernel.sum(dim=2, keepdim=True)
        return torch.where(mass > 1e-12, kernel @ features / mass.clamp_min(1e-12), features)


class _RhythmBlend(nn.Module):
    """Distances between lags, as training saw them standardised, to what becomes a token.

    Args:
        pairs: of lags.
        shape: sizes.
    """

    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, pairs: int, shape: FusionShape) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(pairs))
        self.register_buffer("spread", torch.ones(pairs))
        self.layers = nn.Sequential(
            nn.Dropout(shape.dropout / 2),
            nn.Linear(pairs, _RHYTHM_WIDTH),
            nn.ReLU(),
            nn.Dropout(shape.dropout),
            nn.Linear(_RHYTHM_WIDTH, shape.width),
        )

    def forward(self, between: torch.Tensor) -> torch.Tensor:
        """Float32 [B, P] to [B, width]; a value of more than five deviations counts as five."""
        return self.layers(((between - self.centre) / self.spread).clamp(-5.0, 5.0))


def find_distances(items: torch.Tensor) -> torch.Tensor:
    """Float32 [B, T, T]: how far items [B, T, D] of length 1 are from each other, times ten to be of the order of 1."""
    alike = items @ items.transpose(1, 2)
    return 10.0 * (1.0 - alike).clamp(min=1e-6).sqrt()


def _shares(distance: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Shares float32 [B, T] that sum to 1; of padding 0, unless there is nothing else."""
    return torch.softmax(torch.where(weight > 0, weight.clamp_min(1e-6).log() - distance, _MASKED), dim=1)

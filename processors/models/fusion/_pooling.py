"""The items of one modality to one token, the newest apart from the past before it."""

import math
from abc import ABC, abstractmethod

import torch
from torch import nn

from processors.models.fusion.model import FusionShape

__all__ = ["Pools", "TokenPools"]

_MASKED = -1e4


class Pools(nn.Module, ABC):
    """The items of each modality to one token, and a learned token in its place where it is absent."""

    missing: nn.Parameter

    @abstractmethod
    def forward(self, projected: list[torch.Tensor], inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Tokens float32 [B, M, width]; finite, and to be replaced by `fill`, where a modality is absent.

        Args:
            projected: float32 [B, T, width] per modality, the items as tokens.
            inputs: of the model; times and weights are taken.
        """

    def fill(self, tokens: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
        """Tokens [V * B, M, width] of V views, with the learned token where a view lacks a modality."""
        mask = present[:, :, None]
        repeated = tokens.repeat(present.shape[0] // tokens.shape[0], 1, 1)
        return mask * repeated + (1.0 - mask) * self.missing


class TokenPools(Pools):
    """A token per modality: its newest item, and a mean of all in which the older count less.

    How fast they fade is learned. Where a modality is absent a learned token stands in its place.

    Args:
        shape: sizes.
    """

    def __init__(self, shape: FusionShape) -> None:
        super().__init__()
        count = len(shape.modalities)
        self.blends = nn.ModuleList(nn.Linear(2 * shape.width, shape.width) for _ in range(count))
        self.log_memory = nn.Parameter(torch.full((count,), math.log(shape.memory)))
        self.missing = nn.Parameter(0.1 * torch.randn(count, shape.width))

    def forward(self, projected: list[torch.Tensor], inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Tokens as `Pools` gives them."""
        tokens = []
        for row, (features, blend) in enumerate(zip(projected, self.blends, strict=True)):
            time, weight = inputs[3 * row + 1 : 3 * row + 3]
            is_item = weight > 0
            newest = torch.where(is_item, time, torch.full_like(time, -torch.inf)).amax(dim=1, keepdim=True)
            age = torch.where(is_item, newest - time, torch.zeros_like(time))
            past = torch.softmax(
                torch.where(is_item, weight.clamp_min(1e-6).log() - age / self.log_memory[row].exp(), _MASKED), dim=1
            )
            latest = ((age == 0) & is_item).float() * weight
            latest = latest / latest.sum(dim=1, keepdim=True).clamp_min(1e-6)
            both = torch.stack([latest, past], dim=1) @ features
            tokens.append(torch.tanh(blend(both.flatten(1))))
        return torch.stack(tokens, dim=1)

"""The items of one modality to tokens of the model's width, or no tokens where only their rhythm counts."""

import torch
from torch import nn

__all__ = ["ItemProjection", "NoProjection"]

_MIN_SPREAD = 1e-6


class ItemProjection(nn.Module):
    """Items to width, as training saw them standardised.

    Args:
        dim: length of an item.
        width: length of a token.
        dropout: share of values that training zeroes, before and after.
    """

    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, dim: int, width: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("spread", torch.ones(dim))
        self.layers = nn.Sequential(nn.Dropout(dropout), nn.Linear(dim, width), nn.Tanh(), nn.Dropout(dropout))

    def forward(self, items: torch.Tensor, is_item: torch.Tensor) -> torch.Tensor:
        """Float32 [B, T, D] to [B, T, width]; a value of more than five deviations counts as five.

        Where `is_item`, bool [B, T], is false, whatever stands there is not looked at.
        """
        standard = self.standardise(items)
        return self.layers(torch.where(is_item[:, :, None], standard, torch.zeros_like(standard)))

    def learn(self, items: torch.Tensor) -> None:
        """Learn mean and spread of items [N, D]; what never varies here says nothing later."""
        spread = items.std(dim=0, unbiased=False)
        self.centre.copy_(items.mean(dim=0))
        self.spread.copy_(torch.where(spread > _MIN_SPREAD, spread, torch.inf))

    def standardise(self, items: torch.Tensor) -> torch.Tensor:
        """Items [..., D] against the mean and the deviation that training saw, at most five deviations away."""
        return ((items - self.centre) / self.spread).clamp(-5.0, 5.0)


class NoProjection(nn.Module):
    """Stands in the place of a projection whose tokens nobody would look at."""

    def forward(self, items: torch.Tensor, is_item: torch.Tensor) -> torch.Tensor:
        """Nothing, float32 [B, T, 1]."""
        return torch.zeros_like(items[..., :1]) * is_item[:, :, None]

    def learn(self, items: torch.Tensor) -> None:
        """Nothing is learned."""

    def standardise(self, items: torch.Tensor) -> torch.Tensor:
        """The items."""
        return items

"""The items of one modality to tokens of the model's width."""

import torch
from torch import nn

__all__ = ["ItemProjection"]


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

    def standardise(self, items: torch.Tensor) -> torch.Tensor:
        """Items [..., D] against the mean and the deviation that training saw, at most five deviations away."""
        return ((items - self.centre) / self.spread).clamp(-5.0, 5.0)

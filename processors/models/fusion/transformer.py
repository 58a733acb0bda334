"""The kind `transformer`: every item of every modality is a token, and items look at those of other modalities."""

import math
from typing import Any

import torch
from torch import nn

from processors.models.fusion._attention import AttentionBlock
from processors.models.fusion.model import FusionModel, FusionShape

__all__ = ["TransformerFusion"]

_FREQUENCIES = 4


class TransformerFusion(FusionModel):
    """A multimodal transformer (after Tsai et al. 2019, MulT, with one joint layer in place of a stack per pair).

    An item is its projection, plus its modality, plus its age against the newest item. First it looks at items of the
    other modalities (cross-modal attention), then at all; a learned query reads the result. An absent modality is one
    learned token.

    Args:
        shape: sizes; `memory` is the longest wave of the time encoding, by four.
    """

    waves: torch.Tensor

    def __init__(self, shape: FusionShape) -> None:
        super().__init__(shape)
        count, width = len(shape.modalities), shape.width
        self.kind = nn.Parameter(0.1 * torch.randn(count, width))
        self.missing = nn.Parameter(0.1 * torch.randn(count, width))
        self.query = nn.Parameter(0.1 * torch.randn(1, 1, width))
        self.register_buffer(
            "waves", 2 * math.pi / (4 * shape.memory) * 2.0 ** torch.arange(_FREQUENCIES), persistent=False
        )
        self.age = nn.Linear(2 * _FREQUENCIES + 1, width)
        self.cross = AttentionBlock(width, shape.dropout)
        self.joint = AttentionBlock(width, shape.dropout)
        self.after = nn.LayerNorm(width)

    def encode(self, inputs: tuple[torch.Tensor, ...]) -> Any:
        """Projected items [B, S, width], their times and weights [B, S], and modality numbers [S]."""
        projected = self.project(inputs)
        owners = [torch.full((features.shape[1],), row) for row, features in enumerate(projected)]
        return (
            torch.cat(projected, dim=1),
            torch.cat(inputs[1::3], dim=1),
            torch.cat(inputs[2::3], dim=1),
            torch.cat(owners),
        )

    def fuse(self, encoded: Any, present: torch.Tensor) -> torch.Tensor:
        """Cross-modal attention, joint attention, and what the query then holds."""
        features, times, weights, owners = encoded
        views, count = present.shape[0] // features.shape[0], present.shape[1]
        is_kept = (weights.repeat(views, 1) > 0) & (present[:, owners] > 0)
        items = features.repeat(views, 1, 1) + self.kind[owners] + self._encode_age(times.repeat(views, 1), is_kept)
        absent = (self.missing + self.kind).expand(present.shape[0], -1, -1)
        tokens = torch.cat([items, absent], dim=1)
        is_there = torch.cat([is_kept, present == 0], dim=1)
        if count > 1:
            whose = torch.cat([owners, torch.arange(count)])
            is_other = (whose[:, None] != whose[None]) & is_there[:, None, :]
            tokens = self.cross(tokens, tokens, is_other)
        tokens = torch.cat([self.query.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        seen = torch.cat([is_there.new_ones(tokens.shape[0], 1), is_there], dim=1)[:, None, :]
        return self.after(self.joint(tokens[:, :1], tokens, seen)[:, 0])

    def _encode_age(self, times: torch.Tensor, is_kept: torch.Tensor) -> torch.Tensor:
        newest = torch.where(is_kept, times, torch.full_like(times, -torch.inf)).amax(dim=1, keepdim=True)
        age = torch.where(is_kept, newest - times, torch.zeros_like(times))[:, :, None]
        is_newest = (age == 0).float()
        return self.age(torch.cat([torch.sin(age * self.waves), torch.cos(age * self.waves), is_newest], dim=2))

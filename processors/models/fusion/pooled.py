"""Kinds in which a modality is one token before it meets the others: `concat`, `weighted`, `attention`."""

from typing import Any

import torch
from torch import nn

from processors.models.fusion._attention import AttentionBlock
from processors.models.fusion._event_pooling import EventPools
from processors.models.fusion._pooling import Pools, TokenPools
from processors.models.fusion._projection import NoProjection
from processors.models.fusion.model import FusionModel, FusionShape

__all__ = ["AttentionFusion", "ConcatFusion", "PooledFusion", "WeightedFusion"]


class PooledFusion(FusionModel):
    """Items to a token per modality, once; what is done with the tokens is the kind."""

    def __init__(self, shape: FusionShape) -> None:
        super().__init__(shape)
        self.pools: Pools = TokenPools(shape) if shape.moment is None else EventPools(shape)
        if shape.moment is not None:
            for row, name in enumerate(shape.modalities):
                if name in shape.rhythms:
                    self.projections[row] = NoProjection()

    def encode(self, inputs: tuple[torch.Tensor, ...]) -> Any:
        """A token per modality, float32 [B, M, width]."""
        return self.pools(self.project(inputs), inputs)


class ConcatFusion(PooledFusion):
    """All tokens side by side into one hidden layer."""

    def __init__(self, shape: FusionShape) -> None:
        super().__init__(shape)
        count = len(shape.modalities)
        self.mix = nn.Sequential(
            nn.Linear(count * shape.width + count, shape.width), nn.Tanh(), nn.Dropout(shape.dropout)
        )

    def fuse(self, encoded: Any, present: torch.Tensor) -> torch.Tensor:
        """One hidden layer over tokens and presence."""
        return self.mix(torch.cat([self.pools.fill(encoded, present).flatten(1), present], dim=1))


class WeightedFusion(PooledFusion):
    """A weighted mean of the tokens; the weights (gates) are learned, and depend on the tokens."""

    def __init__(self, shape: FusionShape) -> None:
        super().__init__(shape)
        self.gate = nn.Linear(shape.width, 1)
        self.prior = nn.Parameter(torch.zeros(len(shape.modalities)))

    def fuse(self, encoded: Any, present: torch.Tensor) -> torch.Tensor:
        """The weights sum to 1 over all modalities, learned tokens of absent ones included."""
        tokens = self.pools.fill(encoded, present)
        gates = torch.softmax(self.gate(tokens).squeeze(2) + self.prior, dim=1)
        return (gates[:, :, None] * tokens).sum(dim=1)


class AttentionFusion(PooledFusion):
    """The tokens look at each other; a learned query reads the result."""

    def __init__(self, shape: FusionShape) -> None:
        super().__init__(shape)
        self.kind = nn.Parameter(0.1 * torch.randn(len(shape.modalities), shape.width))
        self.query = nn.Parameter(0.1 * torch.randn(1, 1, shape.width))
        self.block = AttentionBlock(shape.width, shape.dropout)

    def fuse(self, encoded: Any, present: torch.Tensor) -> torch.Tensor:
        """Attention over modalities and the query; the query's place is the answer."""
        tokens = self.pools.fill(encoded, present) + self.kind
        tokens = torch.cat([self.query.expand(tokens.shape[0], -1, -1), tokens], dim=1)
        mask = torch.ones(1, 1, tokens.shape[1], dtype=torch.bool).expand(tokens.shape[0], tokens.shape[1], -1)
        return self.block(tokens, tokens, mask)[:, 0]

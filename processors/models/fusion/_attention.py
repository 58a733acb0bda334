"""Attention over tokens, some of which are padding."""

import torch
from torch import nn

__all__ = ["HEADS", "AttentionBlock"]

HEADS = 4


class AttentionBlock(nn.Module):
    """Multi-head attention and a feed-forward layer, each after a norm and beside a residual (pre-norm).

    Args:
        width: length of a token, a multiple of 4.
        dropout: share of values that training zeroes.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )
        self.drop = nn.Dropout(dropout)

    def forward(self, tokens: torch.Tensor, context: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Tokens look at a context.

        Args:
            tokens: float32 [B, Q, width].
            context: float32 [B, K, width].
            mask: bool [B, Q, K], what each token may look at; at least one for each.
        """
        query = self._split(self.query(self.before(tokens)))
        key, value = (self._split(part) for part in self.key_value(self.before(context)).chunk(2, dim=2))
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None])
        tokens = tokens + self.drop(self.out(seen.transpose(1, 2).flatten(2)))
        return tokens + self.drop(self.think(tokens))

    def _split(self, values: torch.Tensor) -> torch.Tensor:
        return values.reshape(*values.shape[:2], HEADS, -1).transpose(1, 2)

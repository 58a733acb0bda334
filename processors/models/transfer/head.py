"""What stands above an encoder while it learns: which classes there are in an item, by its embedding alone."""

import math
from typing import Final

import torch
from torch import nn

__all__ = ["EventHead"]

_LEAST_SPREAD: Final = 1e-4
_PRIOR_LOGIT: Final = -2.0
_SCALE: Final = 4.0
"""The norm of a standardised embedding: between 1 and the square root of its length, for a head that learns fast."""

_STEPS: Final = 60
_DECAY: Final = 1e-4


class EventHead(nn.Module):
    """Names any number of classes; begins as a logistic regression on what the encoder said before it learned.

    So fine-tuning goes only as far as it helps (Kumar et al. 2022, "Fine-Tuning can Distort Pretrained Features").

    Args:
        embeddings: float32 [N, D] of the untuned encoder.
        truth: float32 [N, C], 0 to 1.
        dropout: share of the embedding that training zeroes.
    """

    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, embeddings: torch.Tensor, truth: torch.Tensor, dropout: float) -> None:
        super().__init__()
        self._dropout = dropout
        self.register_buffer("centre", embeddings.mean(dim=0))
        deviation = embeddings.std(dim=0).clamp_min(_LEAST_SPREAD)
        self.register_buffer("spread", deviation * math.sqrt(embeddings.shape[1]) / _SCALE)
        self.linear = nn.Linear(embeddings.shape[1], truth.shape[1])
        nn.init.zeros_(self.linear.weight)
        nn.init.constant_(self.linear.bias, _PRIOR_LOGIT)
        inputs = (embeddings - self.centre) / self.spread
        optimiser = torch.optim.LBFGS(
            self.linear.parameters(), max_iter=_STEPS, history_size=10, line_search_fn="strong_wolfe"
        )

        def surprise() -> torch.Tensor:
            optimiser.zero_grad()
            loss = nn.functional.binary_cross_entropy_with_logits(self.linear(inputs), truth)
            loss = loss + _DECAY * self.linear.weight.square().sum()
            torch.autograd.backward(loss)
            return loss

        optimiser.step(surprise)  # type: ignore[no-untyped-call] # torch has no annotations here

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits float32 [N, C]."""
        inputs = (embeddings - self.centre) / self.spread
        logits: torch.Tensor = self.linear(nn.functional.dropout(inputs, self._dropout, self.training))
        return logits

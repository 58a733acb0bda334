"""How to learn without labels."""

import math
from dataclasses import dataclass
from typing import Final

from processors.errors import ModelError

__all__ = ["PretrainingSettings"]

_WIDTH_STEP: Final = 4
"""Tokens are cut into as many heads of attention."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainingSettings:
    """Model and training.

    Attributes:
        kind: of fusion.
        width: of its tokens; the training with labels must have the same.
        dropout: share of values that training zeroes.
        memory: how far back the past is remembered at the start, in the unit of the items' times.
        epochs: passes over the windows, at most; the one with the best validation loss is kept.
        patience: passes without a better one before the end; None to take all.
        batch_size: windows of a step, which are each other's negatives.
        learning_rate: highest rate of the one-cycle schedule.
        weight_decay: AdamW's.
        contrastive_weight: of the contrastive loss; 0 leaves it out.
        masked_weight: of the loss of hidden items; 0 leaves it out.
        masked_share: share of items that are hidden.
        masked_modality_share: share of modalities that are hidden as a whole, where another is there.
        window_ms: length of a window, by which overlapping windows of a recording are known; None to take the time of
            the latest item of all windows.
        seed: of everything random, and of the recordings that validate.

    Raises:
        ModelError: a number is out of bounds.
    """

    kind: str = "attention"
    width: int = 128
    dropout: float = 0.3
    memory: float = 4.0
    epochs: int = 40
    patience: int | None = 10
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    contrastive_weight: float = 1.0
    masked_weight: float = 1.0
    masked_share: float = 0.3
    masked_modality_share: float = 0.2
    window_ms: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        weights = (self.contrastive_weight, self.masked_weight)
        if not all(0 <= weight < math.inf for weight in weights) or not any(weights):
            raise ModelError(
                f"pre-training with weights {self.contrastive_weight} (contrastive) and {self.masked_weight} (masked); "
                "expected finite numbers, neither below 0 and one above"
            )
        if self.width < 1 or self.width % _WIDTH_STEP:
            raise ModelError(f"pre-training with width {self.width}; expected a multiple of {_WIDTH_STEP}, such as 128")
        if not 0 < self.masked_share < 1 or not 0 <= self.masked_modality_share < 1 or self.batch_size < 2:
            raise ModelError(
                f"pre-training with masked_share {self.masked_share}, masked_modality_share "
                f"{self.masked_modality_share}, batch_size {self.batch_size}; expected shares between 0 and 1 and at "
                "least 2 windows"
            )

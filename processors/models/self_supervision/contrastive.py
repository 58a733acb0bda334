"""Which windows belong together: one window through two modalities against other windows."""

import math
from typing import Final

import torch
from torch import nn

__all__ = ["ContrastiveLoss", "find_negatives"]

_TEMPERATURE: Final = 0.07
_MAX_SCALE: Final = 100.0


class ContrastiveLoss(nn.Module):
    """Symmetric InfoNCE between each two modalities, with a learned temperature.

    van den Oord et al. 2018, "Representation Learning with Contrastive Predictive Coding"; the symmetric form and the
    bound of the temperature as in Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
    Supervision".

    Args:
        width: length of a token.
        modalities: how many.
    """

    def __init__(self, width: int, modalities: int) -> None:
        super().__init__()
        self.projections = nn.ModuleList(nn.Linear(width, width) for _ in range(modalities))
        self.log_scale = nn.Parameter(torch.tensor(math.log(1.0 / _TEMPERATURE)))

    def forward(self, tokens: torch.Tensor, present: torch.Tensor, is_negative: torch.Tensor) -> torch.Tensor:
        """The mean over pairs of modalities that some window has; 0 where there is none.

        Args:
            tokens: float32 [B, M, width], each window as one modality alone shows it.
            present: float32 [B, M], 1 where a window has the modality.
            is_negative: bool [B, B], which windows may stand against which.
        """
        count = tokens.shape[1]
        sides = [nn.functional.normalize(self.projections[row](tokens[:, row]), dim=1) for row in range(count)]
        scale = self.log_scale.exp().clamp(max=_MAX_SCALE)
        losses = []
        for one in range(count):
            for two in range(one + 1, count):
                has_both = (present[:, one] * present[:, two]) > 0
                if not has_both.any():
                    continue
                allowed = is_negative[has_both][:, has_both]
                allowed = allowed | torch.eye(len(allowed), dtype=torch.bool)
                logits = scale * sides[one][has_both] @ sides[two][has_both].T
                logits = logits.masked_fill(~allowed, -torch.inf)
                own = torch.arange(len(logits))
                losses.append(nn.functional.cross_entropy(logits, own))
                losses.append(nn.functional.cross_entropy(logits.T, own))
        return torch.stack(losses).mean() if losses else tokens.sum() * 0.0


def find_negatives(recordings: torch.Tensor, starts_ms: torch.Tensor, window_ms: int) -> torch.Tensor:
    """Bool [B, B]: false for windows of one recording that share time, which may well show the same.

    Args:
        recordings: int64 [B], number of each window's recording.
        starts_ms: int64 [B].
        window_ms: length of a window.
    """
    is_same = recordings[:, None] == recordings[None]
    return ~(is_same & ((starts_ms[:, None] - starts_ms[None]).abs() < window_ms))

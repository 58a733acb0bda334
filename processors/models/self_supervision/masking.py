"""What a window hides: items are taken out, and the rest is to say what they were."""

from collections.abc import Sequence

import torch
from torch import nn

from processors.models.fusion import FusionModel

__all__ = ["MaskedItemLoss", "hide_items"]


def hide_items(
    inputs: tuple[torch.Tensor, ...],
    share: float,
    modality_share: float,
    generator: torch.Generator | None = None,
) -> tuple[tuple[torch.Tensor, ...], list[torch.Tensor]]:
    """Take items out of windows by giving them the weight of padding.

    A window of which nothing would be left keeps everything.

    Args:
        inputs: of a fusion model.
        share: of items to hide.
        modality_share: of modalities to hide as a whole.
        generator: of what is drawn; torch's own where None.

    Returns:
        The inputs, and per modality bool [B, T]: which items were hidden.
    """
    hidden = []
    for weight in inputs[2::3]:
        is_drawn = torch.rand(weight.shape, generator=generator) < share
        is_drawn |= torch.rand((len(weight), 1), generator=generator) < modality_share
        hidden.append(is_drawn & (weight > 0))
    is_left = torch.stack(
        [((weight > 0) & ~own).any(dim=1) for weight, own in zip(inputs[2::3], hidden, strict=True)]
    ).any(dim=0)
    hidden = [own & is_left[:, None] for own in hidden]
    changed = list(inputs)
    for row, own in enumerate(hidden):
        changed[3 * row + 2] = inputs[3 * row + 2] * ~own
    return tuple(changed), hidden


class MaskedItemLoss(nn.Module):
    """A small decoder per modality, from the window's embedding and a hidden item's time to the item, standardised.

    Args:
        model: whose embeddings are decoded.
    """

    def __init__(self, model: FusionModel) -> None:
        super().__init__()
        width = model.shape.width
        self._memory = model.shape.memory
        self.decoders = nn.ModuleList(
            nn.Sequential(nn.Linear(width + 2, 2 * width), nn.GELU(), nn.Linear(2 * width, dim))
            for dim in model.shape.modalities.values()
        )

    def forward(
        self,
        model: FusionModel,
        embedding: torch.Tensor,
        inputs: tuple[torch.Tensor, ...],
        hidden: Sequence[torch.Tensor],
    ) -> torch.Tensor:
        """The mean smooth L1 distance over hidden items, each modality counted alike; 0 where nothing was hidden.

        Args:
            model: of which the standardisation is taken.
            embedding: float32 [B, width] of what is left of each window.
            inputs: of the whole windows.
            hidden: bool [B, T] per modality.
        """
        losses = []
        for row, (decoder, own) in enumerate(zip(self.decoders, hidden, strict=True)):
            if not own.any():
                continue
            items, time = inputs[3 * row][own], inputs[3 * row + 1]
            age = (time.amax(dim=1, keepdim=True) - time)[own][:, None] / self._memory
            whose = own.nonzero()[:, 0]
            told = decoder(torch.cat([embedding[whose], age, torch.exp(-age)], dim=1))
            losses.append(nn.functional.smooth_l1_loss(told, model.as_standard(row, items)))
        return torch.stack(losses).mean() if losses else embedding.sum() * 0.0

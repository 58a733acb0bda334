"""Encoders and a fusion network as one: a joint model that takes frames and sound as they are decoded."""

from collections.abc import Mapping
from typing import cast

import torch
from torch import nn

from processors.modality import Modality
from processors.models.fusion.model import FusionAnswer
from processors.models.spec import CONTRIBUTION_ORDER

__all__ = ["RawFusion"]


class RawFusion(nn.Module):
    """Takes some modalities' items raw, and gives what the fusion inside does; each item is encoded once per call.

    Args:
        fusion: takes and gives what `FusionNetwork` does: that, a `ServedFusion` or a `PromptFusion`.
        encoders: modality -> network from rows of raw items to embeddings, which are its answer or the first of it. The
            items of other modalities are embeddings.
    """

    def __init__(self, fusion: nn.Module, encoders: Mapping[Modality, nn.Module]) -> None:
        super().__init__()
        self.fusion = fusion
        self.encoders = nn.ModuleDict({modality.value: encoder for modality, encoder in encoders.items()})

    def forward(
        self,
        video: torch.Tensor,
        video_time: torch.Tensor,
        video_weight: torch.Tensor,
        audio: torch.Tensor,
        audio_time: torch.Tensor,
        audio_weight: torch.Tensor,
        transcript: torch.Tensor,
        transcript_time: torch.Tensor,
        transcript_weight: torch.Tensor,
    ) -> FusionAnswer:
        """Fuses windows; times, weights and answers as for `FusionNetwork`.

        Args:
            video: uint8 [B, Tv, 224, 224, 3] frames where there is an encoder for them, else embeddings.
            video_time: float32 [B, Tv].
            video_weight: float32 [B, Tv].
            audio: float32 [B, Ta, 16000] seconds at 16 kHz where there is an encoder for them, else embeddings.
            audio_time: float32 [B, Ta].
            audio_weight: float32 [B, Ta].
            transcript: float32 [B, Tt, D] embeddings.
            transcript_time: float32 [B, Tt].
            transcript_weight: float32 [B, Tt].
        """
        items = {Modality.VIDEO: video, Modality.AUDIO: audio, Modality.TRANSCRIPT: transcript}
        times = {Modality.VIDEO: video_time, Modality.AUDIO: audio_time, Modality.TRANSCRIPT: transcript_time}
        weights = {Modality.VIDEO: video_weight, Modality.AUDIO: audio_weight, Modality.TRANSCRIPT: transcript_weight}
        inputs = []
        for modality in CONTRIBUTION_ORDER:
            inputs += [self._embed(modality, items[modality], weights[modality]), times[modality], weights[modality]]
        return FusionAnswer(*self.fusion(*inputs))

    def _embed(self, modality: Modality, items: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Embeddings float32 [B, T, D], zeros for padding."""
        if modality.value not in self.encoders:
            return items
        answer = self.encoders[modality.value](items.flatten(0, 1))
        embeddings = cast("torch.Tensor", answer[0] if isinstance(answer, tuple) else answer)
        return torch.where((weight > 0)[:, :, None], embeddings.reshape(*weight.shape, -1), 0.0)

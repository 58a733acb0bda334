"""The fusion network: the items of one window, from whichever modalities are there, to probabilities of event classes.

What each part is for:
- every item is projected and laid against the recent past of its modality (a kernel over the item times), so that
  change and motion are seen at any frame rate and in any order of items;
- weighted mean and maximum turn any number of items into one token per modality; padding weighs nothing;
- a token passes a learned gate; where a modality is missing, a learned token stands in its place;
- the same call answers four times, with all modalities and with each left out: the differences are the contributions.
"""

from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from processors.errors import ModelError
from processors.models.spec import CONTRIBUTION_ORDER, EMBEDDING_DIMS, EVENT_CLASSES, WINDOW_EMBEDDING_DIM

__all__ = ["FUSION_WEIGHTS_PATH", "FusionNetwork", "load_fusion"]

FUSION_WEIGHTS_PATH: Final = Path(__file__).parents[1] / "weights" / "fusion.safetensors"

_ITEM_DIM: Final = 64
_TOKEN_DIM: Final = 128
_FUSED_DIM: Final = 128
_MEMORY_S: Final = {"video": 0.4, "audio": 1.0, "transcript": 2.0}
"""How far back an item is compared, per modality: the kernel falls to 1/e after this time."""

_PRIOR_LOGIT: Final = -3.0
"""Where training begins: an event is rare."""


class ModalityPool(nn.Module):
    """The items of one modality to one token.

    Args:
        dim: length of an item's embedding.
        memory_s: time constant of the kernel over the recent past.
        dropout: share of projected values that training zeroes.
    """

    centre: torch.Tensor
    spread: torch.Tensor

    def __init__(self, dim: int, memory_s: float, dropout: float) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("spread", torch.full((dim,), dim**-0.5))
        self.project = nn.Linear(dim, _ITEM_DIM)
        self.norm = nn.LayerNorm(_ITEM_DIM)
        self.drop = nn.Dropout(dropout)
        self.token = nn.Sequential(nn.Linear(4 * _ITEM_DIM, _TOKEN_DIM), nn.LayerNorm(_TOKEN_DIM), nn.ReLU())
        self.gate = nn.Linear(_TOKEN_DIM, 1)
        self.missing = nn.Parameter(torch.zeros(_TOKEN_DIM))
        self.memory_s = memory_s

    def forward(self, items: torch.Tensor, time_s: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Pools.

        Args:
            items: float32 [B, T, D].
            time_s: float32 [B, T] seconds from the window's start.
            weight: float32 [B, T] overlap fraction, 0 is padding.

        Returns:
            float32 [B, 128], gated; finite, and to be replaced by `missing`, where all weights are 0.
        """
        # (items - centre) / spread, folded into the projection: one pass over the items instead of three.
        matrix = self.project.weight / self.spread
        projected = nn.functional.linear(items, matrix, self.project.bias - matrix @ self.centre)
        features = self.drop(torch.relu(self.norm(projected)))
        weighted = weight[:, :, None] * features
        change = weight[:, :, None] * (features - self._recent_past(features, time_s, weight)).abs()
        total = weight.sum(dim=1, keepdim=True).clamp_min(1e-6)
        # Features are not negative, so the zeros of padding never win the maximum.
        pooled = torch.cat(
            [weighted.sum(dim=1) / total, weighted.amax(dim=1), change.sum(dim=1) / total, change.amax(dim=1)], dim=1
        )
        token = self.token(pooled)
        return token * torch.sigmoid(self.gate(token))

    def _recent_past(self, features: torch.Tensor, time_s: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """The mean of what came before each item, the more recent the heavier; the item itself where nothing did."""
        age_s = time_s[:, :, None] - time_s[:, None, :]
        kernel = torch.exp(-age_s.clamp(min=0.0, max=60.0) / self.memory_s) * (age_s > 0) * weight[:, None, :]
        mass = kernel.sum(dim=2, keepdim=True)
        past = kernel @ features / mass.clamp_min(1e-12)
        return torch.where(mass > 1e-12, past, features)


class FusionNetwork(nn.Module):
    """All modalities of a window to probabilities, contributions and an embedding.

    Args:
        dropout: share of values that training zeroes, in items and in the fused representation.
    """

    keep: torch.Tensor

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.pools = nn.ModuleList(
            ModalityPool(EMBEDDING_DIMS[modality], _MEMORY_S[modality.value], dropout)
            for modality in CONTRIBUTION_ORDER
        )
        modalities = len(CONTRIBUTION_ORDER)
        self.fuse = nn.Sequential(
            nn.Linear(modalities * _TOKEN_DIM + modalities, _FUSED_DIM),
            nn.LayerNorm(_FUSED_DIM),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(_FUSED_DIM, WINDOW_EMBEDDING_DIM),
            nn.GELU(),
        )
        self.head = nn.Linear(WINDOW_EMBEDDING_DIM, len(EVENT_CLASSES))
        nn.init.constant_(self.head.bias, _PRIOR_LOGIT)
        keep = torch.cat([torch.ones(1, modalities), 1.0 - torch.eye(modalities)])
        self.register_buffer("keep", keep, persistent=False)

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
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Fuses windows.

        Args:
            video: float32 [B, Tv, 1280] embeddings of frames.
            video_time: float32 [B, Tv] seconds from the window's start.
            video_weight: float32 [B, Tv] overlap fraction, 0 is padding; the others alike.
            audio: float32 [B, Ta, 1280] embeddings of chunks.
            audio_time: float32 [B, Ta].
            audio_weight: float32 [B, Ta].
            transcript: float32 [B, Tt, 384] embeddings of segments.
            transcript_time: float32 [B, Tt].
            transcript_weight: float32 [B, Tt].

        Returns:
            Probabilities float32 [B, C], independent of each other; contributions float32 [B, 3, C], the probability
            with all modalities less the one without that modality, 0 where it is absent; embedding float32 [B, 128] of
            length 1.
        """
        tokens, present = self.pool(
            (video, video_time, video_weight),
            (audio, audio_time, audio_weight),
            (transcript, transcript_time, transcript_weight),
        )
        batch, variants = present.shape[0], self.keep.shape[0]
        kept = (self.keep[:, None, :] * present[None]).reshape(variants * batch, -1)
        logits, embeddings = self.classify(tokens.repeat(variants, 1, 1), kept)
        probabilities = torch.sigmoid(logits).reshape(variants, batch, -1)
        contributions = (probabilities[0][None] - probabilities[1:]).permute(1, 0, 2) * present[:, :, None]
        return probabilities[0], contributions, nn.functional.normalize(embeddings[:batch], dim=1)

    def pool(self, *modalities: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens float32 [B, 3, 128] and presence [B, 3] of (items, times, weights), in `CONTRIBUTION_ORDER`."""
        tokens = [pool(*inputs) for pool, inputs in zip(self.pools, modalities, strict=True)]
        present = [(weight.sum(dim=1) > 0).float() for _, _, weight in modalities]
        return torch.stack(tokens, dim=1), torch.stack(present, dim=1)

    def classify(self, tokens: torch.Tensor, present: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits float32 [B, C] and embedding float32 [B, 128], not yet normalised, of what `pool` gives."""
        missing = torch.stack([pool.get_parameter("missing") for pool in self.pools])[None]
        mask = present[:, :, None]
        filled = mask * tokens + (1.0 - mask) * missing
        embedding = self.fuse(torch.cat([filled.flatten(1), present], dim=1))
        return self.head(embedding), embedding


def load_fusion(path: Path = FUSION_WEIGHTS_PATH) -> FusionNetwork:
    """The trained network, in evaluation mode.

    Args:
        path: safetensors as the training writes them (float16; computed with in float32).

    Raises:
        ModelError: the file is missing or damaged, or its tensors are not this network's.
    """
    network = FusionNetwork()
    try:
        weights = load_file(path)
        network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ModelError(
            f"fusion weights {path} do not load: {error}; expected the tensors of {FusionNetwork.__name__}, "
            "train them again with `python -m processors.models.fusion_training`"
        ) from error
    return network.eval()

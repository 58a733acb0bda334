"""Frames to embeddings by a vision transformer of CLIP or SigLIP kind."""

from typing import Any, Final, cast

import torch
from torch import nn

from processors.errors import ModelError
from processors.models.encoders import area_pooling
from processors.models.hub.checkpoint import Checkpoint
from processors.models.hub.pictures import Pictures
from processors.models.spec import CELLS_SHAPE

__all__ = ["HubFrameEncoder"]

_SEED: Final = 5


class HubFrameEncoder(nn.Module):
    """A frame to its embedding, which a text of the same checkpoint can be compared with, and its cells.

    The cells are the last layer's patches, scaled to length 1, averaged over the grid and projected at random to 40
    values, which keeps their distances (Johnson and Lindenstrauss, 1984).

    Args:
        checkpoint: of a kind that encodes video.
        network: its weights.

    Raises:
        ModelError: its preprocessor does not fit its network, or the network gives no embedding.
    """

    _grid_rows: torch.Tensor
    _grid_columns: torch.Tensor
    _mix: torch.Tensor

    def __init__(self, checkpoint: Checkpoint, network: nn.Module) -> None:
        super().__init__()
        is_clip = checkpoint.kind.startswith("clip")
        config = cast("Any", network).config
        vision = getattr(config, "vision_config", config)
        if not is_clip and not getattr(vision, "vision_use_head", True):
            raise ModelError(f"checkpoint {checkpoint.name} has no pooling head, so it gives no embedding of a picture")
        self.pictures = Pictures(checkpoint, vision.image_size)
        is_whole = hasattr(network, "vision_model")
        self.vision = network.get_submodule("vision_model") if is_whole else network
        self.projection = network.get_submodule("visual_projection") if is_clip else nn.Identity()
        self.dim = int(config.projection_dim if is_clip else vision.hidden_size)
        self._first_patch = 1 if is_clip else 0
        self._grid = vision.image_size // vision.patch_size
        rows, columns, channels = CELLS_SHAPE
        mix = torch.randn(vision.hidden_size, channels, generator=torch.Generator().manual_seed(_SEED))
        self.register_buffer("_grid_rows", area_pooling(self._grid, rows), persistent=False)
        self.register_buffer("_grid_columns", area_pooling(self._grid, columns).T.contiguous(), persistent=False)
        self.register_buffer("_mix", mix / channels**0.5, persistent=False)
        self.eval()

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encodes frames.

        Args:
            frames: uint8 [N, 224, 224, 3] RGB.

        Returns:
            The embedding float32 [N, dim] of length 1; the cells float16 [N, 5, 5, 40], channels last.
        """
        seen = self.vision(pixel_values=self.pictures(frames))
        embedding = nn.functional.normalize(self.projection(seen.pooler_output), dim=1)
        patches = nn.functional.normalize(seen.last_hidden_state[:, self._first_patch :], dim=2) @ self._mix
        grid = patches.reshape(-1, self._grid, self._grid, CELLS_SHAPE[2]).permute(0, 3, 1, 2)
        cells = self._grid_rows @ grid @ self._grid_columns
        return embedding, cells.permute(0, 2, 3, 1).half()

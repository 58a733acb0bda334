"""Frames as a vision checkpoint wants them: enlarged or reduced, cut and scaled inside the graph."""

from collections.abc import Callable
from typing import Any, Final

import torch
from torch import nn

from processors.errors import ModelError
from processors.models.hub.checkpoint import Checkpoint
from processors.models.hub.loading import load_preprocessor
from processors.models.spec import FRAME_SIDE_PX

__all__ = ["Pictures", "resampling_matrix"]

_BILINEAR: Final = 2
_BICUBIC: Final = 3


class Pictures(nn.Module):
    """Frames to normalised pictures, in the way of Pillow, which these checkpoints were trained with.

    Args:
        checkpoint: of CLIP or SigLIP kind.
        side_px: of the pictures that its network takes.

    Raises:
        ModelError: its preprocessor configuration is missing, or makes pictures of another size.
    """

    _rows: torch.Tensor
    _mean: torch.Tensor
    _spread: torch.Tensor

    def __init__(self, checkpoint: Checkpoint, side_px: int) -> None:
        super().__init__()
        family = "SiglipImageProcessorPil" if checkpoint.kind.startswith("siglip") else "CLIPImageProcessorPil"
        processor = load_preprocessor(checkpoint, family)
        resized, cut = _sides_px(processor)
        if cut != side_px:
            raise ModelError(
                f"checkpoint {checkpoint.name}: its preprocessor makes pictures of {cut} px, its network takes "
                f"{side_px} px; mend `size` or `crop_size` in its preprocessor_config.json"
            )
        if processor.resample not in _FILTERS:
            raise ModelError(
                f"checkpoint {checkpoint.name}: its pictures are resampled by filter {processor.resample!r}; expected "
                f"{_BILINEAR} (bilinear) or {_BICUBIC} (bicubic)"
            )
        start = (resized - cut) // 2
        matrix = resampling_matrix(FRAME_SIDE_PX, resized, int(processor.resample))[start : start + cut]
        self._is_resized = resized != FRAME_SIDE_PX
        self._cut = slice(start, start + cut)
        factor = float(processor.rescale_factor) if processor.do_rescale else 1.0
        mean, spread = (processor.image_mean, processor.image_std) if processor.do_normalize else ([0.0] * 3, [1.0] * 3)
        self.register_buffer("_rows", matrix, persistent=False)
        self.register_buffer("_mean", torch.tensor(mean)[:, None, None] / factor, persistent=False)
        self.register_buffer("_spread", torch.tensor(spread)[:, None, None] / factor, persistent=False)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Prepares frames.

        Args:
            frames: uint8 [N, 224, 224, 3] RGB.

        Returns:
            float32 [N, 3, side_px, side_px].
        """
        pictures = frames.permute(0, 3, 1, 2).float()
        if self._is_resized:
            pictures = _as_bytes(self._rows @ _as_bytes(pictures @ self._rows.T))
        else:
            pictures = pictures[:, :, self._cut, self._cut]
        return (pictures - self._mean) / self._spread


def resampling_matrix(source: int, target: int, resample: int) -> torch.Tensor:
    """How Pillow mixes the values of a row: float32 [target, source], rows adding up to 1.

    Args:
        source: values there are.
        target: values wanted.
        resample: Pillow's number of the filter, 2 or 3.
    """
    support, weigh = _FILTERS[resample]
    scale = source / target
    stretch = max(scale, 1.0)
    matrix = torch.zeros(target, source, dtype=torch.float64)
    for row in range(target):
        centre = (row + 0.5) * scale
        first = max(int(centre - support * stretch + 0.5), 0)
        last = min(int(centre + support * stretch + 0.5), source)
        for column in range(first, last):
            matrix[row, column] = weigh((column - centre + 0.5) / stretch)
    return (matrix / matrix.sum(dim=1, keepdim=True)).float()


def _sides_px(processor: Any) -> tuple[int, int]:
    """Sides of a square frame after resizing, and after cutting out its middle."""
    size = dict(processor.size)
    resized = int(size.get("shortest_edge") or size["height"])
    if not getattr(processor, "do_resize", True):
        resized = FRAME_SIDE_PX
    if getattr(processor, "do_center_crop", False):
        return resized, int(dict(processor.crop_size)["height"])
    return resized, resized


def _as_bytes(values: torch.Tensor) -> torch.Tensor:
    """Rounded like values of eight bits, as Pillow keeps them after each direction."""
    return torch.floor(values + 0.5).clamp(0.0, 255.0)


def _triangle(x: float) -> float:
    return max(1.0 - abs(x), 0.0)


def _cubic(x: float) -> float:
    """Keys's cubic convolution with a = -0.5."""
    x = abs(x)
    if x < 1.0:
        return (1.5 * x - 2.5) * x * x + 1.0
    return ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0 if x < 2.0 else 0.0


_FILTERS: Final[dict[int, tuple[float, Callable[[float], float]]]] = {
    _BILINEAR: (1.0, _triangle),
    _BICUBIC: (2.0, _cubic),
}

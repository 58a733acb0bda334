"""The weights of the audio encoder that were fine-tuned on sound, in a file of their own."""

from pathlib import Path
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from processors.errors import ModelError

__all__ = ["AUDIO_ENCODER_WEIGHTS_PATH", "load_tuned", "save_tuned"]

AUDIO_ENCODER_WEIGHTS_PATH: Final = Path(__file__).parent / "weights" / "audio_encoder.safetensors"

_KEPT: Final = ("running_mean", "running_var", "num_batches_tracked")
"""Ends of the names of what tuning leaves as ImageNet's: the statistics of batch normalisation."""

_MEND: Final = "train it again with `python -m processors.models.audio_training`"


def save_tuned(blocks: nn.Module, path: Path) -> None:
    """Write what tuning changes in some blocks, in float16."""
    path.write_bytes(save({name: tensor.half().contiguous() for name, tensor in _tuned(blocks).items()}))


def load_tuned(blocks: nn.Module, path: Path) -> None:
    """Put tuned weights in the place of ImageNet's.

    Args:
        blocks: with ImageNet's weights; all that tuning changes is replaced.
        path: a file as `save_tuned` writes it.

    Raises:
        ModelError: the file is missing, damaged, or of other blocks.
    """
    try:
        held = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"weights of the audio encoder {path} do not load: {error}; {_MEND}") from error
    expected = _tuned(blocks)
    difference = sorted(held.keys() ^ expected.keys()) or [
        f"{name} {list(tensor.shape)}, expected {list(expected[name].shape)}"
        for name, tensor in held.items()
        if tensor.shape != expected[name].shape
    ]
    if difference:
        raise ModelError(
            f"weights of the audio encoder {path} lack tensors or hold others, such as {', '.join(difference[:5])}; "
            f"{_MEND}"
        )
    broken = [name for name, tensor in held.items() if not torch.isfinite(tensor).all()]
    if broken:
        raise ModelError(f"weights of the audio encoder {path} are not finite in {', '.join(broken[:5])}; {_MEND}")
    blocks.load_state_dict({name: tensor.float() for name, tensor in held.items()}, strict=False)


def _tuned(blocks: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor for name, tensor in blocks.state_dict().items() if not name.endswith(_KEPT)}

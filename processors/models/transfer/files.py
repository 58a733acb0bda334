"""What training changed of an encoder, in a file: safetensors, to be laid over the same pretrained encoder."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from processors.errors import ModelError
from processors.models.transfer.tuned import TunedEncoder

__all__ = ["load_tuned", "save_tuned"]

_KEY: Final = "braid.transfer.v1"


def save_tuned(tuned: TunedEncoder, path: Path) -> None:
    """Write what training changed, numbers with a point in float16, replacing a file that is there.

    Raises:
        ModelError: adapters have not been merged yet.
    """
    tensors = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in tuned.changed_tensors().items()
    }
    # One entry only: safetensors writes several in any order, and the same weights should be the same bytes.
    path.write_bytes(save(tensors, metadata={_KEY: json.dumps(asdict(tuned.transfer))}))


def load_tuned(encoder: nn.Module, path: Path) -> None:
    """Lay what training changed over the encoder that it began from.

    Raises:
        ModelError: the file is missing, truncated or of another kind, or the encoder has no such tensors; the encoder
            is then as it was.
    """
    try:
        with safe_open(path, framework="pt") as file:
            is_ours = _KEY in (file.metadata() or {})
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # not a mapping
    except (OSError, SafetensorError) as error:
        raise ModelError(f"tuned weights {path} cannot be read: {error}; is the file whole?") from error
    if not is_ours:
        raise ModelError(f"{path} does not hold tuned weights of an encoder; expected a file as `save_tuned` writes it")
    held = encoder.state_dict()
    for name, tensor in tensors.items():
        if name not in held or held[name].shape != tensor.shape:
            got = list(held[name].shape) if name in held else "no such tensor"
            raise ModelError(
                f"tuned weights {path} do not fit {type(encoder).__name__}: `{name}` has shape {list(tensor.shape)} "
                f"in the file, and in the encoder {got}; they belong to another encoder"
            )
    encoder.load_state_dict({name: tensor.to(held[name].dtype) for name, tensor in tensors.items()}, strict=False)

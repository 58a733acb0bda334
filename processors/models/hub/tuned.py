"""Encoders that were tuned here, as checkpoints: what training changed, and which encoder it lies over.

Such a folder is named in a configuration as any other checkpoint is. It has a `config.json`, which says what it lies
over and how it was made, and the tensors that training changed. What it lies over must be what it began from, by the
digest that is kept.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import nn

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.hub.checkpoint import Checkpoint, find_checkpoint
from processors.models.transfer import TunedEncoder, load_tuned, save_tuned

__all__ = ["TUNED_KIND", "digest_encoder", "find_base", "is_tuned", "lay_over", "read_base", "write_tuned"]

TUNED_KIND: Final = "braid_tuned"
"""Their `model_type`."""

_CONFIG_NAME: Final = "config.json"
_WEIGHTS_NAME: Final = "model.safetensors"


def write_tuned(
    folder: Path, tuned: TunedEncoder, modality: Modality, base: str | None, base_sha256: str, facts: Mapping[str, Any]
) -> None:
    """Make a checkpoint of an encoder whose adapters are merged; the folder appears whole or not at all.

    Args:
        folder: to be made; one that is there is replaced.
        tuned: what was trained.
        modality: that it encodes.
        base: the checkpoint that it began from; None for the shipped encoder.
        base_sha256: its digest, taken before anything was trained.
        facts: what else a reader should know.
    """
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_tuned(tuned, part / _WEIGHTS_NAME)
    if base is not None and Path(base).expanduser().is_dir():
        base = str(Path(base).expanduser().resolve())
    about = {"model_type": TUNED_KIND, "modality": modality.value, "base": base, "base_sha256": base_sha256, **facts}
    (part / _CONFIG_NAME).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)


def is_tuned(name: str | None) -> bool:
    """Whether a checkpoint, None for the shipped one, was tuned here."""
    return name is not None and find_checkpoint(name).kind == TUNED_KIND


def find_base(name: str | None) -> str | None:
    """The checkpoint that lies under all that was tuned here; None is the shipped one."""
    while is_tuned(name):
        name = find_checkpoint(str(name)).config.get("base")
    return name


def read_base(checkpoint: Checkpoint, modality: Modality) -> str | None:
    """What a tuned checkpoint lies over.

    Raises:
        ModelError: it encodes another modality.
    """
    if checkpoint.config.get("modality") != modality.value:
        raise ModelError(
            f"checkpoint {checkpoint.name} is an encoder of {checkpoint.config.get('modality')} that was tuned, which "
            f"does not encode {modality}; name it for its own modality"
        )
    base: str | None = checkpoint.config.get("base")
    return base


def lay_over(encoder: nn.Module, checkpoint: Checkpoint) -> None:
    """Put what training changed over the encoder that it began from.

    Raises:
        ModelError: the encoder is another one, or the file does not fit.
    """
    found, expected = digest_encoder(encoder), checkpoint.config.get("base_sha256")
    if found != expected:
        base = checkpoint.config.get("base") or "the shipped encoder"
        raise ModelError(
            f"checkpoint {checkpoint.name} was tuned from {base} with the digest {expected}, which is now {found}; put "
            "back what it was, or tune again"
        )
    load_tuned(encoder, checkpoint.folder / _WEIGHTS_NAME)


def digest_encoder(encoder: nn.Module) -> str:
    """SHA-256 over names and numbers of all its tensors."""
    digest = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        digest.update(f"{name}\0".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()

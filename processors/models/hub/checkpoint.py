"""Where a checkpoint's files are and which kind it is. Imports no deep-learning framework.

A checkpoint is named by a folder, or by its id on the Hugging Face hub, `owner/name` or `owner/name@revision`. What was
downloaded once is used from then on; a revision (a commit, tag or branch) pins it.
"""

import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from processors.errors import ModelError
from processors.modality import Modality

__all__ = ["KINDS", "TOKENIZER_NAME", "Checkpoint", "find_checkpoint"]

KINDS: Final[Mapping[Modality, Mapping[str, str]]] = {
    Modality.VIDEO: {
        "clip": "CLIP",
        "clip_vision_model": "the vision half of CLIP",
        "siglip": "SigLIP",
        "siglip_vision_model": "the vision half of SigLIP",
    },
    Modality.AUDIO: {
        "audio-spectrogram-transformer": "AST",
        "clap": "CLAP",
        "clap_audio_model": "the audio half of CLAP",
    },
    Modality.TRANSCRIPT: {
        "bert": "BERT and MiniLM",
        "roberta": "RoBERTa",
        "xlm-roberta": "XLM-RoBERTa",
        "clip": "CLIP",
        "siglip": "SigLIP",
        "clap": "CLAP",
    },
}
"""Modality -> `model_type` in a checkpoint's `config.json` -> what people call it."""

TOKENIZER_NAME: Final = "tokenizer.json"

_CONFIG_NAME: Final = "config.json"
_WEIGHTS_NAME: Final = "model.safetensors"
_INDEX_NAME: Final = "model.safetensors.index.json"

_WANTED: Final = (
    _CONFIG_NAME,
    "preprocessor_config.json",
    "processor_config.json",
    TOKENIZER_NAME,
    _WEIGHTS_NAME,
    _INDEX_NAME,
    "model-*-of-*.safetensors",
    "1_Pooling/config.json",
)
"""The only files that are downloaded."""

_HUB_ID: Final = re.compile(r"(?P<id>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint on this machine.

    Attributes:
        name: as it was asked for.
        folder: of its files.
        config: its `config.json`.
    """

    name: str
    folder: Path
    config: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Its `model_type`, in the words of `KINDS`."""
        return str(self.config.get("model_type"))

    def require_kind(self, modality: Modality) -> None:
        """Refuses a checkpoint that cannot encode a modality.

        Raises:
            ModelError: it is of another kind; the message names those that are taken.
        """
        if self.kind not in KINDS[modality]:
            taken = ", ".join(f"{people} ({kind})" for kind, people in KINDS[modality].items())
            raise ModelError(
                f"checkpoint {self.name} is of the kind {self.kind!r}, which does not encode {modality}; expected one "
                f"of {taken}"
            )


def find_checkpoint(name: str) -> Checkpoint:
    """Finds a checkpoint's files; downloads them if it is an id of the hub that was not used before.

    Args:
        name: a folder, or `owner/name[@revision]`.

    Raises:
        ModelError: there is no such folder or id, it cannot be downloaded, its `config.json` is missing or damaged, or
            it has no safetensors.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _download(name)
    try:
        config = json.loads((folder / _CONFIG_NAME).read_bytes())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"checkpoint {name}: {folder / _CONFIG_NAME} cannot be read: {error}; expected a checkpoint as "
            "`save_pretrained` writes it"
        ) from error
    if not isinstance(config, dict) or "model_type" not in config:
        raise ModelError(f"checkpoint {name}: {folder / _CONFIG_NAME} has no `model_type`, which says what kind it is")
    if not _has_weights(folder):
        pickles = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
        got = (
            f"it has {', '.join(pickles)}, and pickles run code when they are loaded" if pickles else "they are missing"
        )
        raise ModelError(
            f"checkpoint {name}: expected weights in {folder / _WEIGHTS_NAME}, or all the files that {_INDEX_NAME} "
            f"names; {got}; save it again with `save_pretrained`, which writes safetensors"
        )
    return Checkpoint(name, folder, config)


def _has_weights(folder: Path) -> bool:
    """Whether there are safetensors, all parts of them if they are in several files."""
    if (folder / _WEIGHTS_NAME).is_file():
        return True
    try:
        parts = set(json.loads((folder / _INDEX_NAME).read_bytes())["weight_map"].values())
        return all((folder / part).is_file() for part in parts)
    except (AttributeError, KeyError, OSError, TypeError, ValueError):
        return False


def _download(name: str) -> Path:
    match = _HUB_ID.fullmatch(name)
    if match is None:
        raise ModelError(
            f"checkpoint {name}: there is no such folder, nor is it an id of the Hugging Face hub; expected a folder, "
            "or owner/name, or owner/name@revision"
        )
    try:
        hub = importlib.import_module("huggingface_hub")
        httpx = importlib.import_module("httpx")
    except ModuleNotFoundError as error:
        raise ModelError(
            f"checkpoint {name} cannot be downloaded: the package {error.name} is missing; install it with "
            "`pip install 'braid[train]'`"
        ) from error
    asked = {"repo_id": match["id"], "revision": match["revision"], "allow_patterns": list(_WANTED)}
    try:
        kept = Path(hub.snapshot_download(**asked, local_files_only=True))
        if (kept / _CONFIG_NAME).is_file() and _has_weights(kept):
            return kept
    except (OSError, ValueError):  # not here yet
        pass
    try:
        return Path(hub.snapshot_download(**asked))
    except (OSError, ValueError, httpx.HTTPError) as error:
        raise ModelError(
            f"checkpoint {name}: there is no such folder, and it cannot be had from the Hugging Face hub: {error}; "
            "check the name and the revision, or name a folder that it was downloaded to"
        ) from error

"""A checkpoint's network with exactly the weights that its files hold."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

import torch
import transformers
from safetensors import SafetensorError
from torch import nn
from transformers.utils import logging as library_logging

from processors.errors import ModelError
from processors.models._quiet import quiet
from processors.models.hub.checkpoint import Checkpoint

__all__ = ["load_preprocessor", "load_weights"]

_CLASSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "audio-spectrogram-transformer": "ASTModel",
        "bert": "BertModel",
        "clap": "ClapModel",
        "clap_audio_model": "ClapAudioModelWithProjection",
        "clip": "CLIPModel",
        "clip_vision_model": "CLIPVisionModelWithProjection",
        "roberta": "RobertaModel",
        "siglip": "SiglipModel",
        "siglip_vision_model": "SiglipVisionModel",
        "xlm-roberta": "XLMRobertaModel",
    }
)

_HEADS: Final = ("classifier.", "cls.", "lm_head.", "pooler.", "qa_outputs.")
"""Tensors of what a checkpoint was trained for, which an encoder does without."""

_CONSTANTS: Final = (".position_ids", ".token_type_ids", ".relative_position_index")
"""Numbers that follow from the architecture, which some versions of the library write into files and others do not."""

_UNPOOLED: Final = frozenset({"bert", "roberta", "xlm-roberta"})
"""Kinds whose own pooling is made for their training task, and is often left out of a file."""

_NAMED: Final = 5


def load_weights(checkpoint: Checkpoint) -> nn.Module:
    """Loads the network, in evaluation mode, float32, without gradients.

    Raises:
        ModelError: a file is damaged, or tensors are missing, left over, or of another shape.
    """
    network_class = getattr(transformers, _CLASSES[checkpoint.kind])
    options = {"add_pooling_layer": False} if checkpoint.kind in _UNPOOLED else {}
    try:
        with _quiet_library():
            network, report = network_class.from_pretrained(
                checkpoint.folder,
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                dtype=torch.float32,
                attn_implementation="eager",  # fused attention does not export with both sizes dynamic
                **options,
            )
    except SafetensorError as error:
        raise ModelError(
            f"checkpoint {checkpoint.name}: its weights cannot be read: {error}; is the file whole?"
        ) from error
    except (ArithmeticError, AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        raise ModelError(
            f"checkpoint {checkpoint.name} does not load as {network_class.__name__}: {error}; expected config.json "
            "and weights as `save_pretrained` writes them"
        ) from error
    missing = [name for name in report["missing_keys"] if not name.endswith(_CONSTANTS)]
    unexpected = [
        name for name in report["unexpected_keys"] if not name.startswith(_HEADS) and not name.endswith(_CONSTANTS)
    ]
    if missing or unexpected or report["mismatched_keys"]:
        raise ModelError(
            f"checkpoint {checkpoint.name}: its tensors are not those of {network_class.__name__}: "
            f"missing {_name(missing)}; unexpected {_name(unexpected)}; "
            f"of another shape {_name(str(key) for key in report['mismatched_keys'])}"
        )
    network.requires_grad_(requires_grad=False)
    return network.eval()


def load_preprocessor(checkpoint: Checkpoint, class_name: str) -> Any:
    """Reads how a checkpoint wants its inputs prepared.

    Args:
        checkpoint: whose.
        class_name: of the feature extractor or image processor, in transformers.

    Raises:
        ModelError: the file that says so is missing or damaged.
    """
    names = ("preprocessor_config.json", "processor_config.json")
    where = f"checkpoint {checkpoint.name}"
    if not any((checkpoint.folder / name).is_file() for name in names):
        raise ModelError(
            f"{where}: neither {' nor '.join(names)} is in {checkpoint.folder}, but one must say how its inputs are "
            "scaled; save its processor there with `save_pretrained`"
        )
    try:
        with _quiet_library():
            return getattr(transformers, class_name).from_pretrained(checkpoint.folder, local_files_only=True)
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise ModelError(f"{where}: its preprocessor configuration cannot be read: {error}") from error


@contextmanager
def _quiet_library() -> Iterator[None]:
    """Neither progress bars nor the library's own report, which is told as an error here."""
    was_enabled = library_logging.is_progress_bar_enabled()
    library_logging.disable_progress_bar()
    try:
        with quiet("transformers"):
            yield
    finally:
        if was_enabled:
            library_logging.enable_progress_bar()


def _name(tensors: Iterable[str]) -> str:
    """The first few, in order; `none` where there are none."""
    names = sorted(tensors)
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more if names else "none"

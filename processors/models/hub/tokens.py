"""The tokenizer of a checkpoint: the file that the server's tokenizer loads, proved to load."""

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from processors.errors import ModelError
from processors.models.hub.checkpoint import TOKENIZER_NAME, Checkpoint

__all__ = ["find_tokenizer", "read_tokenizer"]


def find_tokenizer(checkpoint: Checkpoint) -> Path:
    """Where the tokenizer of a checkpoint is.

    Raises:
        ModelError: it has none, or the file is damaged.
    """
    read_tokenizer(checkpoint)
    return checkpoint.folder / TOKENIZER_NAME


def read_tokenizer(checkpoint: Checkpoint) -> Any:
    """The tokenizer of a checkpoint, which neither cuts nor pads.

    Raises:
        ModelError: it has none, or the file is damaged.
    """
    path = checkpoint.folder / TOKENIZER_NAME
    if not path.is_file():
        raise ModelError(
            f"checkpoint {checkpoint.name} has no {TOKENIZER_NAME} in {checkpoint.folder}; save its fast tokenizer "
            "there with `AutoTokenizer.from_pretrained(...).save_pretrained(...)`"
        )
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise ModelError(
            f"checkpoint {checkpoint.name}: {path} is no tokenizer: {error}; is the file whole?"
        ) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer

"""Transcripts to embeddings, by the text encoder that Triton serves."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoTokenizer

from processors.models.encoders import TextEncoder, text_weights_path
from processors.models.spec import MAX_TOKENS

__all__ = ["encode_transcripts"]

_BATCH = 64


def encode_transcripts(transcripts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Float32 [N, 384] of length 1."""
    tokenizer = AutoTokenizer.from_pretrained(text_weights_path(), local_files_only=True)
    encoder = TextEncoder()
    # Texts of like length share a batch: padding is most of the work otherwise.
    order = sorted(range(len(transcripts)), key=lambda row: len(transcripts[row]))
    embeddings = np.zeros((len(transcripts), encoder.network.config.hidden_size), np.float32)
    with torch.inference_mode():
        for first in range(0, len(order), _BATCH):
            rows = order[first : first + _BATCH]
            tokens = tokenizer(
                [transcripts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=MAX_TOKENS,
                return_tensors="pt",
            )
            embeddings[rows] = encoder(tokens["input_ids"], tokens["attention_mask"]).numpy()
    return embeddings

"""Checkpoints that were trained on pairs of a text and what it describes: pictures (CLIP, SigLIP) or sounds (CLAP).

Texts and items of the same checkpoint can be compared by the cosine of their embeddings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import nn

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.hub.checkpoint import KINDS, find_checkpoint
from processors.models.hub.encoders import make_encoder
from processors.models.hub.loading import load_weights
from processors.models.hub.tokens import read_tokenizer

__all__ = ["PAIR_KINDS", "TextPair", "load_pair"]

PAIR_KINDS: Final[Mapping[Modality, tuple[str, ...]]] = {Modality.VIDEO: ("clip", "siglip"), Modality.AUDIO: ("clap",)}
"""Modality -> kinds of checkpoint that compare it with texts."""


@dataclass(frozen=True, slots=True, eq=False)
class TextPair:
    """The side of a pair that reads, and how likeness is scored.

    Attributes:
        name: of the checkpoint.
        encoder: of tokens.
        tokenizer: of texts.
        scale: what a cosine is multiplied by to be a logit.
        shift: what is added to it then, where a logit is of the text alone (SigLIP's training by sigmoid); None where
            it only says which of several texts fits better (CLIP's and CLAP's by softmax).
    """

    name: str
    encoder: nn.Module
    tokenizer: Any
    scale: float
    shift: float | None

    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Embeddings float32 [N, dim] of length 1.

        Raises:
            ModelError: a text is longer than the checkpoint reads.
        """
        longest = int(cast("Any", self.encoder).max_tokens)
        sequences = [encoding.ids for encoding in self.tokenizer.encode_batch(list(texts))]
        for text, ids in zip(texts, sequences, strict=True):
            if len(ids) > longest:
                raise ModelError(
                    f"the text {text!r} has {len(ids)} tokens; checkpoint {self.name} reads {longest} at most"
                )
        length = max(map(len, sequences))
        tokens = torch.tensor([ids + [0] * (length - len(ids)) for ids in sequences])
        mask = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in sequences])
        with torch.inference_mode():
            return self.encoder(tokens, mask).clone()


def load_pair(checkpoint: str, modality: Modality) -> TextPair:
    """Loads what compares texts with a modality.

    Args:
        checkpoint: as for `load_encoder`.
        modality: video or audio.

    Raises:
        ModelError: as `load_encoder`; also if the checkpoint compares nothing with texts, or has no tokenizer.
    """
    found = find_checkpoint(checkpoint)
    if found.kind not in PAIR_KINDS.get(modality, ()):
        taken = ", ".join(KINDS[modality][kind] for kind in PAIR_KINDS.get(modality, ())) or "none"
        raise ModelError(
            f"checkpoint {checkpoint} is of the kind {found.kind!r}, which does not compare {modality} with texts; "
            f"expected one of: {taken}"
        )
    tokenizer = read_tokenizer(found)
    network = cast("Any", load_weights(found))
    scale = network.logit_scale_a if found.kind == "clap" else network.logit_scale
    shift = float(network.logit_bias) if found.kind == "siglip" else None
    encoder = make_encoder(found, network, Modality.TRANSCRIPT)
    return TextPair(checkpoint, encoder, tokenizer, float(scale.exp()), shift)

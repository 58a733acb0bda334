"""Token sequences to embeddings: sentence encoders of BERT kind, and the text halves of CLIP, SigLIP and CLAP."""

import json
from typing import Any, Final, cast

import torch
from torch import nn

from processors.errors import ModelError
from processors.models.encoders import average_tokens
from processors.models.hub.checkpoint import Checkpoint
from processors.models.spec import MAX_TOKENS

__all__ = ["PairTextEncoder", "SentenceEncoder"]

_POOLING_NAME: Final = "1_Pooling/config.json"

_POOLING_MODES: Final = {"cls": "first", "cls_token": "first", "mean": "mean", "mean_tokens": "mean"}
_INCLUDES_PROMPT: Final = "include_prompt"
"""Whether an instruction before a text counts, of which there is none here."""

_POSITIONS_BEFORE_TEXT: Final = {"roberta": 2, "xlm-roberta": 2, "clap": 2}
"""Kinds that count positions from beyond the padding token's id."""


class SentenceEncoder(nn.Module):
    """A network of BERT kind and the mean over its tokens, or its first token where the checkpoint says so.

    Reimers and Gurevych, "Sentence-BERT" (2019); `1_Pooling/config.json` is how their library says so.

    Args:
        checkpoint: of a kind that encodes sentences.
        network: its weights.

    Raises:
        ModelError: the checkpoint asks for another way of pooling.
    """

    def __init__(self, checkpoint: Checkpoint, network: nn.Module) -> None:
        super().__init__()
        config = cast("Any", network).config
        self.network = network
        self.dim = int(config.hidden_size)
        self.max_tokens = _max_tokens(checkpoint, config)
        self._takes_first = _takes_first_token(checkpoint)
        self.eval()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encodes token sequences.

        Args:
            input_ids: int64 [N, T].
            attention_mask: int64 [N, T], 1 for a token and 0 for padding.

        Returns:
            float32 [N, dim] of length 1.
        """
        tokens = self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        if self._takes_first:
            return nn.functional.normalize(tokens[:, 0], dim=1)
        return average_tokens(tokens, attention_mask)


class PairTextEncoder(nn.Module):
    """The text half of a pair, whose embedding is compared with pictures or sounds.

    Args:
        checkpoint: of CLIP, SigLIP or CLAP kind.
        network: its weights.
    """

    def __init__(self, checkpoint: Checkpoint, network: nn.Module) -> None:
        super().__init__()
        config = cast("Any", network).config
        text = config.text_config
        self.network = network.get_submodule("text_model")
        has_projection = checkpoint.kind != "siglip"  # SigLIP's is part of its text model
        self.projection = network.get_submodule("text_projection") if has_projection else nn.Identity()
        self.dim = int(config.projection_dim if has_projection else text.projection_size)
        self.max_tokens = _max_tokens(checkpoint, text)
        self._kind = checkpoint.kind
        self._pad_id = text.pad_token_id
        self.eval()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encodes token sequences.

        Args:
            input_ids: int64 [N, T].
            attention_mask: int64 [N, T], 1 for a token and 0 for padding.

        Returns:
            float32 [N, dim] of length 1.
        """
        if self._kind == "siglip":
            read = self.network(input_ids=self._fill_up(input_ids, attention_mask))
        elif self._kind == "clip":  # it looks ahead nowhere, so what stands after a text's end says nothing
            read = self.network(input_ids=input_ids)
        else:
            read = self.network(input_ids=input_ids, attention_mask=attention_mask)
        return nn.functional.normalize(self.projection(read.pooler_output), dim=1)

    def _fill_up(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Tokens as SigLIP was trained on them: all texts of one length, the padding read along."""
        ids = input_ids.masked_fill(attention_mask == 0, self._pad_id)
        padding = ids.new_full((1, self.max_tokens), self._pad_id).expand(ids.shape[0], -1)
        return torch.cat([ids, padding], dim=1)[:, : self.max_tokens]


def _max_tokens(checkpoint: Checkpoint, config: Any) -> int:
    return min(MAX_TOKENS, config.max_position_embeddings - _POSITIONS_BEFORE_TEXT.get(checkpoint.kind, 0))


def _takes_first_token(checkpoint: Checkpoint) -> bool:
    path = checkpoint.folder / _POOLING_NAME
    if not path.is_file():
        return False
    try:
        pooling = json.loads(path.read_bytes())
        modes = {name.removeprefix("pooling_mode_") for name, is_on in pooling.items() if is_on is True}
        modes |= {pooling["pooling_mode"]} if "pooling_mode" in pooling else set()
    except (AttributeError, OSError, TypeError, ValueError) as error:
        raise ModelError(f"checkpoint {checkpoint.name}: {path} cannot be read: {error}") from error
    known = {_POOLING_MODES.get(mode) for mode in modes - {_INCLUDES_PROMPT}}
    if known in ({"first"}, {"mean"}):
        return "first" in known
    raise ModelError(
        f"checkpoint {checkpoint.name}: {path} pools tokens by {', '.join(sorted(modes)) or 'nothing'}; expected "
        "pooling_mode_mean_tokens or pooling_mode_cls_token alone"
    )

"""The encoder that a checkpoint makes for a modality."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from torch import nn

from processors.modality import Modality
from processors.models.hub.checkpoint import Checkpoint, find_checkpoint
from processors.models.hub.frames import HubFrameEncoder
from processors.models.hub.loading import load_weights
from processors.models.hub.sound import AstEncoder, ClapEncoder
from processors.models.hub.words import PairTextEncoder, SentenceEncoder

__all__ = ["load_encoder", "make_encoder"]

_Maker = Callable[[Checkpoint, nn.Module], nn.Module]

_MAKERS: Final[Mapping[Modality, Mapping[str, _Maker]]] = MappingProxyType(
    {
        Modality.VIDEO: {
            "clip": HubFrameEncoder,
            "clip_vision_model": HubFrameEncoder,
            "siglip": HubFrameEncoder,
            "siglip_vision_model": HubFrameEncoder,
        },
        Modality.AUDIO: {
            "audio-spectrogram-transformer": AstEncoder,
            "clap": ClapEncoder,
            "clap_audio_model": ClapEncoder,
        },
        Modality.TRANSCRIPT: {
            "bert": SentenceEncoder,
            "roberta": SentenceEncoder,
            "xlm-roberta": SentenceEncoder,
            "clip": PairTextEncoder,
            "siglip": PairTextEncoder,
            "clap": PairTextEncoder,
        },
    }
)


def load_encoder(checkpoint: str, modality: Modality) -> nn.Module:
    """Makes an encoder that takes and gives what the spec says of a modality, with all preprocessing inside.

    Args:
        checkpoint: a folder, or `owner/name[@revision]` on the Hugging Face hub.
        modality: what it encodes.

    Returns:
        A network in evaluation mode, without gradients, with `dim`, the length of its embeddings, which have length 1
        (L2); one of texts also has `max_tokens`.

    Raises:
        ModelError: the checkpoint is not there, of another kind, damaged, or lacks what is needed.
    """
    found = find_checkpoint(checkpoint)
    found.require_kind(modality)
    return make_encoder(found, load_weights(found), modality)


def make_encoder(checkpoint: Checkpoint, network: nn.Module, modality: Modality) -> nn.Module:
    """The encoder of one modality out of weights that are loaded already; see `load_encoder`."""
    return _MAKERS[modality][checkpoint.kind](checkpoint, network)

"""The encoder that a checkpoint makes for a modality."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from torch import nn

from processors.modality import Modality
from processors.models.encoders import AudioEncoder, FrameEncoder, TextEncoder
from processors.models.hub.checkpoint import Checkpoint, find_checkpoint
from processors.models.hub.frames import HubFrameEncoder
from processors.models.hub.loading import load_weights
from processors.models.hub.sound import AstEncoder, ClapEncoder
from processors.models.hub.tuned import TUNED_KIND, lay_over, read_base
from processors.models.hub.words import PairTextEncoder, SentenceEncoder
from processors.models.spec import EMBEDDING_DIMS

__all__ = ["embedding_dim", "load_encoder", "make_encoder"]

_SHIPPED: Final[Mapping[Modality, Callable[[], nn.Module]]] = MappingProxyType(
    {Modality.VIDEO: FrameEncoder, Modality.AUDIO: AudioEncoder, Modality.TRANSCRIPT: TextEncoder}
)

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


def load_encoder(checkpoint: str | None, modality: Modality) -> nn.Module:
    """Makes an encoder that takes and gives what the spec says of a modality, with all preprocessing inside.

    Args:
        checkpoint: a folder, also one that a training here tuned, or `owner/name[@revision]` on the Hugging Face hub;
            None for the shipped encoder.
        modality: what it encodes.

    Returns:
        A network in evaluation mode, without gradients, whose embeddings have length 1 (L2); one of texts that is not
        shipped also has `max_tokens`.

    Raises:
        ModelError: the checkpoint is not there, of another kind, damaged, or lacks what is needed.
    """
    if checkpoint is None:
        return _SHIPPED[modality]()
    found = find_checkpoint(checkpoint)
    if found.kind == TUNED_KIND:
        encoder = load_encoder(read_base(found, modality), modality)
        lay_over(encoder, found)
        return encoder
    found.require_kind(modality)
    return make_encoder(found, load_weights(found), modality)


def make_encoder(checkpoint: Checkpoint, network: nn.Module, modality: Modality) -> nn.Module:
    """The encoder of one modality out of weights that are loaded already; see `load_encoder`."""
    return _MAKERS[modality][checkpoint.kind](checkpoint, network)


def embedding_dim(encoder: nn.Module, modality: Modality) -> int:
    """Length of the embeddings of an encoder that `load_encoder` made."""
    dim = getattr(encoder, "dim", None)
    return EMBEDDING_DIMS[modality] if dim is None else int(dim)

"""The network behind each ONNX model of the spec."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from torch import nn

from processors.errors import ModelError
from processors.models.encoders import AudioEncoder, FrameEncoder, TextEncoder, text_weights_path
from processors.models.fusion import load_fusion
from processors.models.spec import AUDIO_ENCODER, FUSION, TEXT_ENCODER_ONNX, VIDEO_ENCODER

__all__ = ["load_network", "text_weights_path"]

_LOADERS: Final[Mapping[str, Callable[[], nn.Module]]] = MappingProxyType(
    {
        VIDEO_ENCODER.name: FrameEncoder,
        AUDIO_ENCODER.name: AudioEncoder,
        TEXT_ENCODER_ONNX.name: TextEncoder,
        FUSION.name: load_fusion,
    }
)


def load_network(model: str) -> nn.Module:
    """Loads a network with its weights, in evaluation mode.

    Args:
        model: a name in `SPECS`.

    Returns:
        A module whose `forward` takes the spec's inputs and returns its outputs, in order.

    Raises:
        ModelError: there is no network of that name, or its weights do not fit.
    """
    if model not in _LOADERS:
        raise ModelError(f"no network for the model {model!r}; expected one of {', '.join(sorted(_LOADERS))}")
    return _LOADERS[model]()

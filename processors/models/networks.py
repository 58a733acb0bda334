"""The network behind each ONNX model of a repository."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from torch import nn

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.encoders import AudioEncoder, FrameEncoder, TextEncoder, text_weights_path
from processors.models.fusion import ServedFusion, facts_of, load_fusion, load_trained
from processors.models.plan import ModelPlan
from processors.models.served import ServedFacts, shipped_facts
from processors.models.spec import AUDIO_ENCODER, EMBEDDING_DIMS, FUSION, TEXT_ENCODER_ONNX, VIDEO_ENCODER

__all__ = ["is_shipped", "load_network", "read_facts", "text_weights_path"]

_SHIPPED: Final = ModelPlan()

_LOADERS: Final[Mapping[str, Callable[[], nn.Module]]] = MappingProxyType(
    {
        VIDEO_ENCODER.name: FrameEncoder,
        AUDIO_ENCODER.name: AudioEncoder,
        TEXT_ENCODER_ONNX.name: TextEncoder,
        FUSION.name: load_fusion,
    }
)

_ENCODED: Final[Mapping[str, Modality]] = MappingProxyType(
    {
        VIDEO_ENCODER.name: Modality.VIDEO,
        AUDIO_ENCODER.name: Modality.AUDIO,
        TEXT_ENCODER_ONNX.name: Modality.TRANSCRIPT,
    }
)


def load_network(model: str, plan: ModelPlan = _SHIPPED) -> nn.Module:
    """Loads a network with its weights, in evaluation mode.

    Args:
        model: a name in `SPECS`.
        plan: what takes the place of what is shipped.

    Returns:
        A module whose `forward` takes the spec's inputs and returns its outputs, in order.

    Raises:
        ModelError: there is no network of that name, or its weights do not fit.
    """
    if model not in _LOADERS:
        raise ModelError(f"no network for the model {model!r}; expected one of {', '.join(sorted(_LOADERS))}")
    if is_shipped(model, plan):
        return _LOADERS[model]()
    if plan.fusion is not None and model == FUSION.name:
        return ServedFusion(load_trained(plan.fusion).model).eval()
    raise _not_loaded(plan, _ENCODED[model])


def is_shipped(model: str, plan: ModelPlan) -> bool:
    """Whether a plan leaves a model as it is shipped."""
    if model == FUSION.name:
        return plan.fusion is None
    return plan.checkpoint_of(_ENCODED[model]) is None


def read_facts(plan: ModelPlan) -> ServedFacts:
    """What a repository is about that is built from a plan.

    Raises:
        ModelError: a checkpoint or the fusion model cannot be read, or they do not fit each other.
    """
    dims = {modality: _dim_of(plan, modality) for modality in Modality}
    if plan.fusion is not None:
        return facts_of(load_trained(plan.fusion), dims, plan.fusion)
    if dims != dict(EMBEDDING_DIMS):
        raise ModelError(
            f"the shipped fusion network takes embeddings of {dict(EMBEDDING_DIMS)}, these encoders give {dims}; train "
            "one on what they give, and name its file (models.fusion_file)"
        )
    return shipped_facts()


def _dim_of(plan: ModelPlan, modality: Modality) -> int:
    if plan.checkpoint_of(modality) is not None:
        raise _not_loaded(plan, modality)
    return EMBEDDING_DIMS[modality]


def _not_loaded(plan: ModelPlan, modality: Modality) -> ModelError:
    return ModelError(
        f"models.encoders.{modality} is {plan.checkpoint_of(modality)}: encoders from checkpoints cannot be built yet; "
        "leave it empty for the shipped one"
    )

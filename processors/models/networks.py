"""The network behind each ONNX model of a repository."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, cast

from torch import nn

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.cards import CARDS, CHECKPOINT_CARDS, PROMPTS_CARD, RAW_CARD
from processors.models.encoders import AudioEncoder, FrameEncoder, TextEncoder, text_weights_path
from processors.models.fusion import PromptFusion, RawFusion, ServedFusion, facts_of, load_fusion, load_trained
from processors.models.hub.checkpoint import TOKENIZER_NAME, find_checkpoint
from processors.models.hub.encoders import load_encoder
from processors.models.hub.prompts import encode_prompts
from processors.models.hub.tokens import find_tokenizer as find_own_tokenizer
from processors.models.joint_graph import is_graph, read_graph_facts
from processors.models.plan import ModelPlan
from processors.models.served import ServedFacts, shipped_facts
from processors.models.spec import (
    AUDIO_ENCODER,
    CONTRIBUTION_ORDER,
    EMBEDDING_DIMS,
    FUSION,
    MAX_TOKENS,
    RAW_MAX_BATCH,
    TEXT_ENCODER_ONNX,
    TEXT_TOKENIZER,
    VIDEO_ENCODER,
)

__all__ = ["find_tokenizer", "is_shipped", "load_network", "read_facts"]

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

_ENCODERS: Final = MappingProxyType({modality: model for model, modality in _ENCODED.items()})


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
    if model == FUSION.name:
        fusion = _load_fusion(plan)
        encoders = {modality: _load_encoder(_ENCODERS[modality], plan) for modality in plan.raw}
        return RawFusion(fusion, encoders).eval() if encoders else fusion
    return _load_encoder(model, plan)


def is_shipped(model: str, plan: ModelPlan) -> bool:
    """Whether a plan leaves a model as it is shipped."""
    if model == FUSION.name:
        return plan.fusion is None and plan.prompts is None and not plan.raw
    return plan.checkpoint_of(_ENCODED[model]) is None


def find_tokenizer(plan: ModelPlan) -> Path:
    """The `tokenizer.json` that belongs to the text encoder.

    Raises:
        ModelError: the checkpoint has none.
    """
    if plan.transcript is None:
        return text_weights_path() / TOKENIZER_NAME
    return find_own_tokenizer(find_checkpoint(plan.transcript))


def read_facts(plan: ModelPlan) -> ServedFacts:
    """What a repository is about that is built from a plan.

    Raises:
        ModelError: a checkpoint or the fusion model cannot be read, or they do not fit each other.
    """
    dims, max_tokens = _sizes(plan)
    if plan.fusion is not None and is_graph(plan.fusion):
        if plan.raw:
            raise ModelError(
                f"the fusion model {plan.fusion} is a graph, whose inputs say what it takes raw; leave out models.raw"
            )
        facts = read_graph_facts(plan.fusion, dims)
    elif plan.fusion is not None:
        facts = facts_of(load_trained(plan.fusion), dims, plan.fusion)
    elif plan.prompts is not None:
        classes = tuple(plan.prompts.classes)
        facts = ServedFacts(dims, classes, dict.fromkeys(classes, plan.prompts.threshold))
    elif dims != dict(EMBEDDING_DIMS):
        raise ModelError(
            f"the shipped fusion network takes embeddings of {_listed(EMBEDDING_DIMS)}, these encoders give "
            f"{_listed(dims)}; train one on what they give and name its file (models.fusion_file), or describe the "
            "event classes by texts (models.prompts)"
        )
    else:
        facts = shipped_facts()
    if plan.raw:
        facts = replace(facts, raw=plan.raw, max_batch=RAW_MAX_BATCH)
    return replace(facts, max_tokens=max_tokens, cards=_cards(plan, facts))


def _load_encoder(model: str, plan: ModelPlan) -> nn.Module:
    checkpoint = plan.checkpoint_of(_ENCODED[model])
    return _LOADERS[model]() if checkpoint is None else load_encoder(checkpoint, _ENCODED[model])


def _cards(plan: ModelPlan, facts: ServedFacts) -> dict[str, str]:
    made = {model: plan.checkpoint_of(modality) for model, modality in _ENCODED.items()}
    made[TEXT_TOKENIZER.name] = plan.transcript
    cards = {
        model: CHECKPOINT_CARDS[model].format(checkpoint=checkpoint)
        for model, checkpoint in made.items()
        if checkpoint is not None
    }
    fusion = CARDS[FUSION.name] if plan.prompts is None else PROMPTS_CARD
    if facts.raw:
        fusion += RAW_CARD.format(modalities=" and ".join(facts.raw))
    return cards | {FUSION.name: fusion}


def _load_fusion(plan: ModelPlan) -> nn.Module:
    if plan.fusion is not None:
        return ServedFusion(load_trained(plan.fusion).model).eval()
    if plan.prompts is not None:
        dims, _ = _sizes(plan)
        by_name = {modality.value: dims[modality] for modality in CONTRIBUTION_ORDER}
        return PromptFusion(by_name, encode_prompts(plan, plan.prompts))
    return load_fusion()


def _sizes(plan: ModelPlan) -> tuple[dict[Modality, int], int]:
    """Lengths of embeddings, and how many tokens of a text are read."""
    dims, max_tokens = dict(EMBEDDING_DIMS), MAX_TOKENS
    for modality in Modality:
        checkpoint = plan.checkpoint_of(modality)
        if checkpoint is not None:
            encoder = cast("Any", load_encoder(checkpoint, modality))
            dims[modality] = encoder.dim
            max_tokens = getattr(encoder, "max_tokens", max_tokens)
    return dims, max_tokens


def _listed(dims: Mapping[Modality, int]) -> str:
    return ", ".join(f"{modality} [{dim}]" for modality, dim in dims.items())

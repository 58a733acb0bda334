"""The network behind each ONNX model of a repository."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from torch import nn

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.cards import CARDS, CHECKPOINT_CARDS, PROMPTS_CARD, RAW_CARD, TUNED_CARD
from processors.models.encoders import text_weights_path
from processors.models.fusion import PromptFusion, RawFusion, ServedFusion, facts_of, load_fusion, load_trained
from processors.models.hub.checkpoint import TOKENIZER_NAME, find_checkpoint
from processors.models.hub.encoders import embedding_dim, load_encoder
from processors.models.hub.prompts import encode_prompts
from processors.models.hub.tokens import find_tokenizer as find_own_tokenizer
from processors.models.hub.tuned import find_base, is_tuned
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
    if model == FUSION.name:
        fusion = _load_fusion(plan)
        encoders = {modality: load_encoder(plan.checkpoint_of(modality), modality) for modality in plan.raw}
        return RawFusion(fusion, encoders).eval() if encoders else fusion
    if model not in _ENCODED:
        known = ", ".join(sorted([*_ENCODED, FUSION.name]))
        raise ModelError(f"no network for the model {model!r}; expected one of {known}")
    return load_encoder(plan.checkpoint_of(_ENCODED[model]), _ENCODED[model])


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
    base = find_base(plan.transcript)
    if base is None:
        return text_weights_path() / TOKENIZER_NAME
    return find_own_tokenizer(find_checkpoint(base))


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
    elif tuned := [modality for modality in Modality if is_tuned(plan.checkpoint_of(modality))]:
        raise ModelError(
            f"the shipped fusion network learned from the shipped encoders, not from {plan.checkpoint_of(tuned[0])}; "
            "serve the tuned encoder with the fusion model that was trained on it (models.fusion_file)"
        )
    else:
        facts = shipped_facts()
    if plan.raw:
        facts = replace(facts, raw=plan.raw, max_batch=RAW_MAX_BATCH)
    return replace(facts, max_tokens=max_tokens, cards=_cards(plan, facts))


def _cards(plan: ModelPlan, facts: ServedFacts) -> dict[str, str]:
    made = {model: plan.checkpoint_of(modality) for model, modality in _ENCODED.items()}
    made[TEXT_TOKENIZER.name] = plan.transcript
    cards = {model: _card(model, checkpoint) for model, checkpoint in made.items() if checkpoint is not None}
    fusion = CARDS[FUSION.name] if plan.prompts is None else PROMPTS_CARD
    if facts.raw:
        fusion += RAW_CARD.format(modalities=" and ".join(facts.raw))
    return cards | {FUSION.name: fusion}


def _card(model: str, checkpoint: str) -> str:
    """What a person should know about a model that is made of a checkpoint."""
    base = find_base(checkpoint)
    card = CARDS[model] if base is None else CHECKPOINT_CARDS[model].format(checkpoint=base)
    is_moved = base != checkpoint and model != TEXT_TOKENIZER.name
    return card + TUNED_CARD.format(checkpoint=checkpoint) if is_moved else card


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
            encoder = load_encoder(checkpoint, modality)
            dims[modality] = embedding_dim(encoder, modality)
            max_tokens = getattr(encoder, "max_tokens", max_tokens)
    return dims, max_tokens


def _listed(dims: Mapping[Modality, int]) -> str:
    return ", ".join(f"{modality} [{dim}]" for modality, dim in dims.items())

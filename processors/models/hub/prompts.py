"""The texts of a plan, encoded by the checkpoints that also encode its frames and sounds."""

from collections.abc import Mapping

import torch
from torch import nn

from processors.errors import ModelError
from processors.models.fusion.prompts import Prompts
from processors.models.hub.checkpoint import KINDS, find_checkpoint
from processors.models.hub.pairs import PAIR_KINDS, load_pair
from processors.models.plan import ModelPlan, PromptPlan

__all__ = ["encode_prompts"]


def encode_prompts(plan: ModelPlan, prompts: PromptPlan) -> Mapping[str, Prompts]:
    """What each modality is compared with, of those whose encoder was trained together with texts.

    A class is the mean of its texts' embeddings, scaled to length 1 again, as CLIP's authors do.

    Raises:
        ModelError: no encoder of the plan was trained together with texts, or a text is too long.
    """
    found = {}
    for modality, kinds in PAIR_KINDS.items():
        checkpoint = plan.checkpoint_of(modality)
        if checkpoint is not None and find_checkpoint(checkpoint).kind in kinds:
            pair = load_pair(checkpoint, modality)
            means = torch.stack([pair.encode(texts).mean(dim=0) for texts in prompts.classes.values()])
            found[modality.value] = Prompts(
                nn.functional.normalize(means, dim=1), pair.encode(prompts.background), pair.scale, pair.shift
            )
    if not found:
        named = ", ".join(f"{modality} {plan.checkpoint_of(modality) or 'shipped'}" for modality in PAIR_KINDS)
        taken = "; ".join(
            f"{modality}: {', '.join(KINDS[modality][kind] for kind in kinds)}"
            for modality, kinds in PAIR_KINDS.items()
        )
        raise ModelError(
            f"prompts need an encoder that was trained together with texts ({taken}), the encoders are {named}; name "
            "such a checkpoint in models.encoders"
        )
    return found

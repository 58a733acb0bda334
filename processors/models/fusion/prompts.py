"""Fusion without training: event classes are texts, and a window is compared with them.

Each item's embedding comes from a checkpoint that was trained on pairs of a text and what it describes, so that their
cosine, scaled as in its training, says how well a text fits (Radford et al., "Learning Transferable Visual Models From
Natural Language Supervision", 2021). A modality's answer is half what the window as a whole is like, and half what its
strongest item is like, so that a short event counts; the window's answer is that of the modality that is surest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from torch import nn

from processors.errors import ModelError
from processors.models.fusion.model import FusionAnswer
from processors.models.spec import WINDOW_EMBEDDING_DIM

__all__ = ["PromptFusion", "Prompts"]

_SEED: Final = 128


@dataclass(frozen=True, slots=True, eq=False)
class Prompts:
    """What one modality's items are compared with.

    Attributes:
        classes: float32 [C, D] of length 1, one text embedding per class.
        background: float32 [K, D] of length 1: what anything is like, so that a class must fit better than these.
        scale: what a cosine is multiplied by to be a logit.
        shift: what is added to it then; a class is judged by itself, and the background is not used. None: a class is
            judged against the background.
    """

    classes: torch.Tensor
    background: torch.Tensor
    scale: float
    shift: float | None = None


class PromptFusion(nn.Module):
    """Windows to the probabilities of classes that are given as texts; takes and gives what `FusionNetwork` does.

    Args:
        dims: modality -> length of an item, for all three in the order of the contributions.
        prompts: modality -> its texts. One without any says nothing about the probabilities, only to the embedding.

    Raises:
        ModelError: there are no prompts, or their lengths or numbers differ.
    """

    keep: torch.Tensor
    mix: torch.Tensor

    def __init__(self, dims: Mapping[str, int], prompts: Mapping[str, Prompts]) -> None:
        super().__init__()
        _check(dims, prompts)
        modalities = len(dims)
        self.judges = nn.ModuleList(PromptJudge(prompts[name]) if name in prompts else nn.Identity() for name in dims)
        self._classes = len(next(iter(prompts.values())).classes)
        mix = torch.randn(sum(dims.values()), WINDOW_EMBEDDING_DIM, generator=torch.Generator().manual_seed(_SEED))
        keep = torch.cat([torch.ones(1, modalities), 1.0 - torch.eye(modalities)])
        self.register_buffer("mix", mix, persistent=False)
        self.register_buffer("keep", keep, persistent=False)
        self.eval()

    def forward(
        self,
        video: torch.Tensor,
        video_time: torch.Tensor,
        video_weight: torch.Tensor,
        audio: torch.Tensor,
        audio_time: torch.Tensor,
        audio_weight: torch.Tensor,
        transcript: torch.Tensor,
        transcript_time: torch.Tensor,
        transcript_weight: torch.Tensor,
    ) -> FusionAnswer:
        """Answers with all modalities, and with each left out; inputs as for `FusionNetwork`."""
        del video_time, audio_time, transcript_time  # when an item comes says nothing here
        given = ((video, video_weight), (audio, audio_weight), (transcript, transcript_weight))
        answers, means = [], []
        for judge, (embeddings, weight) in zip(self.judges, given, strict=True):
            items = nn.functional.normalize(embeddings, dim=2)
            mean = nn.functional.normalize((items * weight[:, :, None]).sum(dim=1), dim=1)
            means.append(mean)
            answers.append(
                judge(items, weight, mean)
                if isinstance(judge, PromptJudge)
                else torch.zeros_like(mean[:, :1]).expand(-1, self._classes)
            )
        by_modality = torch.stack(answers, dim=1)
        views = (self.keep[:, None, :, None] * by_modality[None]).amax(dim=2)
        contributions = (views[0][None] - views[1:]).permute(1, 0, 2)
        embedding = nn.functional.normalize(torch.cat(means, dim=1) @ self.mix, dim=1)
        return FusionAnswer(views[0], contributions, embedding)


class PromptJudge(nn.Module):
    """What one modality says of each class.

    Args:
        prompts: what its items are compared with.
    """

    classes: torch.Tensor
    background: torch.Tensor

    def __init__(self, prompts: Prompts) -> None:
        super().__init__()
        self.register_buffer("classes", prompts.scale * prompts.classes.T)
        self.register_buffer("background", prompts.scale * prompts.background.T)
        self._shift = prompts.shift

    def forward(self, items: torch.Tensor, weight: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        """Judges.

        Args:
            items: float32 [B, T, D].
            weight: float32 [B, T].
            mean: float32 [B, D], of the items, of length 1.

        Returns:
            float32 [B, C], 0 where all weights are.
        """
        strongest = (self._likeness(items) * weight[:, :, None]).amax(dim=1)
        is_present = (weight > 0).any(dim=1, keepdim=True)
        return 0.5 * (strongest + self._likeness(mean) * is_present)

    def _likeness(self, items: torch.Tensor) -> torch.Tensor:
        logits = items @ self.classes
        if self._shift is not None:
            return torch.sigmoid(logits + self._shift)
        return torch.sigmoid(logits - torch.logsumexp(items @ self.background, dim=-1, keepdim=True))


def _check(dims: Mapping[str, int], prompts: Mapping[str, Prompts]) -> None:
    if not prompts:
        raise ModelError("fusion by prompts needs a modality with prompts, got none")
    counts = {len(each.classes) for each in prompts.values()}
    for name, each in prompts.items():
        lengths = {each.classes.shape[1], each.background.shape[1]}
        if name not in dims or lengths != {dims[name]} or len(counts) != 1 or not len(each.background):
            raise ModelError(
                f"prompts for {name}: {list(each.classes.shape)} against {list(each.background.shape)}; expected "
                f"{min(counts)} classes as elsewhere, a background, and the length of that modality's items, "
                f"{dims.get(name, 'which it has none')}"
            )

"""Several fusion models that answer as one."""

from collections.abc import Sequence
from typing import Literal, cast

import torch
from torch import nn

from processors.errors import ModelError
from processors.models.fusion.model import FusionAnswer, FusionModel, FusionShape, find_present

__all__ = ["Ensemble", "Rule"]

Rule = Literal["average", "vote"]


class Ensemble(nn.Module):
    """Takes and gives what each of its members does.

    Args:
        members: of the same modalities and tasks; kinds and sizes may differ.
        rule: `average` of the members' probabilities, or `vote`: the share of members that answer with a class (their
            most probable one where classes exclude each other, otherwise each above 0.5). One member is itself.
        weights: how much each member counts; alike where not given.

    Raises:
        ModelError: there is no member, they do not fit each other, or the weights do not fit them.
    """

    weights: torch.Tensor

    def __init__(
        self, members: Sequence[FusionModel], rule: Rule = "average", weights: Sequence[float] | None = None
    ) -> None:
        super().__init__()
        shares = torch.tensor([1.0] * len(members) if weights is None else list(weights))
        if not members or len(shares) != len(members) or not (shares >= 0).all() or not shares.sum() > 0:
            raise ModelError(
                f"an ensemble of {len(members)} members with weights {shares.tolist()}; "
                "expected at least one member, a weight for each, none negative and not all 0"
            )
        first = members[0].shape
        for number, member in enumerate(members):
            if dict(member.shape.modalities) != dict(first.modalities) or member.shape.tasks != first.tasks:
                raise ModelError(
                    f"member {number} takes {dict(member.shape.modalities)} for {member.shape.tasks}; "
                    f"expected, as of member 0, {dict(first.modalities)} for {first.tasks}"
                )
        self.members = nn.ModuleList(members)
        self.shape: FusionShape = first
        self.rule: Rule = rule
        # Not among what is saved: half precision would round thirds.
        self.register_buffer("weights", shares / shares.sum(), persistent=False)

    @property
    def embedding_dim(self) -> int:
        """Length of the embedding, that of all members together."""
        return sum(int(member.shape.width) for member in self.models)

    @property
    def models(self) -> list[FusionModel]:
        """The members."""
        return [cast("FusionModel", member) for member in self.members]

    def forward(self, *inputs: torch.Tensor) -> FusionAnswer:
        """Answers with all modalities, and with each left out, in one call."""
        answers = [FusionAnswer(*member(*inputs)) for member in self.models]
        if len(answers) == 1:
            return answers[0]
        # [N, B, 1 + M, C]: with all modalities, then without each.
        views = torch.stack(
            [
                torch.cat([each.probabilities[:, None], each.probabilities[:, None] - each.contributions], dim=1)
                for each in answers
            ]
        )
        if self.rule == "vote":
            views = self._vote(views)
        joined = torch.einsum("n,nbvc->bvc", self.weights, views)
        # Weights under the root: the square of the length is 1 again.
        parts = [weight.sqrt() * each.embedding for weight, each in zip(self.weights, answers, strict=True)]
        # Exactly 0 where a modality is absent, whatever rounding did.
        present = find_present(inputs, self.shape)[:, :, None]
        return FusionAnswer(joined[:, 0], present * (joined[:, :1] - joined[:, 1:]), torch.cat(parts, dim=1))

    def _vote(self, views: torch.Tensor) -> torch.Tensor:
        parts = []
        for task in self.shape.tasks:
            own = views[..., self.shape.span(task.name)]
            if task.is_exclusive:
                parts.append(nn.functional.one_hot(own.argmax(dim=-1), own.shape[-1]).float())
            else:
                parts.append((own > 0.5).float())
        return torch.cat(parts, dim=-1)

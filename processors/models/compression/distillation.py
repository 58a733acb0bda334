"""Fine-tuning after pruning: the smaller model learns to answer as the whole one did."""

from collections.abc import Callable

import torch
from torch import nn

from processors.models.fusion.model import FusionModel, find_present

__all__ = ["distil"]

_BATCH = 64
_LEARNING_RATE = 1e-3
_ABSENT_SHARE = 0.25

Inputs = tuple[torch.Tensor, ...]


def distil(
    teacher: FusionModel,
    student: FusionModel,
    inputs: Inputs,
    *,
    epochs: int,
    seed: int = 0,
    told: Callable[[int], None] | None = None,
) -> None:
    """Train a model in place on another's answers (Hinton et al. 2015, at temperature 1); no labels are needed.

    Windows are seen with all their modalities and with some of them left out, so that contributions are learned, too.

    Args:
        teacher: what is to be copied; it stays as it is.
        student: of the same tasks and modalities; left in evaluation mode.
        inputs: windows to learn from.
        epochs: passes over them.
        seed: of their order, and of what is left out.
        told: called with the number of each pass that is done.
    """
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(student.parameters(), lr=_LEARNING_RATE)
    present = find_present(inputs, teacher.shape) * teacher.known
    teacher.eval()
    student.eval()  # dropout would ask a smaller model to do more with less
    for epoch in range(epochs):
        for rows in torch.split(torch.randperm(len(present), generator=generator), _BATCH):
            batch = tuple(tensor[rows] for tensor in inputs)
            kept = (torch.rand(present[rows].shape, generator=generator) >= _ABSENT_SHARE).float()
            view = present[rows] * kept
            with torch.no_grad():
                wanted, _ = teacher.judge(batch, view)
            got, _ = student.judge(batch, view)
            optimiser.zero_grad()
            torch.autograd.backward(_divergence(teacher, got, wanted))
            optimiser.step()
        if told is not None:
            told(epoch + 1)


def _divergence(model: FusionModel, got: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the answers, summed over the tasks; probabilities as they were before calibration."""
    total = got.new_zeros(())
    for task in model.shape.tasks:
        span = model.shape.span(task.name)
        if task.is_exclusive:
            total = total + nn.functional.cross_entropy(got[:, span], wanted[:, span].softmax(dim=1))
        else:
            answers = wanted[:, span].sigmoid()
            total = total + nn.functional.binary_cross_entropy_with_logits(got[:, span], answers)
    return total

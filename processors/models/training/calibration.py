"""From held-out windows: what a logit is worth as a probability, and from which probability on a class is told."""

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from processors.models.fusion import FusionModel, FusionShape, Task
from processors.models.fusion.model import find_present
from processors.models.training.examples import Examples
from processors.models.training.plan import EVENT_TASK

__all__ = ["choose_threshold", "choose_thresholds", "find_calibration", "held_out_logits", "threshold_name"]

_STEPS: Final = 100
_CANDIDATES: Final = np.round(np.arange(0.05, 0.951, 0.025), 3)
_UNDECIDED: Final = 0.5
_MAX_LOG_SCALE: Final = 4.0


def held_out_logits(model: FusionModel, examples: Examples) -> torch.Tensor:
    """Float32 [N, C], not calibrated, with every modality that is there."""
    with torch.inference_mode():
        parts = [model.judge(inputs, find_present(inputs, model.shape))[0] for inputs in examples.batches()]
    return torch.cat(parts).clone()


def find_calibration(
    logits: torch.Tensor, labels: torch.Tensor, shape: FusionShape
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift float32 [C] of the logits, for `FusionModel.calibrate`.

    A scale and a shift for each class that may happen beside others (Platt 1999), one scale for all classes of a task
    in which they exclude each other (Guo et al. 2017). What held-out windows do not show both ways stays as it is.

    Args:
        logits: float32 [N, C] of held-out windows.
        labels: float32 [N, C]: 1, 0, or NaN where it is not known.
        shape: says which columns are which task's.
    """
    scale, shift = torch.ones(logits.shape[1]), torch.zeros(logits.shape[1])
    for task in shape.tasks:
        span = shape.span(task.name)
        if task.is_exclusive:
            scale[span] = _temperature(logits[:, span], labels[:, span])
            continue
        for column in range(span.start, span.stop):
            scale[column], shift[column] = _platt(logits[:, column], labels[:, column])
    return scale, shift


def choose_thresholds(
    probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.float32], shape: FusionShape
) -> dict[str, float]:
    """The threshold of every class that may happen beside others, by `threshold_name`."""
    chosen = {}
    for task in shape.tasks:
        for column, name in enumerate(task.classes, start=shape.span(task.name).start):
            if not task.is_exclusive:
                chosen[threshold_name(task, name)] = choose_threshold(probabilities[:, column], labels[:, column])
    return chosen


def threshold_name(task: Task, name: str) -> str:
    """What the threshold of a class is called: `class`, or `task.class` in a task beside the events."""
    return name if task.name == EVENT_TASK else f"{task.name}.{name}"


def choose_threshold(probabilities: npt.NDArray[np.float32], labels: npt.NDArray[np.float32]) -> float:
    """The threshold with the best F1 over what is known; of equals, the middle one; 0.5 where nothing happens.

    Args:
        probabilities: float32 [N] of one class.
        labels: float32 [N]: 1, 0, or NaN where it is not known.
    """
    is_known = ~np.isnan(labels)
    truth, stated = labels[is_known] == 1, probabilities[is_known]
    if not truth.any():
        return _UNDECIDED
    is_told = stated[None] >= _CANDIDATES[:, None]
    found = (is_told & truth).sum(axis=1)
    # F1 = 2 found / (told + true), as whole numbers so that equals are equal.
    scores = [int(hits) / int(told + truth.sum()) for hits, told in zip(found, is_told.sum(axis=1), strict=True)]
    best = np.flatnonzero(np.array(scores) == max(scores))
    return float(_CANDIDATES[best[len(best) // 2]])


def _platt(logits: torch.Tensor, labels: torch.Tensor) -> tuple[float, float]:
    is_known = ~labels.isnan()
    logits, truth = logits[is_known].double(), labels[is_known].double()
    happened, count = float(truth.sum()), len(truth)
    if not 0 < happened < count:
        return 1.0, 0.0
    # Platt's targets: not 1 and 0, so that a perfect order on few windows does not become certainty.
    target = torch.where(truth == 1, (happened + 1) / (happened + 2), 1 / (count - happened + 2))
    log_scale, shift = _least(
        lambda point: nn.functional.binary_cross_entropy_with_logits(logits * point[0].exp() + point[1], target), 2
    )
    return float(np.exp(log_scale)), shift


def _temperature(logits: torch.Tensor, labels: torch.Tensor) -> float:
    is_known = ~labels.isnan().any(dim=1)
    logits, truth = logits[is_known].double(), labels[is_known].argmax(dim=1)
    classes = logits.shape[1]
    if not len(truth):
        return 1.0
    (log_scale,) = _least(
        lambda point: nn.functional.cross_entropy(
            logits * point[0].exp(), truth, label_smoothing=classes / (len(truth) + classes)
        ),
        1,
    )
    return float(np.exp(log_scale))


def _least(loss: Callable[[torch.Tensor], torch.Tensor], size: int) -> list[float]:
    """Where a loss of a few numbers is least, looked for from 0 on; the first, a logarithm, is kept within bounds."""
    point = torch.zeros(size, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([point], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def evaluate() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(point)
        torch.autograd.backward(value)
        return value

    optimiser.step(evaluate)  # type: ignore[no-untyped-call] # torch annotates it in part
    first, *others = point.detach().tolist()
    return [min(max(first, -_MAX_LOG_SCALE), _MAX_LOG_SCALE), *others]

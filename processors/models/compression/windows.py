"""Sets of windows as a served fusion graph takes them, and how well its answers for them are."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from sklearn.metrics import average_precision_score, f1_score

from processors.datasets.windows import TaskLabels, WindowItems, WindowSet
from processors.errors import DatasetError
from processors.modality import Modality
from processors.models.fusion.model import FusionShape
from processors.models.packing import sample_evenly
from processors.models.spec import ModelSpec

__all__ = ["answer_windows", "feeds_of", "inputs_of", "score_answers", "split_windows", "take_windows"]

_BATCH: Final = 32

Floats = npt.NDArray[np.float32]


def split_windows(windows: WindowSet, share: float, seed: int) -> tuple[WindowSet, WindowSet]:
    """Whole recordings to fit by, and others to judge by.

    Args:
        windows: all.
        share: of the recordings that is held out, one at least.
        seed: of the choice.

    Raises:
        DatasetError: there are fewer than two recordings.
    """
    names = np.unique(windows.recordings)
    if len(names) < 2:
        raise DatasetError(
            f"all {len(windows)} windows are of one recording; expected at least two, so that one can be held out: "
            "add some, or name another set to judge by"
        )
    chosen = np.random.default_rng(seed).permutation(names)[: max(1, round(share * len(names)))]
    is_held = np.isin(windows.recordings, chosen)
    return take_windows(windows, np.flatnonzero(~is_held)), take_windows(windows, np.flatnonzero(is_held))


def take_windows(windows: WindowSet, rows: npt.NDArray[np.intp]) -> WindowSet:
    """Some windows of a set, in the order of `rows`."""
    return WindowSet(
        classes=windows.classes,
        recordings=windows.recordings[rows],
        starts_ms=windows.starts_ms[rows],
        labels=windows.labels[rows],
        modalities={
            modality: WindowItems(part.items[rows], part.times[rows], part.weights[rows])
            for modality, part in windows.modalities.items()
        },
        tasks={name: TaskLabels(known.classes, known.labels[rows]) for name, known in windows.tasks.items()},
    )


def inputs_of(windows: WindowSet, shape: FusionShape) -> tuple[torch.Tensor, ...]:
    """Items, times and weights of each modality of a model; one that the set lacks is absent everywhere.

    Raises:
        DatasetError: the set's items have another length than the model takes.
    """
    inputs: list[torch.Tensor] = []
    for name, dim in shape.modalities.items():
        part = _part(windows, Modality(name), dim, items=1)
        inputs += [torch.from_numpy(array) for array in (part.items, part.times, part.weights)]
    return tuple(inputs)


def feeds_of(windows: WindowSet, spec: ModelSpec, batch: int = _BATCH) -> Iterator[dict[str, Floats]]:
    """Windows in batches, each input padded to what the graph takes; of more items, an even sample.

    Args:
        windows: at least one.
        spec: of a served fusion model.
        batch: how many windows are in one.

    Raises:
        DatasetError: the set's items have another length than the model takes.
    """
    for start in range(0, len(windows), batch):
        part = take_windows(windows, np.arange(start, min(start + batch, len(windows))))
        feed: dict[str, Floats] = {}
        for tensor in spec.inputs:
            if tensor.name in set(Modality):
                limit, dim = tensor.shape
                found = _part(part, Modality(tensor.name), dim, items=limit)
                feed[tensor.name] = _fit(found.items, limit)
                feed[f"{tensor.name}_time"] = _fit(found.times, limit)
                feed[f"{tensor.name}_weight"] = _fit(found.weights, limit)
        yield feed


def answer_windows(session: onnxruntime.InferenceSession, windows: WindowSet, spec: ModelSpec) -> Floats:
    """Probabilities float32 [N, C] that a graph gives."""
    return np.concatenate([session.run(["probabilities"], feed)[0] for feed in feeds_of(windows, spec)])


def score_answers(
    probabilities: Floats, classes: Sequence[str], thresholds: Mapping[str, float], windows: WindowSet
) -> dict[str, dict[str, float]]:
    """F1 at the class's threshold and average precision, of each class that both happens and does not.

    Args:
        probabilities: float32 [N, C].
        classes: what they are of.
        thresholds: event class -> probability from which it is told.
        windows: the same, with what is known of them; windows of which a class is not known do not count for it.

    Raises:
        DatasetError: there is no such class.
    """
    found = {}
    for name in thresholds:
        if name not in windows.classes:
            continue
        labels, stated = windows.labels[:, windows.classes.index(name)], probabilities[:, classes.index(name)]
        is_known = ~np.isnan(labels)
        truth, stated = labels[is_known] > 0, stated[is_known]
        if truth.any() and not truth.all():
            found[name] = {
                "f1": float(f1_score(truth, stated >= thresholds[name], zero_division=0)),
                "average_precision": float(average_precision_score(truth, stated)),
            }
    if not found:
        raise DatasetError(
            f"{len(windows)} windows to judge by, of the classes {', '.join(windows.classes)}: none of the model's "
            f"({', '.join(thresholds)}) both happens and does not; label more recordings, or choose another seed"
        )
    return found


def _part(windows: WindowSet, modality: Modality, dim: int, items: int) -> WindowItems:
    part = windows.modalities.get(modality)
    if part is None:
        nothing = np.zeros((len(windows), items), np.float32)
        return WindowItems(np.zeros((len(windows), items, dim), np.float32), nothing, nothing)
    if part.items.shape[2] != dim:
        raise DatasetError(
            f"the windows' {modality} items have {part.items.shape[2]} values, the model takes {dim}; encode them with "
            "the encoders that the model was trained with"
        )
    return part


def _fit(values: Floats, limit: int) -> Floats:
    """[N, T, …] to [N, limit, …]."""
    chosen = values[:, sample_evenly(values.shape[1], limit)]
    missing = limit - chosen.shape[1]
    return np.pad(chosen, [(0, 0), (0, missing), *[(0, 0)] * (values.ndim - 2)]).astype(np.float32)

"""Windows to learn from, as the fusion model takes them, with what is known of each, in an `.npz` file.

`classes` [C] names; `recording` [N] names, one per window, by which sets are split; `start_ms` [N], where the window
begins in it; `labels` [N, C]: 1 where the class happens, 0 where it does not, NaN where nobody knows; and per modality
`MODALITY` [N, T, D] items, `MODALITY_time` [N, T] seconds from the window's start, `MODALITY_weight` [N, T] overlap
fraction, 0 for padding. Further tasks beside the events stand in `classes_TASK` and `labels_TASK`, of the same form.
Nothing is unpickled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.datasets._npz import NpzFile
from processors.errors import DatasetError
from processors.modality import Modality

__all__ = [
    "UNLABELLED_CLASS",
    "TaskLabels",
    "WindowItems",
    "WindowSet",
    "as_written",
    "read_windows",
    "write_windows",
]


UNLABELLED_CLASS: Final = "unlabelled"
"""Stands for the classes of a set of which nobody has said anything; its labels are all NaN."""

_CLASSES: Final = "classes_"
_LABELS: Final = "labels_"


@dataclass(frozen=True, slots=True, eq=False)
class WindowItems:
    """The items of one modality in N windows.

    Attributes:
        items: float32 [N, T, D].
        times: float32 [N, T] seconds from the window's start.
        weights: float32 [N, T], 0 is padding.
    """

    items: npt.NDArray[np.float32]
    times: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class TaskLabels:
    """What is known of N windows for a task beside the events.

    Attributes:
        classes: what can be answered.
        labels: float32 [N, C]: 1, 0, or NaN where it is not known.
    """

    classes: tuple[str, ...]
    labels: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class WindowSet:
    """N windows and what is known of them.

    Attributes:
        classes: names of the event classes.
        recordings: str [N], where each window is from.
        starts_ms: int64 [N].
        labels: float32 [N, C]: 1, 0, or NaN where it is not known.
        modalities: the items of each modality that the set has, in the order of `Modality`.
        tasks: further tasks by name.
    """

    classes: tuple[str, ...]
    recordings: npt.NDArray[np.str_]
    starts_ms: npt.NDArray[np.int64]
    labels: npt.NDArray[np.float32]
    modalities: Mapping[Modality, WindowItems]
    tasks: Mapping[str, TaskLabels] = field(default_factory=lambda: MappingProxyType({}))

    def __len__(self) -> int:
        return len(self.labels)


def write_windows(windows: WindowSet, path: Path) -> None:
    """Write a set, items as float16, replacing a file that is there."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "classes": np.array(windows.classes, np.str_),
        "recording": windows.recordings,
        "start_ms": windows.starts_ms,
        "labels": windows.labels,
    }
    for modality, part in windows.modalities.items():
        arrays[modality.value] = part.items.astype(np.float16)
        arrays[f"{modality}_time"] = part.times
        arrays[f"{modality}_weight"] = part.weights
    for task, known in windows.tasks.items():
        arrays[f"{_CLASSES}{task}"] = np.array(known.classes, np.str_)
        arrays[f"{_LABELS}{task}"] = known.labels
    np.savez_compressed(path, **arrays)


def as_written(windows: WindowSet) -> WindowSet:
    """The set as it is after `write_windows` and `read_windows`: items rounded to float16."""
    rounded = {
        modality: replace(part, items=part.items.astype(np.float16).astype(np.float32))
        for modality, part in windows.modalities.items()
    }
    return replace(windows, modalities=rounded)


def read_windows(path: Path) -> WindowSet:
    """Read a set.

    Raises:
        DatasetError: the file is missing or no such file; an array is missing, pickled, of another length or shape or
            has NaN where it may not; a label is neither 0, 1 nor NaN; a class is named twice; no modality is there.
    """
    file = NpzFile(path)
    events = _read_labels(file, "classes", "labels")
    count = len(events.labels)
    modalities = {modality: _read_items(file, modality, count) for modality in Modality if modality.value in file.names}
    if not modalities:
        raise DatasetError(f"{path}: no modality; expected one of {', '.join(Modality)}, but it holds {file.listing}")
    return WindowSet(
        classes=events.classes,
        recordings=file.read("recording", ndim=1, rows=count).astype(np.str_),
        starts_ms=file.read_integers("start_ms", rows=count),
        labels=events.labels,
        modalities=modalities,
        tasks={
            name.removeprefix(_LABELS): _read_labels(file, _CLASSES + name.removeprefix(_LABELS), name, count)
            for name in sorted(file.names)
            if name.startswith(_LABELS)
        },
    )


def _read_labels(file: NpzFile, classes_name: str, labels_name: str, count: int | None = None) -> TaskLabels:
    classes = tuple(map(str, file.read(classes_name, ndim=1)))
    labels = file.read(labels_name, ndim=2, rows=count)
    if len(set(classes)) != len(classes) or labels.shape[1] != len(classes) or not labels.size:
        raise DatasetError(
            f"{file.path}: `{labels_name}` has shape {list(labels.shape)} and `{classes_name}` is {list(classes)}; "
            "expected at least one window, and one column for each of the classes, which all differ"
        )
    if labels.dtype.kind not in "fiu" or not (np.isin(labels, (0, 1)) | np.isnan(labels.astype(np.float32))).all():
        raise DatasetError(f"{file.path}: `{labels_name}` holds other values than 0, 1 and NaN (not known)")
    return TaskLabels(classes, labels.astype(np.float32))


def _read_items(file: NpzFile, modality: Modality, count: int) -> WindowItems:
    items = file.read_numbers(modality.value, ndim=3, rows=count)
    times, weights = (file.read_numbers(f"{modality}_{part}", ndim=2, rows=count) for part in ("time", "weight"))
    for name, array in ((f"{modality}_time", times), (f"{modality}_weight", weights)):
        if array.shape != items.shape[:2]:
            raise DatasetError(
                f"{file.path}: `{name}` has shape {list(array.shape)}; "
                f"expected {list(items.shape[:2])}, as `{modality}` has {list(items.shape)}"
            )
    return WindowItems(items, times, weights)

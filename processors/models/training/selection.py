"""What of a set of windows is learned, and the reasons why it cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from processors.datasets.windows import TaskLabels, WindowItems, WindowSet
from processors.errors import DatasetError
from processors.modality import Modality
from processors.models.fusion import FusionShape, Task
from processors.models.spec import CONTRIBUTION_ORDER
from processors.models.training.examples import Examples
from processors.models.training.plan import EVENT_TASK, TrainingPlan
from processors.models.training.split import Split, split_by_recording

__all__ = ["Selection", "refuse_mixed_labels", "refuse_unlearnable", "select"]


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """Windows as a plan wants them.

    Attributes:
        examples: their labels are those of all tasks, side by side.
        tasks: in the order of the labels.
        recordings: str [N].
    """

    examples: Examples
    tasks: tuple[Task, ...]
    recordings: npt.NDArray[np.str_]

    @property
    def labels(self) -> npt.NDArray[np.float32]:
        """Float32 [N, C] of all tasks."""
        return self.examples.labels.numpy()

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """Bool [N, 2 C + M]: which classes are known to happen, which are known not to, which modalities there are."""
        present = torch.stack([(weight > 0).any(dim=1) for weight in self.examples.inputs[2::3]], dim=1)
        return np.concatenate([self.labels == 1, self.labels == 0, present.numpy()], axis=1)

    def split(self, plan: TrainingPlan) -> Split:
        """Which recordings are learned from, and which are held out.

        Raises:
            DatasetError: there are fewer than three.
        """
        return split_by_recording(
            self.recordings,
            self.shown,
            validation_share=plan.split.validation_share,
            test_share=plan.split.test_share,
            seed=plan.seed,
        )

    def parts(self, split: Split) -> dict[str, Examples]:
        """The windows of each part."""
        return {name: self.examples.take(split.rows(name, self.recordings)) for name in split.named}

    def shape(self, plan: TrainingPlan) -> FusionShape:
        """Of the model that learns from them."""
        network = plan.network
        return FusionShape(
            modalities=dict(self.examples.dims),
            tasks=self.tasks,
            width=network.width,
            dropout=network.dropout,
            memory=network.memory_s,
        )


def select(windows: WindowSet, plan: TrainingPlan, where: str) -> Selection:
    """Take the classes, tasks and modalities of a plan out of a set.

    Args:
        windows: the set.
        plan: what is wanted of it.
        where: the set's name, for messages.

    Raises:
        DatasetError: a class or task is not in the set, a modality is absent from the whole of it, a class never
            happens, nothing is known, or a window of an exclusive task has not exactly one class.
    """
    known = {name: _find_task(windows, name, plan, where) for name in plan.tasks}
    tasks = tuple(Task(name, part.classes, is_exclusive=plan.is_exclusive(name)) for name, part in known.items())
    for task in tasks:
        _refuse_labels(known[task.name].labels, task, where)
    inputs: list[torch.Tensor] = []
    dims: dict[str, int] = {}
    for modality in (each for each in CONTRIBUTION_ORDER if each in plan.modalities):
        items = _find_items(windows, modality, where)
        dims[modality.value] = items.items.shape[2]
        inputs += [torch.from_numpy(array) for array in (items.items, items.times, items.weights)]
    labels = torch.from_numpy(np.concatenate([part.labels for part in known.values()], axis=1))
    return Selection(Examples(dims, tuple(inputs), labels), tasks, windows.recordings)


def refuse_unlearnable(parts: Mapping[str, Examples], shape: FusionShape, where: str) -> None:
    """Refuse a split in which something cannot be learned.

    Args:
        parts: by name; `training` is one of them.
        shape: says which columns are which task's.
        where: the set's name.

    Raises:
        DatasetError: a class happens in no window of training, or in all of them; a modality is in none of them; a part
            knows nothing of a task.
    """
    training = parts["training"]
    for modality, weight in zip(shape.modalities, training.inputs[2::3], strict=True):
        if not (weight > 0).any():
            raise DatasetError(
                f"{where}: {modality} is in no window of the recordings that are learned from; add recordings with it, "
                "or leave it out (`modalities`)"
            )
    for task in shape.tasks:
        span = shape.span(task.name)
        for part, examples in parts.items():
            if examples.labels[:, span].isnan().all():
                raise DatasetError(
                    f"{where}: nothing is known of the task {task.name!r} in the recordings of {part}; label more "
                    "recordings, or try another seed"
                )
        of_task = training.labels.numpy()[:, span]
        for value, what in ((1, "happens in no window"), (0, "happens in every window that is known")):
            for column in np.flatnonzero(~(of_task == value).any(axis=0)):
                raise DatasetError(
                    f"{where}: the class {task.classes[column]!r} {what} of the recordings that "
                    "are learned from; label more recordings with and without it, or leave the class out (`classes`)"
                )


def _find_task(windows: WindowSet, name: str, plan: TrainingPlan, where: str) -> TaskLabels:
    if name != EVENT_TASK:
        if name not in windows.tasks:
            has = ", ".join([EVENT_TASK, *windows.tasks])
            raise DatasetError(
                f"{where}: no labels of the task {name!r}; it has {has}: add `classes_{name}` and `labels_{name}`, or "
                "leave the task out (`tasks`)"
            )
        return windows.tasks[name]
    classes = plan.classes or windows.classes
    if missing := [wanted for wanted in classes if wanted not in windows.classes]:
        raise DatasetError(
            f"{where}: no labels of the class {missing[0]!r}; it has {', '.join(windows.classes)}: "
            "label some windows, or leave the class out (`classes`)"
        )
    return TaskLabels(classes, windows.labels[:, [windows.classes.index(wanted) for wanted in classes]])


def _refuse_labels(labels: npt.NDArray[np.float32], task: Task, where: str) -> None:
    if np.isnan(labels).all():
        raise DatasetError(
            f"{where}: every label of the task {task.name!r} is unknown (NaN); there is nothing to learn"
        )
    for column in np.flatnonzero(~(labels == 1).any(axis=0)):
        raise DatasetError(
            f"{where}: the class {task.classes[column]!r} happens in no window; label some, or leave the class out"
        )
    if task.is_exclusive:
        refuse_mixed_labels(labels, task, where)


def refuse_mixed_labels(labels: npt.NDArray[np.float32], task: Task, where: str) -> None:
    """Refuse labels of an exclusive task that do not name one class, or none of them.

    Args:
        labels: float32 [N, C]: 1, 0, or NaN where it is not known.
        task: whose they are.
        where: the set's name.

    Raises:
        DatasetError: a window has not exactly one class, or there is only one.
    """
    is_unknown = np.isnan(labels).all(axis=1)
    bad = np.flatnonzero(~is_unknown & ~((np.nansum(labels, axis=1) == 1) & ~np.isnan(labels).any(axis=1)))
    if len(task.classes) < 2 or bad.size:
        at = f"row {bad[0]} is {labels[bad[0]].tolist()} ({bad.size} such rows)" if bad.size else "has one class"
        raise DatasetError(
            f"{where}: the task {task.name!r} is exclusive, but {at}; expected a single 1 among 0, or NaN "
            "throughout, and at least two classes; or set `is_exclusive: false`"
        )


def _find_items(windows: WindowSet, modality: Modality, where: str) -> WindowItems:
    items = windows.modalities.get(modality)
    if items is None or not (items.weights > 0).any():
        has = ", ".join(name for name, part in windows.modalities.items() if (part.weights > 0).any()) or "none"
        raise DatasetError(
            f"{where}: {modality} is absent from the whole set, which has {has}; add some, or leave it out "
            "(`modalities`)"
        )
    return items

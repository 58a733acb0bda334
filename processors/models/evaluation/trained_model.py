"""A model of `braid train` judged by other windows or recordings than by its training."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from processors.datasets.recordings import LABELS_NAME, read_events, read_recordings
from processors.datasets.windows import TaskLabels, WindowSet, as_written, read_windows
from processors.errors import DatasetError, ModelError
from processors.models.compression.windows import inputs_of, take_windows
from processors.models.evaluation.model_report import JudgedWindows, LabelledRecordings, ModelReport, judge_windows
from processors.models.fusion import Task, TrainedFusion
from processors.models.training.data import RecordingTools
from processors.models.training.examples import Examples
from processors.models.training.plan import EVENT_TASK, RecordingPlan
from processors.models.training.recordings import encode_recordings
from processors.models.training.selection import refuse_mixed_labels

__all__ = ["ModelEvaluation", "evaluate_model", "load_judged"]

_SCHEMA: Final = "braid.evaluation.model.v1"

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ModelEvaluation:
    """A model on data.

    Attributes:
        kind: of fusion.
        windows: how many it was judged by.
        recordings: they are from, in order.
        seen: those of them whose names the training learned from or chose by; the figures flatter if they are the same.
        absent: modalities of the model that are in no window.
        not_judged: tasks of the model of which the data says nothing.
        report: the figures.
    """

    kind: str
    windows: int
    recordings: tuple[str, ...]
    seen: tuple[str, ...]
    absent: tuple[str, ...]
    not_judged: tuple[str, ...]
    report: ModelReport

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "schema": _SCHEMA,
            "kind": self.kind,
            "windows": self.windows,
            "recordings": list(self.recordings),
            "seen_in_training": list(self.seen),
            "absent_modalities": list(self.absent),
            "tasks_not_judged": list(self.not_judged),
            **self.report.as_json(),
        }

    def as_markdown(self) -> str:
        """What was judged, then the report."""
        lines = [
            f"# Fusion: {self.kind}",
            "",
            f"Judged by {self.windows} windows of {len(self.recordings)} recordings.",
        ]
        return "\n".join([*lines, *self.warnings, "", self.report.as_markdown()])

    @property
    def warnings(self) -> list[str]:
        """What a reader must know to read the figures, a sentence each."""
        said = []
        if self.seen:
            said.append(
                f"{len(self.seen)} of the recordings have names that training has seen, such as {self.seen[0]}: if "
                "they are the same recordings, these figures flatter."
            )
        if self.absent:
            said.append(f"No window has {' or '.join(self.absent)}.")
        if self.not_judged:
            said.append(f"The data says nothing of {' and '.join(self.not_judged)}.")
        return said


def load_judged(
    data: Path, model: TrainedFusion, plan: RecordingPlan, tools: RecordingTools, told: Told
) -> tuple[WindowSet, LabelledRecordings | None]:
    """Read windows, or encode recordings as `braid train` does.

    Args:
        data: a set of windows, or a folder of recordings with a table.
        model: whose classes the table may name.
        plan: how recordings are cut.
        tools: for recordings.
        told: is told what comes next.

    Returns:
        The windows, and what they were cut from where they were cut here.

    Raises:
        DatasetError: the data cannot be read, or names an event that is no class of the model.
        ModelError: the encoders are not there or do not fit the model, or the model tells no events.
    """
    if not data.is_dir():
        return read_windows(data), None
    shape = model.model.shape
    task = next((task for task in shape.tasks if task.name == EVENT_TASK), None)
    if task is None:
        raise ModelError(
            f"the table of {data} names events, but the model has no task `{EVENT_TASK}`, only "
            f"{', '.join(each.name for each in shape.tasks)}; judge it by a set of windows with labels of those"
        )
    read_events(data / LABELS_NAME, task.classes)
    folder = replace(read_recordings(data), classes=task.classes)
    encoder = tools.open_encoder(plan.models)
    given = {modality.value: dim for modality, dim in encoder.dims.items()}
    if not shape.modalities.items() <= given.items():
        raise ModelError(
            f"the model takes embeddings of {dict(shape.modalities)}, the encoders of {plan.models} give {given}; name "
            "the repository with those that it was trained with"
        )
    windows = as_written(encode_recordings(folder, plan, encoder, tools.read, told))
    return windows, LabelledRecordings(folder, plan)


def evaluate_model(
    model: TrainedFusion,
    windows: WindowSet,
    where: str,
    *,
    source: LabelledRecordings | None = None,
    seen: frozenset[str] = frozenset(),
    is_unseen_only: bool = False,
) -> ModelEvaluation:
    """Judge a model by windows.

    Args:
        model: who is judged.
        windows: by what; classes and tasks of which the model knows nothing are not looked at.
        where: the set's name, for messages.
        source: what the windows were cut from; without it the times of events are not judged.
        seen: names of recordings that the training has seen.
        is_unseen_only: whether windows of these are left out.

    Raises:
        DatasetError: the windows lack a class of a task, know nothing of any task, have none of the model's modalities
            or items of other lengths, or nothing is left.
    """
    if is_unseen_only:
        rows = np.flatnonzero(~np.isin(windows.recordings, list(seen)))
        if not rows.size:
            raise DatasetError(f"{where}: training has seen all of its recordings; name others")
        windows = take_windows(windows, rows)
    shape = model.model.shape
    inputs = inputs_of(windows, shape)
    present = [name for name, weights in zip(shape.modalities, inputs[2::3], strict=True) if bool((weights > 0).any())]
    if not present:
        raise DatasetError(
            f"{where}: no window has an item of {' or '.join(shape.modalities)}, which is all that the model takes; it "
            f"has {', '.join(windows.modalities) or 'nothing'}"
        )
    known = {task.name: labels for task in shape.tasks if (labels := _find_labels(windows, task, where)) is not None}
    if not known:
        raise DatasetError(
            f"{where}: nothing is known of {', '.join(task.name for task in shape.tasks)}, which the model answers; "
            f"the set has {', '.join([EVENT_TASK, *windows.tasks])}"
        )
    all_labels = [
        known.get(task.name, np.full((len(windows), len(task.classes)), np.nan, np.float32)) for task in shape.tasks
    ]
    examples = Examples(dict(shape.modalities), inputs, torch.from_numpy(np.concatenate(all_labels, axis=1)))
    names = tuple(map(str, np.unique(windows.recordings)))
    return ModelEvaluation(
        kind=model.kind,
        windows=len(windows),
        recordings=names,
        seen=tuple(name for name in names if name in seen),
        absent=tuple(name for name in shape.modalities if name not in present),
        not_judged=tuple(task.name for task in shape.tasks if task.name not in known),
        report=judge_windows(
            model, JudgedWindows(examples, windows.recordings, windows.starts_ms, source), list(known)
        ),
    )


def _find_labels(windows: WindowSet, task: Task, where: str) -> npt.NDArray[np.float32] | None:
    """Float32 [N, C] of a task of the model; None where nothing is known of it."""
    if task.name == EVENT_TASK:
        given = TaskLabels(windows.classes, windows.labels)
    elif task.name in windows.tasks:
        given = windows.tasks[task.name]
    else:
        return None
    missing = [name for name in task.classes if name not in given.classes]
    # One class of several: of a window of a class that the model does not know, it can only be wrong.
    strange = [name for name in given.classes if name not in task.classes] if task.is_exclusive else []
    if missing or strange:
        at = f"no labels of the class {missing[0]!r}" if missing else f"labels of the class {strange[0]!r}"
        raise DatasetError(
            f"{where}: {at} in the task {task.name!r}; it has {', '.join(given.classes)}, and the model answers "
            f"{', '.join(task.classes)}: label with the model's classes, NaN where nobody knows"
        )
    labels = given.labels[:, [given.classes.index(name) for name in task.classes]]
    if np.isnan(labels).all():
        return None
    if task.is_exclusive:
        refuse_mixed_labels(labels, task, where)
    return labels

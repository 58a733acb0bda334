"""How good a trained fusion model is on windows: a report per task, the modalities, and events with their times."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.datasets.recordings import RecordingFolder
from processors.models.evaluation.classification import ClassificationReport, report_classification
from processors.models.evaluation.events import EventScores
from processors.models.evaluation.multilabel import MultilabelReport, report_multilabel
from processors.models.evaluation.window_events import score_window_events
from processors.models.fusion import FusionShape, Task, TrainedFusion
from processors.models.training.calibration import threshold_name
from processors.models.training.examples import Examples, judge
from processors.models.training.plan import EVENT_TASK, RecordingPlan

__all__ = ["JudgedWindows", "LabelledRecordings", "ModelReport", "TaskReport", "judge_windows"]

TaskReport = ClassificationReport | MultilabelReport

_ALL: Final = "all"
_USUAL_THRESHOLD: Final = 0.5
"""Where a model's file has none."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledRecordings:
    """Where windows were cut from.

    Attributes:
        folder: with what happens in the recordings, and when.
        plan: how they were cut.
    """

    folder: RecordingFolder
    plan: RecordingPlan


@dataclass(frozen=True, slots=True, eq=False)
class JudgedWindows:
    """Windows that a model is judged by.

    Attributes:
        examples: their labels are those of all tasks of the model, side by side.
        recordings: str [N], where each is from.
        starts_ms: int64 [N], where it begins.
        source: what the windows were cut from; None where that is not known.
    """

    examples: Examples
    recordings: npt.NDArray[np.str_]
    starts_ms: npt.NDArray[np.int64]
    source: LabelledRecordings | None

    def __len__(self) -> int:
        return len(self.examples)

    def take(self, rows: npt.NDArray[np.int64]) -> "JudgedWindows":
        """Some of them."""
        return JudgedWindows(self.examples.take(rows), self.recordings[rows], self.starts_ms[rows], self.source)


@dataclass(frozen=True, slots=True)
class ModelReport:
    """What a model answered on windows that it had not learned from.

    Attributes:
        tasks: a report for each task.
        views: which modalities are there -> task -> mean F1 of the classes.
        events: with their times; None where the times of the true ones are not known, or there are none.
    """

    tasks: Mapping[str, TaskReport]
    views: Mapping[str, Mapping[str, float]]
    events: EventScores | None

    def as_json(self) -> dict[str, Any]:
        """For `--json`; shares rounded to four digits."""
        return {
            "tasks": {task: report.as_json() for task, report in self.tasks.items()},
            "views": {
                name: {task: round(value, 4) for task, value in each.items()} for name, each in self.views.items()
            },
            "events": None if self.events is None else self.events.as_json(),
        }

    def as_markdown(self) -> str:
        """A section for each task, for the events' times, and for the modalities."""
        lines = []
        for task, report in self.tasks.items():
            lines += [f"## {task}", "", report.as_markdown()]
        if self.events is not None:
            lines += ["## Events and their times", "", self.events.as_markdown()]
        lines += ["## Modalities", "", f"Macro F1 by what is there.\n\n| there | {' | '.join(self.tasks)} |"]
        lines += ["|---" * (len(self.tasks) + 1) + "|"]
        for name, each in self.views.items():
            lines.append(f"| {name} | {' | '.join(f'{value:.3f}' for value in each.values())} |")
        return "\n".join(lines) + "\n"


def judge_windows(trained: TrainedFusion, judged: JudgedWindows, tasks: Sequence[str]) -> ModelReport:
    """Judge a model by windows.

    Args:
        trained: who is judged.
        judged: by what.
        tasks: those of the model of which something is known.

    Raises:
        ModelError: an answer of the model is not finite.
    """
    shape = trained.model.shape
    judged_tasks = [task for task in shape.tasks if task.name in tasks]
    labels = judged.examples.labels.numpy()
    reports: dict[str, dict[str, TaskReport]] = {}
    events = None
    for view, kept in _views(shape):
        probabilities = judge(trained.model, judged.examples.keep(kept))
        reports[view] = {
            task.name: _report(task, labels[:, shape.span(task.name)], probabilities[:, shape.span(task.name)], trained)
            for task in judged_tasks
        }
        if view == _ALL:
            events = _score_events(trained, judged, probabilities, judged_tasks)
    headlines = {view: {task: report.macro_f1 for task, report in each.items()} for view, each in reports.items()}
    return ModelReport(reports[_ALL], headlines, events)


def _views(shape: FusionShape) -> Iterator[tuple[str, frozenset[str]]]:
    """All modalities; each alone, and each left out, where there are several."""
    modalities = frozenset(shape.modalities)
    yield _ALL, modalities
    if len(modalities) > 1:
        for modality in shape.modalities:
            yield f"{modality} alone", frozenset({modality})
        for modality in shape.modalities:
            yield f"without {modality}", modalities - {modality}


def _report(
    task: Task, labels: npt.NDArray[np.float32], probabilities: npt.NDArray[np.float32], trained: TrainedFusion
) -> TaskReport:
    if task.is_exclusive:
        is_known = ~np.isnan(labels).any(axis=1)
        return report_classification(labels[is_known].argmax(axis=1), probabilities[is_known], task.classes)
    return report_multilabel(labels, probabilities, _find_thresholds(task, trained))


def _score_events(
    trained: TrainedFusion,
    judged: JudgedWindows,
    probabilities: npt.NDArray[np.float32],
    tasks: Sequence[Task],
) -> EventScores | None:
    event_task = next((task for task in tasks if task.name == EVENT_TASK), None)
    if event_task is None or judged.source is None:
        return None
    stated = probabilities[:, trained.model.shape.span(EVENT_TASK)]
    if event_task.is_exclusive:
        is_told = np.arange(stated.shape[1]) == stated.argmax(axis=1)[:, None]
    else:
        is_told = stated >= np.array(list(_find_thresholds(event_task, trained).values()), np.float32)
    return score_window_events(
        judged.source.folder,
        judged.recordings,
        judged.starts_ms,
        is_told,
        event_task.classes,
        judged.source.plan,
    )


def _find_thresholds(task: Task, trained: TrainedFusion) -> dict[str, float]:
    return {name: trained.thresholds.get(threshold_name(task, name), _USUAL_THRESHOLD) for name in task.classes}

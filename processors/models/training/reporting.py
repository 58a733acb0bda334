"""What a training says of itself: what it was made of, and how good it is on recordings that nothing was chosen by."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

<<<<<<< HEAD
from processors.models.evaluation.model_page import render_model
from processors.models.evaluation.model_report import JudgedWindows, judge_windows
from processors.models.fusion import TrainedFusion
from processors.models.training.data import TrainingData
from processors.models.training.examples import Examples
from processors.models.training.facts import FACTS_NAME, FACTS_SCHEMA
=======
import numpy as np
import numpy.typing as npt

from processors.modality import Modality
from processors.models.evaluation.classification import report_classification
from processors.models.evaluation.multilabel import report_multilabel
from processors.models.evaluation.tasks_page import TaskReport, render_tasks
from processors.models.fusion import FusionShape, Task, TrainedFusion
from processors.models.training.calibration import threshold_name
from processors.models.training.data import TrainingData
from processors.models.training.examples import Examples, judge
from processors.models.training.folder import RunFolder
>>>>>>> datasets
from processors.models.training.plan import TrainingPlan
from processors.models.training.split import Split

__all__ = ["TrainingReport", "gather_facts", "write_reports"]

_REPORT_SCHEMA: Final = "braid.training.report.v1"
_PACKAGES: Final = ("braid", "lightning", "numpy", "torch")


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """How good a trained model is.

    Attributes:
        document: as in `report.json`.
        markdown: as in `report.md`.
    """

    document: Mapping[str, Any]
    markdown: str


def gather_facts(
    plan: TrainingPlan, data: TrainingData, split: Split, parts: Mapping[str, Examples], trained: TrainedFusion
) -> dict[str, Any]:
    """What a reader needs to take it again; nothing in it changes when it is."""
    columns = [f"{task.name}.{name}" for task in trained.model.shape.tasks for name in task.classes]
    return {
        "schema": FACTS_SCHEMA,
        "configuration": plan.model_dump(mode="json", exclude={"out"}),
        "data": {"path": str(plan.data), "sha256": data.sha256, "windows": len(data.windows)},
        "split": {name: list(recordings) for name, recordings in split.named.items()},
        "windows": {
            name: {
                "windows": len(examples),
                "positive": dict(zip(columns, (examples.labels == 1).sum(dim=0).tolist(), strict=True)),
                "unknown": dict(zip(columns, examples.labels.isnan().sum(dim=0).tolist(), strict=True)),
            }
            for name, examples in parts.items()
        },
        "encoders": {modality.value: dict(about) for modality, about in data.encoders.items()},
        "parameters": sum(parameter.numel() for parameter in trained.model.parameters()),
        "thresholds": dict(trained.thresholds),
        "versions": {package: metadata.version(package) for package in _PACKAGES},
    }


def write_reports(
    data: TrainingData, trained: TrainedFusion, test: JudgedWindows, facts: Mapping[str, Any]
) -> TrainingReport:
    """Judge the test recordings, and write `report.json`, `report.md`, `report.html` and `facts.json`."""
    report = judge_windows(trained, test, [task.name for task in trained.model.shape.tasks])
    split = facts["split"]
    document = {
        "schema": _REPORT_SCHEMA,
        "kind": trained.kind,
        "windows": len(test),
        "recordings": split["test"],
        **report.as_json(),
    }
<<<<<<< HEAD
=======
    markdown = _render_markdown(trained, test, facts, reports, headlines, data.folder)
    shown = {
        "data": facts["data"]["path"],
        "kind": trained.kind,
        "seed": str(facts["configuration"]["seed"]),
        "recordings": ", ".join(f"{len(names)} {part}" for part, names in facts["split"].items()),
        "judged by": f"{len(test)} windows of {', '.join(facts['split']['test'])}",
    }
    data.folder.write("report.json", json.dumps(document, indent=2) + "\n")
    data.folder.write("report.md", markdown)
    data.folder.write("report.html", render_tasks(f"Fusion: {trained.kind}", reports, shown))
    data.folder.write("facts.json", json.dumps(facts, indent=2) + "\n")
    return TrainingReport(document, markdown)


def _views(shape: FusionShape) -> Iterator[tuple[str, frozenset[str]]]:
    """All modalities; each alone, and each left out, where there are several."""
    modalities = frozenset(shape.modalities)
    yield _ALL, modalities
    if len(modalities) > 1:
        for modality in shape.modalities:
            yield f"{modality} alone", frozenset({modality})
        for modality in shape.modalities:
            yield f"without {modality}", modalities - {modality}


def _judge(trained: TrainedFusion, examples: Examples) -> dict[str, TaskReport]:
    """A report per task."""
    shape = trained.model.shape
    probabilities = judge(trained.model, examples)
    labels = examples.labels.numpy()
    return {
        task.name: _report(task, labels[:, shape.span(task.name)], probabilities[:, shape.span(task.name)], trained)
        for task in shape.tasks
    }


def _report(
    task: Task, labels: npt.NDArray[np.float32], probabilities: npt.NDArray[np.float32], trained: TrainedFusion
) -> TaskReport:
    if task.is_exclusive:
        is_known = ~np.isnan(labels).any(axis=1)
        return report_classification(labels[is_known].argmax(axis=1), probabilities[is_known], task.classes)
    thresholds = {name: trained.thresholds[threshold_name(task, name)] for name in task.classes}
    return report_multilabel(labels, probabilities, thresholds)


def _render_markdown(
    trained: TrainedFusion,
    test: Examples,
    facts: Mapping[str, Any],
    reports: Mapping[str, TaskReport],
    headlines: Mapping[str, Mapping[str, float]],
    folder: RunFolder,
) -> str:
    split = facts["split"]
>>>>>>> datasets
    judged = (
        f"Judged by {len(test)} windows of {len(split['test'])} recordings that nothing was learned from or chosen by; "
        f"learned from {len(split['training'])} recordings, chosen by {len(split['validation'])}."
    )
<<<<<<< HEAD
    markdown = f"# Fusion: {trained.kind}\n\n{judged}\n\n{report.as_markdown()}"
    shown = {
        "data": facts["data"]["path"],
        "kind": trained.kind,
        "seed": str(facts["configuration"]["seed"]),
        "recordings": ", ".join(f"{len(names)} {part}" for part, names in split.items()),
        "judged by": f"{len(test)} windows of {', '.join(split['test'])}",
    }
    data.folder.write("report.json", json.dumps(document, indent=2) + "\n")
    data.folder.write("report.md", markdown)
    data.folder.write("report.html", render_model(f"Fusion: {trained.kind}", report, shown))
    data.folder.write(FACTS_NAME, json.dumps(facts, indent=2) + "\n")
    return TrainingReport(document, markdown)
=======
    lines = [
        f"# Fusion: {trained.kind}",
        "",
        judged,
        "",
    ]
    for task, report in reports.items():
        lines += [f"## {task}", "", report.as_markdown()]
    lines += ["## Modalities", "", f"Macro F1 by what is there.\n\n| there | {' | '.join(reports)} |"]
    lines += ["|---" * (len(reports) + 1) + "|"]
    for name, each in headlines.items():
        lines.append(f"| {name} | {' | '.join(f'{value:.3f}' for value in each.values())} |")
    if facts["encoders"]:
        lines += [
            "",
            "## Encoders",
            "",
            "What was tuned on the recordings that were learned from, and serves with the model.",
        ]
        lines += [
            "",
            "| encoder | transfer | numbers that learned | loss before | after | served by |",
            "|---" * 6 + "|",
        ]
    for modality, about in facts["encoders"].items():
        loss = about["validation_loss"]
        lines.append(
            f"| {modality} | {about['transfer']['kind']} | {about['learning']:,} of {about['parameters']:,} | "
            f"{loss['frozen']:.3f} | {loss['tuned']:.3f} | "
            f"`models.encoders.{modality}: {folder.encoder(Modality(modality))}` |"
        )
    return "\n".join(lines) + "\n"
>>>>>>> datasets

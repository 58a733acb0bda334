"""What a training says of itself: what it was made of, and how good it is on recordings that nothing was chosen by."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Final

from processors.modality import Modality
from processors.models.evaluation.model_page import render_model
from processors.models.evaluation.model_report import JudgedWindows, judge_windows
from processors.models.fusion import TrainedFusion
from processors.models.training.data import TrainingData
from processors.models.training.examples import Examples
from processors.models.training.facts import FACTS_NAME, FACTS_SCHEMA
from processors.models.training.folder import RunFolder
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
        "joint": dict(data.joint),
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
    judged = (
        f"Judged by {len(test)} windows of {len(split['test'])} recordings that nothing was learned from or chosen by; "
        f"learned from {len(split['training'])} recordings, chosen by {len(split['validation'])}."
    )
    markdown = f"# Fusion: {trained.kind}\n\n{judged}\n\n{report.as_markdown()}{_render_encoders(facts, data.folder)}"
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


def _render_encoders(facts: Mapping[str, Any], folder: RunFolder) -> str:
    if not facts["encoders"]:
        return ""
    lines = [
        "",
        "## Encoders",
        "",
        "What was tuned on the recordings that were learned from, and serves with the model.",
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
    if facts["joint"]:
        lines += ["", _say_joint(facts["joint"])]
    return "\n".join(lines) + "\n"


def _say_joint(joint: Mapping[str, Any]) -> str:
    loss = joint["validation_loss"]
    after = "nothing that can be computed with" if loss["together"] is None else f"{loss['together']:.3f}"
    kept = "this is kept" if joint["kept"] == "together" else "which is no better: what was before is kept"
    return (
        "Then encoders and network learned together. The loss of the network on the validation recordings was "
        f"{loss['apart']:.3f} before, and {after} after; {kept}."
    )

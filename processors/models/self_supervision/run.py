"""A training without labels from its data to its files."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from processors.datasets.recordings import find_recordings
from processors.datasets.windows import WindowSet
from processors.errors import DatasetError
from processors.modality import Modality
from processors.models.fusion import TrainedFusion, save_trained
from processors.models.self_supervision.pretraining import Pretrained, pretrain
from processors.models.self_supervision.settings import PretrainingSettings
from processors.models.training.data import RecordingTools, Told, TrainingData, load_recordings, load_windows
from processors.models.training.plan import RecordingPlan

__all__ = ["FACTS_NAME", "WEIGHTS_NAME", "LeftBehind", "RecordingsToCut", "pretrain_into"]

WEIGHTS_NAME: Final = "pretrained.safetensors"
FACTS_NAME: Final = "pretrained.json"


@dataclass(frozen=True, slots=True, eq=False)
class LeftBehind:
    """What a training without labels left.

    Attributes:
        weights: file of the model.
        pretrained: the model, and how well it does.
        facts: what is in the file beside it.
    """

    weights: Path
    pretrained: Pretrained
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingsToCut:
    """How a folder of recordings becomes windows.

    Attributes:
        plan: lengths, rates, and the encoders.
        tools: read and encode.
        told: is told which recording is next.
    """

    plan: RecordingPlan
    tools: RecordingTools
    told: Told


def pretrain_into(
    out: Path,
    data: Path,
    settings: PretrainingSettings,
    recordings: RecordingsToCut | None = None,
    *,
    is_shown: bool = False,
) -> LeftBehind:
    """Learn, and write the model and its facts to a folder, each whole or not at all.

    A modality that no window has is left out. Called again for the same data and settings after a crash, it goes on
    where it was, and ends with the same bytes.

    Args:
        out: the folder; made where it is not there.
        data: a set of windows, or a folder of recordings, whose labels are not looked at.
        settings: how.
        recordings: how a folder becomes windows; None: `data` is a set.
        is_shown: whether a progress bar is drawn.

    Raises:
        DatasetError: the data cannot be read, or nothing in it can be learned.
        ModelError: the settings cannot be used, the encoders are not there, or the folder holds a training of something
            else.
    """
    claim = {"learns": "without labels", "settings": asdict(settings)}
    if recordings is None:
        loaded = load_windows(data, out, claim)
    else:
        loaded = load_recordings(
            find_recordings(data), recordings.plan, tuple(Modality), out, claim, recordings.tools, recordings.told
        )
    folder = loaded.folder
    windows = _without_absent(loaded.windows, data)
    done = pretrain(windows, settings, folder.checkpoints, begun=folder.claim, is_shown=is_shown)
    weights = out / WEIGHTS_NAME
    part = weights.with_suffix(".part")
    save_trained(TrainedFusion(settings.kind, done.model, {}), part)
    part.replace(weights)
    facts = _gather_facts(data, loaded, settings, done) | {"weights": str(weights)}
    folder.write(FACTS_NAME, json.dumps(facts, indent=2) + "\n")
    return LeftBehind(weights, done, facts)


def _without_absent(windows: WindowSet, data: Path) -> WindowSet:
    present = {name: part for name, part in windows.modalities.items() if (part.weights > 0).any()}
    if not present:
        raise DatasetError(f"{data}: no window holds an item; there is nothing to learn")
    return replace(windows, modalities=present)


def _gather_facts(data: Path, loaded: TrainingData, settings: PretrainingSettings, done: Pretrained) -> dict[str, Any]:
    return {
        "schema": "braid.pretraining.facts.v1",
        "data": data.name,
        "data_sha256": loaded.sha256,
        "modalities": dict(done.model.shape.modalities),
        "windows": {"training": done.windows[0], "validation": done.windows[1]},
        "validation_losses": done.losses,
        "settings": asdict(settings),
    }

"""What any data set holds, whichever of the forms it has, in a few figures."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.datasets._npz import NpzFile
from processors.datasets.class_folders import is_class_folders, read_class_folders
from processors.datasets.features import read_sequences, read_utterances
from processors.datasets.recordings import LABELS_NAME, RecordingFolder, read_recordings
from processors.datasets.windows import read_windows
from processors.errors import DatasetError

__all__ = ["Survey", "survey"]


@dataclass(frozen=True, slots=True)
class Survey:
    """What was found.

    Attributes:
        form: `recordings`, `sounds`, `windows`, `utterances` or `sequences`.
        counts: what there is of what, in words.
        classes: class -> how many examples.
    """

    form: str
    counts: Mapping[str, Any]
    classes: Mapping[str, int]


def survey(path: Path, classes: Sequence[str] | None = None) -> Survey:
    """Read a data set as those do who learn from it.

    Args:
        path: a folder with `labels.tsv`, a folder of class folders, or an `.npz` file.
        classes: those that must occur; others in a table are faults.

    Raises:
        DatasetError: naming file and line, row or array: what is wrong; or it has none of the forms.
    """
    if is_class_folders(path):
        return _count_folder("sounds", read_class_folders(path, classes))
    if path.is_dir() and not (path / LABELS_NAME).exists():
        raise DatasetError(
            f"{path} holds neither {LABELS_NAME} nor folders by class; expected recordings with {LABELS_NAME} (made "
            "with `braid dataset convert`), or one folder of sounds for each class, such as "
            f"{path.name}/rain/*.wav"
        )
    if path.is_dir():
        return _count_folder("recordings", read_recordings(path, classes))
    found = _survey_arrays(path)
    if missing := [name for name in classes or () if not found.classes.get(name)]:
        raise DatasetError(f"{path}: no example of the class {missing[0]!r}; it has {', '.join(found.classes)}")
    return found


def _count_folder(form: str, folder: RecordingFolder) -> Survey:
    events = Counter(event.event_class for recording in folder.recordings for event in recording.events)
    modalities = Counter(modality.value for recording in folder.recordings for modality in recording.modalities)
    counts = {
        "recordings": len(folder.recordings),
        "without_events": sum(not recording.events for recording in folder.recordings),
        "minutes": round(sum(recording.duration_ms for recording in folder.recordings) / 60_000, 2),
        "with_modality": dict(modalities),
    }
    return Survey(form, counts, {name: events[name] for name in folder.classes})


def _survey_arrays(path: Path) -> Survey:
    file = NpzFile(path)
    if "labels" in file.names:
        windows = read_windows(path)
        known = {name: int((windows.labels[:, row] == 1).sum()) for row, name in enumerate(windows.classes)}
        counts = {
            "windows": len(windows),
            "recordings": len(np.unique(windows.recordings)),
            "unknown_labels": int(np.isnan(windows.labels).sum()),
            "with_modality": {
                modality.value: int((part.weights > 0).any(axis=1).sum())
                for modality, part in windows.modalities.items()
            },
            "tasks": {name: list(task.classes) for name, task in windows.tasks.items()},
        }
        return Survey("windows", counts, known)
    if "y" in file.names:
        utterances = read_utterances(path)
        counts = {
            "utterances": len(utterances.labels),
            "recordings": len(np.unique(utterances.recordings)),
            "lengths": {modality: array.shape[1] for modality, array in utterances.items.items()},
        }
        return Survey("utterances", counts, _count(utterances.labels, utterances.classes))
    if "y_train" in file.names:
        sequences = read_sequences(path)
        labels = np.concatenate([part.labels for part in sequences.parts.values()])
        counts = {
            "sequences": {name: len(part.labels) for name, part in sequences.parts.items()},
            "lengths": sequences.dims,
        }
        return Survey("sequences", counts, _count(labels, sequences.classes))
    raise DatasetError(
        f"{path}: neither windows (`labels`), utterances (`y`) nor sequences (`y_train`); the file holds {file.listing}"
    )


def _count(labels: npt.NDArray[np.int64], classes: Sequence[str]) -> dict[str, int]:
    return {name: int((labels == row).sum()) for row, name in enumerate(classes)}

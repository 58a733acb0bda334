"""The windows of a training, from a file of them or from recordings, and the folder that they belong to."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processors.datasets.recordings import LABELS_NAME, RecordingFolder, read_recordings
from processors.datasets.windows import WindowSet, read_windows, write_windows
from processors.errors import ModelError
from processors.modality import Modality
from processors.models.evaluation.model_report import LabelledRecordings
from processors.models.training.folder import DIGEST_SUFFIX, RunFolder
from processors.models.training.plan import RecordingPlan, TrainingPlan
from processors.models.training.recordings import ItemEncoder, ItemReader, digest_models, encode_recordings

__all__ = ["RecordingTools", "Told", "TrainingData", "load_data", "load_recordings", "load_windows"]

Told = Callable[[str], None]
"""Is told what comes next."""


@dataclass(frozen=True, slots=True)
class RecordingTools:
    """What turns media files into embeddings.

    Attributes:
        read: the items of a file.
        open_encoder: opens the models of a repository; called only if something has to be encoded.
    """

    read: ItemReader
    open_encoder: Callable[[Path], ItemEncoder]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingData:
    """What is learned from, and where to.

    Attributes:
        windows: all of them.
        sha256: of the file, or of table, media and subtitles of the recordings.
        folder: of this training.
        source: the recordings; None of a file of windows.
    """

    windows: WindowSet
    sha256: str
    folder: RunFolder
    source: LabelledRecordings | None = None


def load_data(plan: TrainingPlan, tools: RecordingTools, told: Told) -> TrainingData:
    """Read windows, or encode recordings, once per training.

    Raises:
        DatasetError: the data cannot be read.
        ModelError: the folder holds a training of something else, or the encoders are not there.
    """
    claim = {"configuration": plan.model_dump(mode="json", exclude={"out"}), **_digest_pretrained(plan)}
    if not plan.data.is_dir():
        return load_windows(plan.data, plan.out, claim)
    recordings = read_recordings(plan.data, plan.classes or None, plan.modalities)
    return load_recordings(recordings, plan.recordings, plan.modalities, plan.out, claim, tools, told)


def load_recordings(
    recordings: RecordingFolder,
    cutting: RecordingPlan,
    modalities: Sequence[Modality],
    out: Path,
    claim: Mapping[str, Any],
    tools: RecordingTools,
    told: Told,
) -> TrainingData:
    """Encode recordings for a training, once.

    Args:
        recordings: with labels or without.
        cutting: how they become windows.
        modalities: that are read.
        out: folder of the training, where the windows are kept.
        claim: what else the training is made of.
        tools: for recordings.
        told: is told which recording is next.

    Raises:
        DatasetError: a recording cannot be read.
        ModelError: the folder holds a training of something else, or the encoders are not there.
    """
    digest = _digest(recordings)
    made_of = {
        "recordings": cutting.model_dump(mode="json", exclude={"models"}),
        "classes": recordings.classes,
        "modalities": modalities,
        f"data{DIGEST_SUFFIX}": digest,
        f"models{DIGEST_SUFFIX}": digest_models(cutting.models),
    }
    folder = RunFolder(out, {**claim, **made_of})
    if not folder.holds_windows(made_of):
        encoder = tools.open_encoder(cutting.models)
        part = folder.path / "part.npz"
        write_windows(encode_recordings(recordings, cutting, encoder, tools.read, told), part)
        folder.keep_windows(part, made_of)
    # Always as they were written, rounded to float16: training that goes on sees what it saw before.
    return TrainingData(read_windows(folder.windows), digest, folder, LabelledRecordings(recordings, cutting))


def load_windows(data: Path, out: Path, claim: Mapping[str, Any]) -> TrainingData:
    """Read a set of windows for a training.

    Args:
        data: file of the set.
        out: folder of the training.
        claim: what else the training is made of.

    Raises:
        DatasetError: the set cannot be read.
        ModelError: the folder holds a training of something else.
    """
    windows = read_windows(data)
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    return TrainingData(windows, digest, RunFolder(out, {**claim, f"data{DIGEST_SUFFIX}": digest}))


def _digest_pretrained(plan: TrainingPlan) -> dict[str, str]:
    """The network that is begun from, by its contents; nothing where there is none."""
    path = plan.network.pretrained
    if path is None:
        return {}
    if not path.is_file():
        raise ModelError(f"network.pretrained is {path}, which is no file; expected one as `braid pretrain` writes it")
    return {"pretrained_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _digest(recordings: RecordingFolder) -> str:
    folder = recordings.path
    media = {
        path
        for recording in recordings.recordings
        for path in recording.path.parent.iterdir()
        if path.is_file() and path.stem == recording.path.stem
    }
    table = (folder / LABELS_NAME,) if recordings.is_labelled else ()
    digest = hashlib.sha256()
    for path in (*table, *sorted(media)):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

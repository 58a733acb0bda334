"""The windows of a training, from a file of them or from recordings, and the folder that they belong to."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from processors.datasets.recordings import LABELS_NAME, RecordingFolder, read_recordings
from processors.datasets.windows import WindowSet, read_windows, write_windows
from processors.errors import ModelError
from processors.models.training.folder import RunFolder
from processors.models.training.plan import TrainingPlan
from processors.models.training.recordings import ItemEncoder, ItemReader, digest_models, encode_recordings

__all__ = ["RecordingTools", "Told", "TrainingData", "load_data"]

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
    """

    windows: WindowSet
    sha256: str
    folder: RunFolder


def load_data(plan: TrainingPlan, tools: RecordingTools, told: Told) -> TrainingData:
    """Read windows, or encode recordings, once per training.

    Raises:
        DatasetError: the data cannot be read.
        ModelError: the folder holds a training of something else, or the encoders are not there.
    """
    claim = {"configuration": plan.model_dump(mode="json", exclude={"out"}), **_digest_pretrained(plan)}
    if not plan.data.is_dir():
        windows = read_windows(plan.data)
        digest = hashlib.sha256(plan.data.read_bytes()).hexdigest()
        return TrainingData(windows, digest, RunFolder(plan.out, claim | {"data_sha256": digest}))
    recordings = read_recordings(plan.data, plan.classes or None, plan.modalities)
    digest = _digest(recordings)
    made_of = {
        "recordings": plan.recordings.model_dump(mode="json", exclude={"models"}),
        "classes": recordings.classes,
        "modalities": plan.modalities,
        "data_sha256": digest,
        "models_sha256": digest_models(plan.recordings.models),
    }
    folder = RunFolder(plan.out, claim | made_of)
    if not folder.holds_windows(made_of):
        encoder = tools.open_encoder(plan.recordings.models)
        part = folder.path / "part.npz"
        write_windows(encode_recordings(recordings, plan.recordings, encoder, tools.read, told), part)
        folder.keep_windows(part, made_of)
    # Always as they were written, rounded to float16: training that goes on sees what it saw before.
    return TrainingData(read_windows(folder.windows), digest, folder)


def _digest_pretrained(plan: TrainingPlan) -> dict[str, str]:
    """The networks that are begun from, by their contents; nothing where there are none."""
    digests = []
    for path in dict.fromkeys(network.pretrained for network in plan.network.each):
        if path is None:
            continue
        if not path.is_file():
            raise ModelError(
                f"network.pretrained is {path}, which is no file; expected one as `braid pretrain` writes it"
            )
        digests.append(hashlib.sha256(path.read_bytes()).hexdigest())
    return {"pretrained_sha256": " ".join(digests)} if digests else {}


def _digest(recordings: RecordingFolder) -> str:
    folder = recordings.path
    media = {
        path
        for recording in recordings.recordings
        for path in recording.path.parent.iterdir()
        if path.is_file() and path.stem == recording.path.stem
    }
    digest = hashlib.sha256()
    for path in (folder / LABELS_NAME, *sorted(media)):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

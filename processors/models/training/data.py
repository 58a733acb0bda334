"""The windows of a training, from a file of them or from recordings, and the folder that they belong to."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.datasets.class_folders import read_data_folder
from processors.datasets.recordings import LABELS_NAME, RecordingFolder
from processors.datasets.windows import WindowSet, read_windows, write_windows
from processors.errors import DatasetError, ModelError
from processors.modality import Modality
from processors.models.evaluation.model_report import LabelledRecordings
from processors.models.hub.checkpoint import find_checkpoint
from processors.models.training.encoder_tuning import tune_encoders
from processors.models.training.folder import DIGEST_SUFFIX, ModelFolder, RunFolder
from processors.models.training.plan import RecordingPlan, TrainingPlan
from processors.models.training.recordings import (
    ItemEncoder,
    ItemReader,
    cut_recordings,
    digest_models,
    encode_recordings,
)
from processors.models.training.selection import refuse_unlearnable, select
from processors.models.training.tuned_encoder import PartlyTuned

__all__ = [
    "RecordingTools",
    "Told",
    "TrainingData",
    "Tuning",
    "load_data",
    "load_recordings",
    "load_windows",
    "read_tuned",
]

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
        encoders: modality -> what is told of the encoder that was tuned.
        joint: what came of learning together with the network; nothing where it was not wanted.
    """

    windows: WindowSet
    sha256: str
    folder: RunFolder
    source: LabelledRecordings | None = None
    encoders: Mapping[Modality, Mapping[str, Any]] = field(default_factory=dict)
    joint: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tuning:
    """Encoders that learn before they encode the windows.

    Attributes:
        tune: makes another encoder of the one that was opened.
        made_with: what it depends on.
        place: where encoders and windows are kept in the folder of the training.
    """

    tune: Callable[[RunFolder, ItemEncoder], ItemEncoder]
    made_with: Mapping[str, Any]
    place: Callable[[RunFolder], ModelFolder]


def load_data(plan: TrainingPlan, tools: RecordingTools, told: Told, *, is_shown: bool = False) -> TrainingData:
    """Read windows, or encode recordings, once per training, by encoders that learned from them if that is wanted.

    Raises:
        DatasetError: the data cannot be read, or an encoder cannot learn from it.
        ModelError: the folder holds a training of something else, or the encoders are not there.
    """
    learning = plan.encoders.learning
    claim = {"configuration": plan.model_dump(mode="json", exclude={"out"}), **_digest_pretrained(plan)}
    if not plan.data.is_dir():
        if learning and plan.data.exists():
            modality, own = next(iter(learning.items()))
            raise DatasetError(
                f"{plan.data}: encoders.{modality}.transfer is {own.transfer}, but windows hold embeddings, from which "
                "no encoder can learn, by itself or together with the network; name a folder of recordings, or leave "
                "it frozen"
            )
        return load_windows(plan.data, plan.out, claim)
    recordings = read_data_folder(plan.data, plan.classes or None, plan.modalities)
    if not learning:
        return load_recordings(recordings, plan.recordings, plan.modalities, plan.out, claim, tools, told)

    def tune(folder: RunFolder, encoder: ItemEncoder) -> ItemEncoder:
        _tune(plan, recordings, folder, tools, told, is_shown=is_shown)
        kept = _place(plan, folder)
        return PartlyTuned(encoder, {modality: kept.encoder(modality) for modality in learning})

    made_with = {
        "encoders": plan.encoders.model_dump(mode="json"),
        "split": {"seed": plan.seed, **plan.split.model_dump(mode="json")},
    }
    tuning = Tuning(tune, made_with, lambda folder: _place(plan, folder))
    data = load_recordings(recordings, plan.recordings, plan.modalities, plan.out, claim, tools, told, tuning=tuning)
    return replace(data, encoders=read_tuned(_place(plan, data.folder), learning))


def read_tuned(folder: ModelFolder, modalities: Iterable[Modality]) -> dict[Modality, Mapping[str, Any]]:
    """What is told of the encoders of these modalities that were tuned.

    Raises:
        ModelError: one is not there.
    """
    return {modality: find_checkpoint(str(folder.encoder(modality))).config for modality in modalities}


def load_recordings(
    recordings: RecordingFolder,
    cutting: RecordingPlan,
    modalities: Sequence[Modality],
    out: Path,
    claim: Mapping[str, Any],
    tools: RecordingTools,
    told: Told,
    *,
    tuning: Tuning | None = None,
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
        tuning: of the encoders, before they encode.

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
    if tuning is not None:
        made_of |= tuning.made_with
    folder = RunFolder(out, {**claim, **made_of})
    kept = folder if tuning is None else tuning.place(folder)
    if not kept.holds_windows(made_of):
        encoder = tools.open_encoder(cutting.models)
        if tuning is not None:
            encoder = tuning.tune(folder, encoder)
        part = kept.path / "part.npz"
        write_windows(encode_recordings(recordings, cutting, encoder, tools.read, told), part)
        kept.keep_windows(part, made_of)
    # Always as they were written, rounded to float16: training that goes on sees what it saw before.
    return TrainingData(read_windows(kept.windows), digest, folder, LabelledRecordings(recordings, cutting))


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


def _tune(
    plan: TrainingPlan,
    recordings: RecordingFolder,
    folder: RunFolder,
    tools: RecordingTools,
    told: Told,
    *,
    is_shown: bool,
) -> None:
    """Tune encoders on the recordings that the network will learn from, and on no other."""
    told("looking at what the recordings have")
    nothing = dict.fromkeys(Modality, 1)
    outline = cut_recordings(recordings, plan.recordings, _stand_in, nothing, tools.read, lambda _place: None)
    selection = select(outline, plan, str(plan.data))
    split = selection.split(plan)
    refuse_unlearnable(selection.parts(split), selection.shape(plan), str(plan.data))
    tune_encoders(plan, recordings, split, folder, _place(plan, folder), tools.read, told, is_shown=is_shown)


def _place(plan: TrainingPlan, folder: RunFolder) -> ModelFolder:
    return folder.apart if plan.joint.epochs else folder


def _stand_in(_: Modality, payloads: list[bytes]) -> npt.NDArray[np.float32]:
    """What stands for items where it matters only which there are."""
    return np.zeros((len(payloads), 1), np.float32)


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
    table = [folder / LABELS_NAME] if recordings.is_labelled and (folder / LABELS_NAME).exists() else []
    digest = hashlib.sha256()
    for path in (*table, *sorted(media)):
        digest.update(f"{path.relative_to(folder)}\0".encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()

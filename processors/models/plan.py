"""What a model repository is built from, where it is not what is shipped. Read without any framework."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from processors.modality import Modality

__all__ = ["Device", "Instances", "ModelPlan", "PromptPlan"]


class Device(StrEnum):
    """Where networks run."""

    AUTO = "auto"
    """On the GPUs of the server, if it has any."""
    GPU = "gpu"
    """On GPUs; a server without one refuses the model."""
    TENSORRT = "tensorrt"
    """On GPUs, by TensorRT as far as it knows a graph's operators, by CUDA for the rest."""
    CPU = "cpu"
    """On the CPU, also where there is a GPU."""


@dataclass(frozen=True, slots=True)
class Instances:
    """How many copies of each network a server runs, and where; tokenizers run once, on the CPU.

    Attributes:
        count: on each GPU, or on the CPU.
        device: where.
    """

    count: int = 1
    device: Device = Device.AUTO


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """Event classes that are given as texts.

    Attributes:
        classes: class -> texts that describe it, at least one.
        background: texts that describe anything, at least one.
        threshold: probability from which a class counts as an event.
    """

    classes: Mapping[str, tuple[str, ...]]
    background: tuple[str, ...]
    threshold: float


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """Which networks a repository serves; None is the shipped one.

    Attributes:
        fusion: file of a trained fusion model, as `save_trained` writes it, or an ONNX graph that takes and gives what
            is served.
        video: checkpoint of the frame encoder, a folder or a name that its library knows; the others alike.
        audio: of the audio encoder.
        transcript: of the text encoder.
        prompts: texts that take the place of a trained fusion model.
        raw: modality whose items the fusion model takes as they are decoded, with the encoder inside -> how many of a
            window.
        instances: how often each network runs, and where.
    """

    fusion: Path | None = None
    video: str | None = None
    audio: str | None = None
    transcript: str | None = None
    prompts: PromptPlan | None = None
    raw: Mapping[Modality, int] = field(default_factory=dict)
    instances: Instances = Instances()

    def checkpoint_of(self, modality: Modality) -> str | None:
        """The checkpoint of a modality's encoder."""
        return {Modality.VIDEO: self.video, Modality.AUDIO: self.audio, Modality.TRANSCRIPT: self.transcript}[modality]

    def identity(self) -> dict[str, str]:
        """What is not shipped, and what it holds: another identity, another repository.

        A fusion model is known by its file's contents, wherever the file lies; a checkpoint by its name and, where it
        is a folder, by names, sizes and times of its files.
        """
        found = {}
        if self.fusion is not None:
            found["fusion"] = _digest(self.fusion)
        if self.prompts is not None:
            prompts = self.prompts
            found["prompts"] = json.dumps([list(prompts.classes.items()), prompts.background, prompts.threshold])
        for modality in Modality:
            if (checkpoint := self.checkpoint_of(modality)) is not None:
                found[modality.value] = f"{checkpoint} {_list_files(Path(checkpoint).expanduser())}".strip()
        if self.raw:
            found["raw"] = json.dumps({modality.value: count for modality, count in sorted(self.raw.items())})
        if self.instances != Instances():
            found["instances"] = f"{self.instances.count} {self.instances.device}"
        return found


def _digest(path: Path) -> str:
    """Of a file's contents; whoever builds from it says that it is missing."""
    try:
        with path.open("rb") as file:
            return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _list_files(folder: Path) -> str:
    if not folder.is_dir():
        return ""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    stats = [(path.relative_to(folder).as_posix(), path.stat()) for path in files]
    listing = "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in stats)
    return f"sha256 {hashlib.sha256(listing.encode()).hexdigest()}"

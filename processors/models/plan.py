"""What a model repository is built from, where it is not what is shipped. Read without any framework."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from processors.modality import Modality

__all__ = ["ModelPlan"]


@dataclass(frozen=True, slots=True)
class ModelPlan:
    """Which networks a repository serves; None is the shipped one.

    Attributes:
        fusion: file of a trained fusion model, as `save_trained` writes it.
        video: checkpoint of the frame encoder, a folder or a name that its library knows; the others alike.
        audio: of the audio encoder.
        transcript: of the text encoder.
    """

    fusion: Path | None = None
    video: str | None = None
    audio: str | None = None
    transcript: str | None = None

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
        for modality in Modality:
            if (checkpoint := self.checkpoint_of(modality)) is not None:
                found[modality.value] = f"{checkpoint} {_list_files(Path(checkpoint))}".strip()
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

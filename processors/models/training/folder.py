"""The folder of one training: what lies where in it, and whose it is."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from processors.errors import ModelError
from processors.modality import Modality

__all__ = ["DIGEST_SUFFIX", "ModelFolder", "RunFolder"]

DIGEST_SUFFIX: Final = "_sha256"
"""Of the keys of a claim whose value is a digest."""

_CLAIM: Final = "run.json"
_WINDOWS_CLAIM: Final = "windows.json"
_SHOWN: Final = (str, int, float)


class ModelFolder:
    """A model, the encoders that were tuned for it, and the windows that it learned from.

    Args:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def holds_windows(self, made_of: Mapping[str, Any]) -> bool:
        """Whether `windows` is there, and was made of this."""
        return self.windows.exists() and self.read(_WINDOWS_CLAIM) == json.loads(json.dumps(made_of))

    def keep_windows(self, part: Path, made_of: Mapping[str, Any]) -> None:
        """Put a file of the same folder in the place of `windows`, and remember what it was made of."""
        self.windows.unlink(missing_ok=True)
        self.write(_WINDOWS_CLAIM, _as_text(made_of))
        part.replace(self.windows)

    def take(self, other: "ModelFolder", modalities: Iterable[Modality]) -> None:
        """Copy the windows of another folder, and its encoders of these modalities."""
        for modality in modalities:
            part = self.path / f".{modality}_encoder.part"
            shutil.rmtree(part, ignore_errors=True)
            shutil.copytree(other.encoder(modality), part)
            shutil.rmtree(self.encoder(modality), ignore_errors=True)
            part.rename(self.encoder(modality))
        part = self.path / "part.npz"
        shutil.copyfile(other.windows, part)
        self.keep_windows(part, other.read(_WINDOWS_CLAIM))

    @property
    def weights(self) -> Path:
        """The trained model."""
        return self.path / "fusion.safetensors"

    @property
    def windows(self) -> Path:
        """The windows of encoded recordings."""
        return self.path / "windows.npz"

    def encoder(self, modality: Modality) -> Path:
        """The folder of an encoder that was tuned."""
        return self.path / f"{modality}_encoder"

    def read(self, name: str) -> Any:
        """The tree in a file of JSON; None where there is none.

        Raises:
            ModelError: the file is damaged.
        """
        try:
            return json.loads((self.path / name).read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise ModelError(f"{self.path / name} is damaged ({error}); name another folder (`out`)") from error

    def write(self, name: str, text: str) -> Path:
        """Write a file that is there whole or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        part = self.path / f".{name}.part"
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return part.replace(self.path / name)


class RunFolder(ModelFolder):
    """The folder of a training, made where it is not there.

    Args:
        path: of the folder.
        claim: what the training is made of; all of it decides what comes out.

    Raises:
        ModelError: a training of something else is in the folder already.
    """

    def __init__(self, path: Path, claim: Mapping[str, Any]) -> None:
        super().__init__(path)
        path.mkdir(parents=True, exist_ok=True)
        self._claim = json.loads(json.dumps(claim))
        found = self.read(_CLAIM)
        if found is None and self.checkpoints.exists():
            raise ModelError(
                f"{self.checkpoints} is there, but no {_CLAIM} that says what was learned from; name another folder "
                "(`out`), or remove this one"
            )
        if found is not None and (different := sorted(_differences(found, self._claim))):
            raise ModelError(
                f"{path} holds a training with another {', '.join(different)}; name another folder (`out`), or remove "
                "this one"
            )

    def claim(self) -> None:
        """Take the folder for this training, which can now begin."""
        self.write(_CLAIM, _as_text(self._claim))

    @property
    def checkpoints(self) -> Path:
        """Where the loop keeps what a crash must not lose, and TensorBoard's events."""
        return self.path / "checkpoints"

    @property
    def apart(self) -> ModelFolder:
        """What there was before encoders and network learned together; only where they do."""
        return ModelFolder(self.checkpoints / "apart")

    @property
    def together(self) -> ModelFolder:
        """What they became together."""
        return ModelFolder(self.checkpoints / "together")


def _as_text(tree: Mapping[str, Any]) -> str:
    return json.dumps(tree, indent=2) + "\n"


def _differences(found: Any, own: Any, path: tuple[str, ...] = ()) -> list[str]:
    """The keys, dotted, in which two trees differ, with both values where they tell a person something."""
    if isinstance(found, dict) and isinstance(own, dict):
        return [
            key
            for name in found.keys() | own.keys()
            for key in _differences(found.get(name), own.get(name), (*path, name))
        ]
    if found == own:
        return []
    key = ".".join(path) or "content"
    is_shown = isinstance(found, _SHOWN) and isinstance(own, _SHOWN) and not key.endswith(DIGEST_SUFFIX)
    return [f"{key} ({json.dumps(found)} there, {json.dumps(own)} now)" if is_shown else key]

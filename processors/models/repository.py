"""The version folders of one model in a Triton repository: `REPOSITORY/MODEL/N/`."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from processors.errors import ModelError

__all__ = ["GRAPH_NAME", "add_version", "graph_of", "remove_version", "versions_of"]

GRAPH_NAME: Final = "model.onnx"
"""The file of a version that `backend: "onnxruntime"` loads."""

_INCOMING: Final = ".incoming-"
_REMOVED: Final = ".removed-"
_READABLE: Final = 0o755


def versions_of(model: Path) -> list[int]:
    """The versions in a model's folder, in order; none where there is no such folder.

    Args:
        model: `REPOSITORY/MODEL`.
    """
    if not model.is_dir():
        return []
    return sorted(int(path.name) for path in model.iterdir() if path.name.isdecimal() and path.is_dir())


def graph_of(source: Path) -> Path:
    """The ONNX file that a person means: the file itself, or `model.onnx` in a folder."""
    return source / GRAPH_NAME if source.is_dir() else source


def add_version(model: Path, version: int, source: Path) -> None:
    """Copies a version into the repository; its folder appears whole or not at all.

    Args:
        model: `REPOSITORY/MODEL`.
        version: its number.
        source: an ONNX file, or a folder with `model.onnx` and what belongs to it, such as its external data.

    Raises:
        ModelError: it cannot be copied, or the number is taken.
    """
    target = model / str(version)
    try:
        incoming = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=model))
        try:
            if source.is_dir():
                shutil.copytree(source, incoming, copy_function=shutil.copyfile, dirs_exist_ok=True)
            else:
                shutil.copyfile(source, incoming / GRAPH_NAME)
            incoming.chmod(_READABLE)  # the server may run as somebody else
            os.rename(incoming, target)  # noqa: PTH104 - fails, where Path.rename may replace, if it is there
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
    except OSError as error:
        raise ModelError(f"{source} cannot be copied to {target}: {error}") from error


def remove_version(model: Path, version: int) -> None:
    """Takes a version out of the repository; one that is not there is removed already.

    Raises:
        ModelError: it cannot be removed.
    """
    target = model / str(version)
    try:
        removed = Path(tempfile.mkdtemp(prefix=_REMOVED, dir=model))
        try:
            if target.exists():
                target.rename(removed / target.name)
        finally:
            shutil.rmtree(removed)
    except OSError as error:
        raise ModelError(f"{target} cannot be removed: {error}") from error

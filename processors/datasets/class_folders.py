"""Folders of sounds by class as recordings: each file is one event from its beginning to its end.

See `processors.datasets.sounds` for the form of such a folder. Files that were cut from one recording, as the names of
ESC-50 and ESC-10 tell (`1-100032-A.flac` and `1-100032-B.flac`), belong together: no set is split between them.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from processors.datasets.recordings import (
    LABELS_NAME,
    MEDIA_SUFFIXES,
    RecordingFolder,
    TimedEvent,
    probe_recording,
    read_recordings,
)
from processors.datasets.sounds import list_sounds
from processors.errors import DatasetError
from processors.modality import Modality

__all__ = ["is_class_folders", "read_class_folders", "read_data_folder"]

_CUT: Final = re.compile(r"(\d+-\d+)-")


def is_class_folders(folder: Path) -> bool:
    """Whether a folder has folders but no table, and no recording beside them."""
    return (
        folder.is_dir()
        and not (folder / LABELS_NAME).exists()
        and any(path.is_dir() and not path.name.startswith(".") for path in folder.iterdir())
        and not any(path.suffix.lower() in MEDIA_SUFFIXES for path in folder.iterdir())
    )


def read_class_folders(
    folder: Path, classes: Sequence[str] | None = None, needed: Collection[Modality] = ()
) -> RecordingFolder:
    """Read a folder of class folders; no sound is decoded.

    Args:
        folder: holds one folder per class.
        classes: those to learn, files of the others being examples of none of them; None for all.
        needed: modalities that at least one file must have.

    Raises:
        DatasetError: naming the folder or file: there are fewer than two classes, one has no sound or is not there, a
            file cannot be read, no file has a modality that is needed.
    """
    sounds = list_sounds(folder)
    if missing := [name for name in classes or () if name not in sounds.classes]:
        raise DatasetError(f"{folder} has no folder of the class {missing[0]!r}; it has {', '.join(sounds.classes)}")
    chosen = tuple(classes or sounds.classes)
    recordings = []
    for clip in sounds.clips:
        found, name = probe_recording(clip.path), sounds.classes[clip.label]
        cut = _CUT.match(clip.path.name)
        events = (TimedEvent(name, 0, found.duration_ms),) if name in chosen else ()
        recordings.append(replace(found, events=events, group=cut[1] if cut else None))
    read = RecordingFolder(folder, chosen, tuple(recordings))
    read.require(needed)
    return read


def read_data_folder(
    folder: Path, classes: Sequence[str] | None = None, needed: Collection[Modality] = ()
) -> RecordingFolder:
    """Read recordings with a table, or sounds in folders by class.

    Raises:
        DatasetError: as `read_recordings` or `read_class_folders`.
    """
    read = read_class_folders if is_class_folders(folder) else read_recordings
    return read(folder, classes, needed)

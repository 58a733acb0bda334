"""Folders of sounds by class: `FOLDER/CLASS/FILE`, any sample rate and number of channels.

    sounds/
      Dog_bark/      1-100032-A.flac  1-110389-A.flac  …
      Rain/          kitchen-roof.wav  …

The name of a folder is the name of its class. Files are WAV, FLAC, Ogg or MP3; hidden files and files with other
endings are passed over. A file named as in ESC-50 and ESC-10 (`1-100032-A.flac`) belongs to the group that its first
digit tells: these folds keep what was cut from one recording together. Any other file is a group of its own.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.audio import decode_recording, resample
from processors.errors import DatasetError, DecodeError

__all__ = ["FOLD_GROUP", "SoundClip", "SoundFolder", "list_sounds", "plain_name", "read_sound"]

_SUFFIXES: Final = frozenset({".wav", ".flac", ".ogg", ".mp3"})
_MAX_DECODED_BYTES: Final = 256_000_000
"""Twelve minutes of stereo at 44.1 kHz: a longer file is a recording to be cut into clips first."""

FOLD_GROUP: Final = "fold "
"""How the name of a group begins that is a fold."""

_FOLD: Final = re.compile(r"(\d)-\d+")


@dataclass(frozen=True, slots=True)
class SoundClip:
    """One sound file.

    Attributes:
        path: of the file.
        label: number of its class in `SoundFolder.classes`.
        group: what must not be split between learning and judging: a fold, or the file itself.
    """

    path: Path
    label: int
    group: str


@dataclass(frozen=True, slots=True)
class SoundFolder:
    """What a folder of class folders holds, not yet decoded.

    Attributes:
        path: of the folder.
        classes: names of its class folders, in order.
        clips: in order of class and name, at least one of each class.
    """

    path: Path
    classes: tuple[str, ...]
    clips: tuple[SoundClip, ...]


def list_sounds(folder: Path) -> SoundFolder:
    """Find the classes and clips of a folder, without opening the files.

    Args:
        folder: holds one folder per class.

    Raises:
        DatasetError: there is no such folder, it holds fewer than two class folders, or one of them has no sound.
    """
    if not folder.is_dir():
        raise DatasetError(
            f"{folder} is {'a file' if folder.exists() else 'not there'}; expected a folder with one folder of sounds "
            "per class"
        )
    rooms = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(rooms) < 2:
        found = f"only the class folder {rooms[0].name!r}" if rooms else "no class folder"
        raise DatasetError(
            f"{folder} holds {found}; expected at least two, such as {folder.name}/rain/*.wav and "
            f"{folder.name}/dog_bark/*.wav"
        )
    clips: list[SoundClip] = []
    for label, room in enumerate(rooms):
        files = sorted(path for path in room.iterdir() if _is_sound(path))
        if not files:
            raise DatasetError(
                f"class {room.name!r} is empty: {room} holds no file that ends in {', '.join(sorted(_SUFFIXES))}; "
                "add sounds or remove the folder"
            )
        clips += [SoundClip(path, label, _group(path)) for path in files]
    return SoundFolder(folder, tuple(room.name for room in rooms), tuple(clips))


def read_sound(path: Path, sample_rate_hz: int) -> npt.NDArray[np.float32]:
    """Decode one file.

    Args:
        path: of a WAV, FLAC, Ogg or MP3 file, told by its first bytes, whatever its name ends in.
        sample_rate_hz: the rate wanted.

    Returns:
        float32 [T] mono -1..1, T at least 1.

    Raises:
        DatasetError: the file cannot be read or decoded, or holds no samples.
    """
    try:
        pcm = decode_recording(path.read_bytes(), max_decoded_bytes=_MAX_DECODED_BYTES)
    except (OSError, DecodeError) as error:
        raise DatasetError(f"{path} cannot be used: {error}; replace the file or remove it") from error
    samples = resample(pcm, sample_rate_hz).samples
    if not len(samples):
        raise DatasetError(
            f"{path} holds {len(pcm.samples)} samples at {pcm.sample_rate_hz} Hz, none at {sample_rate_hz} Hz; "
            "remove the file"
        )
    return samples


def plain_name(name: str) -> str:
    """The name of a class in one spelling: `001 - Dog bark` and `Dog-Bark` are both `dog_bark`."""
    words = re.sub(r"[\W_]+", "_", name.lower()).strip("_")
    return re.sub(r"^\d+_", "", words)


def _is_sound(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")


def _group(path: Path) -> str:
    fold = _FOLD.match(path.name)
    return f"{FOLD_GROUP}{fold.group(1)}" if fold else str(path)

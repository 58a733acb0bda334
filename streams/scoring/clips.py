"""The recordings that paths name: media files, and folders of pictures that are frames of one clip."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final, Protocol

import cv2
import numpy as np

from processors.models.observing import ItemEncoders, Observed, TimedPicture, observe
from streams.errors import ConfigurationError, MediaError
from streams.ingest import MediaFile, ReadOptions, open_media
from streams.ingest.picture import PictureLane, shown_pixels
from streams.scoring.beside import SOUNDS, Heard, find_sound

__all__ = ["Clip", "find_clips"]

_VIDEOS: Final = frozenset({".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts"})
_MEDIA: Final = _VIDEOS | frozenset(SOUNDS)
_PICTURES: Final = frozenset({".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".pgm", ".webp"})
_TRUTH: Final = "_gt"
"""Folders of pixel masks beside the clips of a benchmark end so."""
_BOX_PX: Final = (640, 640)
_MAX_PICTURE_FPS: Final = Fraction(10)
_DIGITS: Final = re.compile(r"(\d+)")


class Clip(Protocol):
    """One recording."""

    @property
    def name(self) -> str:
        """By which it is told; no two of one command have the same."""

    def observe(self, encoders: ItemEncoders, start_ms: int) -> Observed:
        """See, hear and read it from its beginning, at `start_ms`, to its end.

        Raises:
            MediaError: it cannot be read; names it.
        """


def find_clips(paths: Sequence[Path], fps: Fraction | None) -> list[Clip]:
    """The recordings of files and folders, those of a folder in order of name.

    A folder that holds pictures is one clip; other folders are looked through for media files and such folders. Hidden
    files and folders, and those with pixel masks (`…_gt`), are passed over.

    Args:
        paths: as given.
        fps: frames per second that are read of a video at most, and that pictures are apart; None: at most 10, and 10.

    Raises:
        ConfigurationError: there is no such path, a folder without recordings, or the same recording twice.
        MediaError: a file is no media; names it.
    """
    clips: list[Clip] = []
    for path in paths:
        if not path.exists():
            raise ConfigurationError(f"{path} does not exist; check the path", code="configuration.recordings")
        found = list(_clips_of(path, fps))
        if not found:
            raise ConfigurationError(
                f"{path} holds no recording: no file that ends in {', '.join(sorted(_MEDIA))}, and no folder of "
                f"pictures ({', '.join(sorted(_PICTURES))}); name files, or another folder",
                code="configuration.recordings",
            )
        clips += found
    names = [clip.name for clip in clips]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(f"{twice[0]} is given twice; name it once", code="configuration.recordings")
    return clips


def _clips_of(path: Path, fps: Fraction | None) -> Iterator[Clip]:
    if path.is_file():
        if path.suffix.lower() in _PICTURES:
            raise ConfigurationError(
                f"{path} is a single picture; name the folder of its clip", code="configuration.recordings"
            )
        media = open_media(path)
        yield MediaClip(str(path), media, fps, Heard.of_media(media))
        return
    entries = sorted((each for each in path.iterdir() if not each.name.startswith(".")), key=_in_order)
    pictures = tuple(each for each in entries if each.suffix.lower() in _PICTURES and each.is_file())
    if pictures:
        yield PictureClip(str(path), pictures, fps or _MAX_PICTURE_FPS, Heard.of_pictures(path))
    sounds_of_pictures = {find_sound(entry) for entry in entries if entry.is_dir() and _holds_pictures(entry)}
    for entry in entries:
        is_folder = entry.is_dir() and not entry.name.lower().endswith(_TRUTH)
        is_media = entry.is_file() and entry.suffix.lower() in _MEDIA and entry.absolute() not in sounds_of_pictures
        if is_folder or is_media:
            yield from _clips_of(entry, fps)


def _holds_pictures(folder: Path) -> bool:
    return any(
        each.suffix.lower() in _PICTURES and not each.name.startswith(".") and each.is_file()
        for each in folder.iterdir()
    )


def _in_order(path: Path) -> tuple[tuple[tuple[int, str], ...], str]:
    """Numbers in names count as numbers: 2.png comes before 10.png."""
    pieces = _DIGITS.split(path.name.lower())
    return tuple((int(piece), "") if piece.isdecimal() else (-1, piece) for piece in pieces if piece), path.name


@dataclass(frozen=True, slots=True)
class MediaClip:
    """A media file with what is in it, and the words beside it."""

    name: str
    media: MediaFile
    fps: Fraction | None
    heard: Heard

    def observe(self, encoders: ItemEncoders, start_ms: int) -> Observed:
        """See `Clip.observe`."""
        sound = self.heard.sound()
        observed = observe(encoders, self._pictures(start_ms), sound, self.heard.lines(start_ms), start_ms=start_ms)
        if not observed.frames and sound is None and not observed.segments:
            raise MediaError(
                f"nothing of {self.name} can be decoded: picture and sound are damaged from the beginning on; leave it "
                "out, or give a whole file",
                code="media.damaged",
            )
        return observed

    def _pictures(self, start_ms: int) -> Iterator[TimedPicture]:
        if self.media.video is None:
            return
        options = ReadOptions(fps=self.fps or _MAX_PICTURE_FPS, box_px=_BOX_PX)
        for at_ms, frame in PictureLane(self.media, self.media.video, options).frames():
            yield start_ms + at_ms, shown_pixels(frame, _BOX_PX, "rgb24")


@dataclass(frozen=True, slots=True)
class PictureClip:
    """A folder of pictures, the frames of one clip at an even rate, and the sound and words beside it.

    It is as long as its pictures; what is heard or said after them is left out.
    """

    name: str
    pictures: tuple[Path, ...]
    fps: Fraction
    heard: Heard

    def observe(self, encoders: ItemEncoders, start_ms: int) -> Observed:
        """See `Clip.observe`."""
        end_ms = start_ms + int(len(self.pictures) * 1000 / self.fps)
        sound, lines = self.heard.sound(), self.heard.lines(start_ms)
        return observe(encoders, self._read(start_ms), sound, lines, start_ms=start_ms, end_ms=end_ms)

    def _read(self, start_ms: int) -> Iterator[TimedPicture]:
        for number, path in enumerate(self.pictures):
            pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
            if pixels is None:
                raise MediaError(
                    f"{path} is no picture that can be read; mend or remove it, or leave {self.name} out",
                    code="media.picture",
                )
            yield start_ms + int(number * 1000 / self.fps), np.ascontiguousarray(pixels[:, :, ::-1])

"""What a media file holds: its tracks, their common origin and how long they last."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from processors.modality import Modality

__all__ = ["MediaFile", "SoundTrack", "VideoTrack", "WordTrack"]


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The picture that is read.

    Attributes:
        index: of the stream in the file.
        width_px: width as stored.
        height_px: height as stored.
        fps: average frames per second, or None where the file does not tell.
    """

    index: int
    width_px: int
    height_px: int
    fps: Fraction | None


@dataclass(frozen=True, slots=True)
class SoundTrack:
    """The sound that is read.

    Attributes:
        index: of the stream in the file.
        rate_hz: samples per second as stored.
        channels: as stored.
    """

    index: int
    rate_hz: int
    channels: int


@dataclass(frozen=True, slots=True)
class WordTrack:
    """The subtitles that are read.

    Attributes:
        path: the media file itself, or the subtitle file beside it.
        index: of the stream in that file.
        language: as the file tells it (ISO 639), or None.
        origin_s: time stamp in that file of the beginning of the time line.
    """

    path: Path
    index: int
    language: str | None
    origin_s: Fraction


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A media file and what is read of it.

    Attributes:
        path: of the file.
        origin_s: earliest time stamp of picture and sound: the beginning of the time line. Shared by all tracks: an
            offset between picture and sound stays.
        duration_ms: length of the time line as the file states or FFmpeg estimates it.
        states_duration: whether the file itself states it, so that a missing end can be told.
        video: the picture, or None.
        sound: the sound, or None.
        words: the subtitles, or None.
    """

    path: Path
    origin_s: Fraction
    duration_ms: int
    states_duration: bool
    video: VideoTrack | None
    sound: SoundTrack | None
    words: WordTrack | None

    @property
    def modalities(self) -> frozenset[Modality]:
        """What the file holds."""
        tracks = {Modality.VIDEO: self.video, Modality.AUDIO: self.sound, Modality.TRANSCRIPT: self.words}
        return frozenset(modality for modality, track in tracks.items() if track is not None)

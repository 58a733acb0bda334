"""Sound and words of a recording, also of files beside it under the same name."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Self

import numpy as np
import numpy.typing as npt
import orjson
from pydantic import Field, ValidationError

from processors.models.observing import Line
from processors.transcript import Segment
from streams.errors import MediaError
from streams.ingest import MediaFile, ReadOptions, open_media
from streams.ingest.sound import SOUND_RATE_HZ, SoundLane
from streams.ingest.words import read_segments

__all__ = ["SOUNDS", "Heard", "find_sound"]

SOUNDS: Final = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac")
_SUBTITLES: Final = (".vtt", ".srt")
_TRANSCRIPT: Final = ".transcript.jsonl"
"""More than `.jsonl`: what `braid score --json` writes is often kept beside the recording."""
_FULL_SCALE: Final = 32768


class _TimedSegment(Segment):
    """A line of a transcript: a segment as recognisers send it to Kafka, with its start in the recording."""

    start_ms: Annotated[int, Field(ge=0, le=2**53)]


@dataclass(frozen=True, slots=True)
class Heard:
    """What there is to hear and read with a recording.

    Attributes:
        media: with sound, words or both; None without either.
        transcript: of lines of JSON, where the media has no words.
    """

    media: MediaFile | None
    transcript: Path | None

    @classmethod
    def of_media(cls, media: MediaFile) -> Self:
        """Of a media file."""
        return cls(media, None if media.words is not None else _find(media.path, [_TRANSCRIPT]))

    @classmethod
    def of_pictures(cls, folder: Path) -> Self:
        """Of a folder of pictures.

        Raises:
            MediaError: what lies beside it is no media; names it.
        """
        path = find_sound(folder) or _find(folder, _SUBTITLES)
        if path is not None:
            return cls.of_media(open_media(path))
        return cls(None, _find(folder, [_TRANSCRIPT]))

    def sound(self) -> npt.NDArray[np.float32] | None:
        """From the beginning of the time line on; silence where the file has none."""
        if self.media is None or self.media.sound is None:
            return None
        chunks = list(SoundLane(self.media, self.media.sound).records())
        if not chunks:
            return None
        last = chunks[-1]
        sound = np.zeros(last.start_ms * SOUND_RATE_HZ // 1000 + last.samples, np.float32)
        for chunk in chunks:
            first = chunk.start_ms * SOUND_RATE_HZ // 1000
            samples = np.frombuffer(chunk.payload, "<i2")[: len(sound) - first]
            sound[first : first + len(samples)] = samples.astype(np.float32) / _FULL_SCALE
        return sound

    def lines(self, start_ms: int) -> list[Line]:
        """What is said in a recording that begins at `start_ms`.

        Raises:
            MediaError: it cannot be read; names file and line.
        """
        longest_ms = ReadOptions().max_segment_ms
        if self.media is not None and self.media.words is not None:
            segments = read_segments(self.media, self.media.words, longest_ms)
            return [
                (start_ms + each.start_ms, start_ms + each.end_ms, str(orjson.loads(each.payload)["text"]))
                for each in segments
            ]
        if self.transcript is None:
            return []
        said = [each for each in _read_transcript(self.transcript) if each.text.strip()]
        return [
            (begin_ms, begin_ms + min(max(each.duration_ms or 0, 1), longest_ms), each.text.strip())
            for each in sorted(said, key=lambda each: each.start_ms)
            for begin_ms in (start_ms + each.start_ms,)
        ]


def find_sound(folder: Path) -> Path | None:
    """The sound beside a folder of pictures."""
    return _find(folder, SOUNDS)


def _find(path: Path, endings: Iterable[str]) -> Path | None:
    """The first file beside a file or folder that has its name with one of the endings."""
    here = path.absolute()
    name = here.name if here.is_dir() else here.stem
    return next((each for ending in endings if (each := here.with_name(name + ending)).is_file()), None)


def _read_transcript(path: Path) -> list[_TimedSegment]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise MediaError(f"the transcript {path} is not UTF-8: {error}; convert it", code="media.subtitles") from error
    segments = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                segments.append(_TimedSegment.model_validate_json(line))
            except ValidationError as error:
                fault = error.errors(include_url=False, include_context=False)[0]
                where = ".".join(map(str, fault["loc"])) or "the line"
                raise MediaError(
                    f"{path}:{number}: {where}: {fault['msg']}; expected one object a line, "
                    '{"start_ms": number, "text": string, "duration_ms"?, "language"?, "confidence"?, "speaker"?, '
                    '"words"?}',
                    code="media.subtitles",
                ) from error
    return segments

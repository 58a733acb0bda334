"""Tiny media files, made by FFmpeg on the spot."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from processors.modality import Modality
from streams.ingest import MediaFile, Reading, ReadOptions, TimedRecord, open_media, read_items

Cue = tuple[int, int, str]
PEAK = 16_000


def srt(cues: Sequence[Cue]) -> str:
    def moment(time_ms: int) -> str:
        return f"{time_ms // 3_600_000:02}:{time_ms // 60_000 % 60:02}:{time_ms // 1000 % 60:02},{time_ms % 1000:03}"

    return "".join(
        f"{number}\n{moment(start_ms)} --> {moment(end_ms)}\n{text}\n\n"
        for number, (start_ms, end_ms, text) in enumerate(cues, 1)
    )


def vtt(cues: Sequence[Cue]) -> str:
    return "WEBVTT\n\n" + srt(cues).replace(",", ".")


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What a tiny file holds: a plain picture, silence with one click, and subtitles of its own (Matroska only).

    Attributes:
        still_s: no frame in this span.
        hole_s: no sound in this span.
    """

    frames: int = 10
    fps: Fraction | int = 5
    size: tuple[int, int] = (32, 24)
    colour: tuple[int, int, int] = (128, 128, 128)
    still_s: tuple[float, float] = (0, 0)
    sound_s: Fraction | float = 2
    rate_hz: int = 16_000
    layout: str = "mono"
    click_s: float | None = None
    sound_delay_s: Fraction = Fraction(0)
    hole_s: tuple[float, float] = (0, 0)
    cues: Sequence[Cue] = ()
    language: str | None = None
    options: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> Path:
        with av.open(str(path), "w", options=self.options) as container, ExitStack() as borrowed:
            picture = self._add_picture(container) if self.frames else None
            # MP4 carries no plain PCM.
            codec = "flac" if path.suffix == ".mp4" else "pcm_s16le"
            sound = container.add_stream(codec, rate=self.rate_hz, layout=self.layout) if self.sound_s else None
            if self.cues:
                written = path.with_name("own.srt")
                written.write_text(srt(self.cues))
                words = borrowed.enter_context(av.open(str(written)))
                lines = container.add_stream_from_template(words.streams.subtitles[0])
                if self.language:
                    lines.metadata["language"] = self.language
                for packet in [packet for packet in words.demux() if packet.pts is not None]:
                    packet.stream = lines
                    container.mux(packet)
                written.unlink()
            if picture is not None:
                self._draw(container, picture)
            if sound is not None:
                self._play(container, sound)
        return path

    def _add_picture(self, container):
        picture = container.add_stream("mpeg4", rate=Fraction(self.fps))
        picture.width, picture.height = self.size
        picture.pix_fmt = "yuv420p"
        return picture

    def _draw(self, container, picture):
        pixels = np.full((*self.size[::-1], 3), self.colour, np.uint8)
        for index in range(self.frames):
            if not self.still_s[0] <= index / self.fps < self.still_s[1]:
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = index, 1 / Fraction(self.fps)
                container.mux(picture.encode(frame))
        container.mux(picture.encode(None))

    def _play(self, container, sound):
        pcm = np.zeros(round(self.sound_s * self.rate_hz), np.int16)
        if self.click_s is not None:
            pcm[round(self.click_s * self.rate_hz) :][:160] = PEAK
        step = self.rate_hz // 10
        for first in range(0, len(pcm), step):
            if not self.hole_s[0] <= first / self.rate_hz < self.hole_s[1]:
                block = np.repeat(pcm[first : first + step], len(sound.layout.channels))[np.newaxis]
                heard = av.AudioFrame.from_ndarray(block, format="s16", layout=self.layout)
                heard.sample_rate, heard.time_base = self.rate_hz, Fraction(1, self.rate_hz)
                heard.pts = first + round(self.sound_delay_s * self.rate_hz)
                container.mux(sound.encode(heard))
        container.mux(sound.encode(None))


@dataclass(frozen=True)
class Read:
    """What reading a file gave."""

    records: list[TimedRecord]
    reading: Reading

    def contents(self, modality: Modality) -> list[TimedRecord]:
        return [record for record in self.records if record.modality is modality and not record.is_heartbeat]

    def heartbeats(self, modality: Modality) -> list[tuple[int, int]]:
        """Each heartbeat's `start_ms` and `due_ms`."""
        return [
            (beat.start_ms, beat.due_ms) for beat in self.records if beat.modality is modality and beat.is_heartbeat
        ]


def read_whole(media: MediaFile | Path, options: ReadOptions | None = None, **more: object) -> Read:
    opened = media if isinstance(media, MediaFile) else open_media(media)
    items = read_items(opened, options or ReadOptions(fps=None), **more)
    records = []
    while True:
        try:
            records.append(next(items))
        except StopIteration as end:
            return Read(records, end.value)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    def build(name: str = "clip.mkv", **more: object) -> Path:
        return Clip(**more).write(tmp_path / name)

    return build


@pytest.fixture
def make_subtitles(tmp_path: Path) -> Callable[[str, Sequence[Cue]], Path]:
    def build(name: str, cues: Sequence[Cue]) -> Path:
        path = tmp_path / name
        path.write_text(srt(cues) if path.suffix == ".srt" else vtt(cues))
        return path

    return build


@pytest.fixture
def read() -> Callable[..., Read]:
    return read_whole

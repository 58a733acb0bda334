"""Sound of a file: mono at 16 kHz in chunks of one second, exact to the sample."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from av.audio.resampler import AudioResampler

from processors.modality import Modality
from streams.ingest.container import TrackDecoder
from streams.ingest.media import MediaFile, SoundTrack
from streams.ingest.timed import TimedRecord, milliseconds
from streams.records import duration_of_samples_ms

__all__ = ["CHUNK_SAMPLES", "SOUND_RATE_HZ", "SoundLane"]

SOUND_RATE_HZ = 16_000
CHUNK_SAMPLES = SOUND_RATE_HZ
_SAMPLE_BYTES = 2
# Time stamps jitter by their rounding (1 ms in Matroska) and by codec delay; what is more than this is lost sound.
_GAP_S = Fraction(1, 10)


class SoundLane:
    """Reads the sound of a file as chunks of `CHUNK_SAMPLES`; the last one of an unbroken run is shorter.

    Inside a run, time is counted in samples; a hole in the file's time stamps begins a new run.

    Attributes:
        decoder: of the track; counts damage.
        end_s: end of the last sample on the time line.
    """

    def __init__(self, media: MediaFile, track: SoundTrack) -> None:
        self.decoder = TrackDecoder(media.path, track.index)
        self.end_s = Fraction(0)
        self._origin_s = media.origin_s

    def records(self) -> Iterator[TimedRecord]:
        """The chunks in order of time."""
        run: _Run | None = None
        for frame in self.decoder.frames():
            told_s = None if frame.pts is None else frame.pts * frame.time_base - self._origin_s
            if run is None or not run.is_continued_by(frame, told_s):
                if run is not None:
                    yield from self._take(run, is_over=True)
                run = _Run(frame, self.end_s if told_s is None else max(told_s, self.end_s))
            run.add(frame)
            yield from self._take(run, is_over=False)
        if run is not None:
            yield from self._take(run, is_over=True)

    def _take(self, run: "_Run", *, is_over: bool) -> Iterator[TimedRecord]:
        if is_over:
            run.finish()
        for start_s, pcm in run.chunks(is_over=is_over):
            samples = len(pcm) // _SAMPLE_BYTES
            self.end_s = start_s + Fraction(samples, SOUND_RATE_HZ)
            start_ms = milliseconds(start_s)
            due_ms = start_ms + duration_of_samples_ms(samples, SOUND_RATE_HZ)
            yield TimedRecord(Modality.AUDIO, start_ms, due_ms, pcm, samples)


class _Run:
    """Unbroken sound in one format, from its first sample on."""

    def __init__(self, frame: Any, start_s: Fraction) -> None:
        self._start_s = start_s
        self._form = _form_of(frame)
        self._resampler = AudioResampler(format="s16", layout="mono", rate=SOUND_RATE_HZ)
        self._pcm = bytearray()
        self._samples_in = 0
        self._samples_out = 0

    def is_continued_by(self, frame: Any, told_s: Fraction | None) -> bool:
        expected_s = self._start_s + Fraction(self._samples_in, self._form[2])
        return _form_of(frame) == self._form and (told_s is None or told_s - expected_s <= _GAP_S)

    def add(self, frame: Any) -> None:
        self._samples_in += frame.samples
        self._append(self._resampler.resample(frame))

    def finish(self) -> None:
        self._append(self._resampler.resample(None))

    def _append(self, frames: list[Any]) -> None:
        for frame in frames:
            self._pcm += frame.to_ndarray().tobytes()

    def chunks(self, *, is_over: bool) -> Iterator[tuple[Fraction, bytes]]:
        while len(self._pcm) >= CHUNK_SAMPLES * _SAMPLE_BYTES or (is_over and self._pcm):
            pcm = bytes(self._pcm[: CHUNK_SAMPLES * _SAMPLE_BYTES])
            del self._pcm[: len(pcm)]
            yield self._start_s + Fraction(self._samples_out, SOUND_RATE_HZ), pcm
            self._samples_out += len(pcm) // _SAMPLE_BYTES


def _form_of(frame: Any) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate

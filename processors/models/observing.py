"""From pictures, sound and words to observations: every item is encoded once, however many windows it belongs to.

The encoders are an interface with two implementations: the ONNX graphs of a model repository in this process
(`processors.models.local_encoders.Encoders`), and a Triton (`streams.inference.triton_encoders`). No
deep-learning framework is needed.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, Generic, Protocol, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from processors.models.spec import AUDIO_RATE_HZ, FRAME_SIDE_PX
from processors.normality.observation import HeardSecond, Observation, SeenFrame, SpokenSegment
from processors.normality.sound_measures import measure_sound
from processors.normality.thumbnails import make_thumbnail

__all__ = ["ItemEncoders", "Line", "Observed", "TimedPicture", "is_finite", "observe", "windows"]

TimedPicture = tuple[int, npt.NDArray[np.uint8]]
"""Event time in milliseconds, and a frame: uint8 [H, W, 3] RGB of any size."""

Line = tuple[int, int, str]
"""Start and end (exclusive) in milliseconds of event time, and words."""

_BATCH: Final = 16

T = TypeVar("T", SeenFrame, HeardSecond, SpokenSegment)


class ItemEncoders(Protocol):
    """Items to embeddings of length 1."""

    def encode_pictures(
        self, squares: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float16]]:
        """Embeddings [N, D] and cells [N, R, C, K] of frames, uint8 [N, 224, 224, 3] RGB."""

    def encode_seconds(self, seconds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Embeddings [N, D] of seconds of mono sound, float32 [N, 16000]."""

    def encode_lines(self, lines: list[str]) -> npt.NDArray[np.float32]:
        """Embeddings [N, D] of lines of text."""


@dataclass(frozen=True, slots=True)
class Observed:
    """All that was seen, heard and said in one recording, each in order of time.

    Attributes:
        start_ms: event time of its beginning.
        end_ms: exclusive.
        frames: of the video.
        seconds: whole seconds of the sound, from the beginning on.
        segments: of the transcript.
    """

    start_ms: int
    end_ms: int
    frames: tuple[SeenFrame, ...]
    seconds: tuple[HeardSecond, ...]
    segments: tuple[SpokenSegment, ...]


def observe(
    encoders: ItemEncoders,
    pictures: Iterable[TimedPicture] = (),
    sound: npt.NDArray[np.float32] | None = None,
    lines: Sequence[Line] = (),
    *,
    start_ms: int = 0,
    end_ms: int | None = None,
) -> Observed:
    """Encode a recording. Pictures are taken a few at a time, so that a long clip needs no memory for them.

    Args:
        encoders: that embed the items.
        pictures: in order of time.
        sound: float32 [N] mono at 16 kHz, -1..1, from `start_ms` on; None where there is none.
        lines: of words, in order of time.
        start_ms: event time at which the recording begins.
        end_ms: where it ends; None: with the last that is in it, where a frame lasts as long as the one before it.
    """
    frames = tuple(_see(encoders, pictures))
    seconds = () if sound is None else tuple(_hear(encoders, sound, start_ms))
    segments = tuple(_read(encoders, lines))
    if end_ms is None:
        ends = [segment.end_ms for segment in segments]
        ends += [] if sound is None else [start_ms + len(sound) * 1000 // AUDIO_RATE_HZ]
        if frames:
            ends.append(2 * frames[-1].at_ms - frames[-2].at_ms if len(frames) > 1 else frames[-1].at_ms + 1)
        end_ms = max(ends, default=start_ms)
    return Observed(start_ms, end_ms, frames, seconds, segments)


def windows(observed: Observed, window_ms: int, hop_ms: int) -> Iterator[Observation]:
    """Cut what was observed into windows `[start + k * hop, start + k * hop + window)` that lie within the recording.

    Causal: a second of sound or a segment that is not over at the end of a window belongs to a later one. A recording
    that is shorter than a window is one window.

    Args:
        observed: the recording.
        window_ms: length of a window.
        hop_ms: from the start of one window to the next.
    """
    frames, seconds, segments = _Cursor(observed.frames), _Cursor(observed.seconds), _Cursor(observed.segments)
    last_ms = max(observed.end_ms - window_ms, observed.start_ms)
    for start_ms in range(observed.start_ms, last_ms + 1, hop_ms):
        end_ms = start_ms + window_ms
        yield Observation(
            start_ms,
            end_ms,
            frames.take(start_ms, end_ms),
            seconds.take(start_ms, end_ms),
            segments.take(start_ms, end_ms),
        )


def is_finite(observation: Observation) -> bool:
    """Whether the encoders answered numbers for everything in a window."""
    arrays: list[npt.NDArray[Any]] = [frame.embedding for frame in observation.frames]
    arrays += [frame.cells for frame in observation.frames]
    arrays += [second.embedding for second in observation.seconds]
    arrays += [segment.embedding for segment in observation.segments]
    return all(bool(np.isfinite(array).all()) for array in arrays)


class _Cursor(Generic[T]):
    """The items that are over inside a window; windows only move forward."""

    def __init__(self, items: Sequence[T]) -> None:
        self._items: list[T] = sorted(items, key=_over_ms)
        self._first = 0

    def take(self, start_ms: int, end_ms: int) -> tuple[T, ...]:
        while self._first < len(self._items) and _over_ms(self._items[self._first]) <= start_ms:
            self._first += 1
        last = self._first
        while last < len(self._items) and _over_ms(self._items[last]) <= end_ms:
            last += 1
        return tuple(self._items[self._first : last])


def _over_ms(item: SeenFrame | HeardSecond | SpokenSegment) -> int:
    """A point in time is over with its millisecond."""
    return item.at_ms + 1 if isinstance(item, SeenFrame) else item.end_ms


def _see(encoders: ItemEncoders, pictures: Iterable[TimedPicture]) -> Iterator[SeenFrame]:
    waiting = iter(pictures)
    while batch := list(islice(waiting, _BATCH)):
        embeddings, cells = encoders.encode_pictures(np.stack([_square(picture) for _, picture in batch]))
        for (at_ms, picture), embedding, own_cells in zip(batch, embeddings, cells, strict=True):
            yield SeenFrame(at_ms, embedding, own_cells, make_thumbnail(picture))


def _square(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """As the frame encoder takes it, and as the worker makes it of a JPEG."""
    side = (FRAME_SIDE_PX, FRAME_SIDE_PX)
    shrinks = min(picture.shape[:2]) >= FRAME_SIDE_PX
    return np.asarray(
        cv2.resize(picture, side, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.uint8
    )


def _hear(encoders: ItemEncoders, sound: npt.NDArray[np.float32], start_ms: int) -> Iterator[HeardSecond]:
    whole = sound[: len(sound) // AUDIO_RATE_HZ * AUDIO_RATE_HZ].reshape(-1, AUDIO_RATE_HZ)
    for first in range(0, len(whole), _BATCH):
        batch = whole[first : first + _BATCH]
        for number, (samples, embedding) in enumerate(zip(batch, encoders.encode_seconds(batch), strict=True), first):
            begin_ms = start_ms + number * 1000
            yield HeardSecond(begin_ms, begin_ms + 1000, embedding, measure_sound(samples, AUDIO_RATE_HZ))


def _read(encoders: ItemEncoders, lines: Sequence[Line]) -> Iterator[SpokenSegment]:
    for first in range(0, len(lines), _BATCH):
        batch = lines[first : first + _BATCH]
        embeddings = encoders.encode_lines([text for _, _, text in batch])
        for (start_ms, end_ms, text), embedding in zip(batch, embeddings, strict=True):
            yield SpokenSegment(start_ms, end_ms, embedding, text)

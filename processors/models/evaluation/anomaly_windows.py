"""From a composed stretch to the windows that a baseline learns from or judges."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.models.observing import ItemEncoders, observe
from processors.models.spec import AUDIO_RATE_HZ
from processors.normality import HeardSecond, Observation, SeenFrame, SpokenSegment
from processors.normality.sound_measures import measure_sound
from processors.scenes.anomalies import FPS, Stretch

__all__ = ["HOP_MS", "WINDOW_MS", "JudgedWindow", "Observed", "Observer", "cut_windows"]

Array = npt.NDArray[Any]

WINDOW_MS: Final = 1000
HOP_MS: Final = 400
"""From one judged window to the next: a window ends with every second frame."""

_FRAME_MS: Final = round(1000 / FPS)
_IN_WINDOW: Final = WINDOW_MS // _FRAME_MS
_IN_HOP: Final = HOP_MS // _FRAME_MS


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """A stretch, encoded.

    Attributes:
        embeddings: float32 [N, D] of its frames.
        cells: float16 [N, R, C, K].
        thumbnails: uint8 [N, 120, 160].
        heard: float32 [M, D], of the seconds that windows at the shortest hop consist of.
        measures: float32 [M, K] of them.
        said: float32 [S, D] of the lines.
    """

    embeddings: npt.NDArray[np.float32]
    cells: npt.NDArray[np.float16]
    thumbnails: npt.NDArray[np.uint8]
    heard: npt.NDArray[np.float32]
    measures: npt.NDArray[np.float32]
    said: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class JudgedWindow:
    """A window and the truth about the frame that it ends with.

    Attributes:
        observation: the window; times from the given start on.
        is_anomalous: whether the anomaly is there at its last frame.
        is_counted: False where the anomaly is over but still within the window: neither normal nor not.
    """

    observation: Observation
    is_anomalous: bool
    is_counted: bool


class Observer:
    """Encodes stretches, each once.

    Args:
        encoders: that embed the items.
        version: of the encoders; what is kept of another is not used.
        cache: folder of encoded stretches, by what they consist of; None to keep none.
    """

    def __init__(self, encoders: ItemEncoders, version: str, cache: Path | None = None) -> None:
        self._encoders = encoders
        self._version = version
        self._cache = cache

    def observe(self, stretch: Stretch) -> Observed:
        """Encode frames, seconds and lines, or find them encoded."""
        frames = np.stack(list(stretch.frames()))
        lines = [cue.text for cue in stretch.cues]
        seen = self._kept("seen", frames.tobytes(), lambda: self._see(frames))
        heard = self._kept("heard", stretch.sound.tobytes(), lambda: self._hear(stretch.sound, len(frames)))
        said = self._kept("said", repr(lines).encode(), lambda: {"said": self._encoders.encode_lines(lines)})
        return Observed(**seen, **heard, **said)

    def _kept(self, name: str, data: bytes, encode: Callable[[], dict[str, Array]]) -> dict[str, Array]:
        """What is kept of the same data under the same encoders; encoded and kept where it is not."""
        if self._cache is None:
            return encode()
        digest = hashlib.blake2b(f"{self._version} {WINDOW_MS} {HOP_MS} ".encode() + data, digest_size=16).hexdigest()
        path = self._cache / f"{name}-{digest}.npz"
        if path.is_file():
            with np.load(path) as held:
                return dict(held)
        encoded = encode()
        self._cache.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez(part, **encoded)
        part.replace(path)
        return encoded

    def _see(self, frames: npt.NDArray[np.uint8]) -> dict[str, Array]:
        seen = observe(self._encoders, enumerate(frames)).frames
        return {
            "embeddings": np.stack([frame.embedding for frame in seen]),
            "cells": np.stack([frame.cells for frame in seen]),
            "thumbnails": np.stack([frame.thumbnail for frame in seen]),
        }

    def _hear(self, sound: npt.NDArray[np.float32], frames: int) -> dict[str, Array]:
        last = frames * AUDIO_RATE_HZ * _FRAME_MS // 1000
        ends = range(AUDIO_RATE_HZ * WINDOW_MS // 1000, last + 1, AUDIO_RATE_HZ * HOP_MS // 1000)
        seconds = np.stack([sound[end - AUDIO_RATE_HZ : end] for end in ends])
        measures = np.stack([measure_sound(second, AUDIO_RATE_HZ) for second in seconds])
        return {"heard": self._encoders.encode_seconds(seconds), "measures": measures}


def cut_windows(stretch: Stretch, observed: Observed, start_ms: int, hop_ms: int = HOP_MS) -> Iterator[JudgedWindow]:
    """The whole windows of a stretch, in order.

    Args:
        stretch: that was observed.
        observed: what came of it.
        start_ms: event time of its first frame.
        hop_ms: from one window to the next; a multiple of `HOP_MS`.
    """
    seen = [
        SeenFrame(start_ms + number * _FRAME_MS, *of_frame)
        for number, of_frame in enumerate(zip(observed.embeddings, observed.cells, observed.thumbnails, strict=True))
    ]
    for last in range(_IN_WINDOW - 1, len(seen), hop_ms // _FRAME_MS):
        first = last - _IN_WINDOW + 1
        begin_ms, end_ms = first * _FRAME_MS, (last + 1) * _FRAME_MS
        number = first // _IN_HOP
        second = HeardSecond(start_ms + begin_ms, start_ms + end_ms, observed.heard[number], observed.measures[number])
        segments = [
            SpokenSegment(start_ms + cue.start_ms, start_ms + cue.end_ms, observed.said[number], cue.text)
            for number, cue in enumerate(stretch.cues)
            if cue.start_ms < end_ms and cue.end_ms > begin_ms
        ]
        is_anomalous = stretch.is_anomalous(last * _FRAME_MS)
        is_over = stretch.anomaly_ms[1] > 0 and begin_ms < stretch.anomaly_ms[1] <= last * _FRAME_MS
        is_first_frozen = stretch.anomaly_ms[0] <= last * _FRAME_MS < stretch.anomaly_ms[1] and not is_anomalous
        yield JudgedWindow(
            Observation(start_ms + begin_ms, start_ms + end_ms, seen[first : last + 1], [second], segments),
            is_anomalous,
            is_anomalous or not (is_over or is_first_frozen),
        )

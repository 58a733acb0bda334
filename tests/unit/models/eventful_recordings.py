"""Recordings from which a tiny encoder can learn something, and what stands for encoders that learn nothing."""

import wave
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

from processors.datasets.recordings import TimedEvent, write_labels
from processors.modality import Modality

__all__ = ["Frozen", "write_eventful"]

SECONDS = 6
SOUND_HZ = 16_000


def write_eventful(path: Path) -> None:
    """Six films that grow bright, six sounds that grow loud, with lines that tell so, in the middle third of each."""
    moments = np.arange(SECONDS * SOUND_HZ) / SOUND_HZ
    rng = np.random.default_rng(0)
    events = {}
    for number in range(6):
        begin = 1 + number % 3
        is_loud = (moments >= begin) & (moments < begin + 2)
        sound = (3_000 * rng.normal(size=len(moments)) * (0.02 + is_loud)).clip(-32_000, 32_000).astype(np.int16)
        with wave.open(str(path / f"sound{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SOUND_HZ)
            file.writeframes(sound.tobytes())
        lines = [(0, begin, "a street scene"), (begin, begin + 2, "glass breaking"), (begin + 2, 6, "nothing")]
        told = [f"00:0{start}.000 --> 00:0{end}.000\n{text}\n" for start, end, text in lines]
        (path / f"sound{number}.vtt").write_text("WEBVTT\n\n" + "\n".join(told), encoding="utf-8")
        with av.open(str(path / f"film{number}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=Fraction(5))
            stream.width, stream.height = 64, 48
            for frame in range(5 * SECONDS):
                shade = 230 if begin <= frame / 5 < begin + 2 else 40
                picture = rng.integers(shade - 20, shade + 20, (48, 64, 3)).astype(np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
            container.mux(stream.encode(None))
        crash = [TimedEvent("crash", 1000 * begin, 1000 * begin + 2000)]
        events |= {f"sound{number}.wav": crash, f"film{number}.mp4": crash}
    write_labels(path, events)


class Frozen:
    """Stands for the encoders of a repository."""

    dims: Mapping[Modality, int] = {Modality.VIDEO: 3, Modality.AUDIO: 2, Modality.TRANSCRIPT: 1}

    def encode_frames(self, jpegs: list[bytes]) -> npt.NDArray[np.float32]:
        return np.ones((len(jpegs), 3), np.float32)

    def encode_seconds(self, seconds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.ones((len(seconds), 2), np.float32)

    def encode_lines(self, lines: list[str]) -> npt.NDArray[np.float32]:
        return np.array([[len(line)] for line in lines], np.float32)

"""Real recordings in which none of the events happens: what the network must stay silent about.

A network that has seen composed scenes only takes whatever it does not know for the event that hides the clip best. So
training and scoring also take real footage and sounds, by themselves and in pairs that never belonged together.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt

from processors.modality import Modality
from processors.models.fusion_training.scenes import EncodedScene, Items, compress_frame
from processors.models.fusion_training.windows import SIZE_MS
from processors.models.local_encoders import Encoders
from processors.models.spec import AUDIO_RATE_HZ, EMBEDDING_DIMS

__all__ = ["FOOTAGE_SUFFIXES", "find_recordings", "load_recording", "pair_recordings", "read_frames"]

FOOTAGE_SUFFIXES: Final = frozenset({".mp4", ".mpg", ".mkv", ".webm"})
"""Files that hold a picture, and sound perhaps."""

_SOUND_SUFFIXES: Final = frozenset({".flac", ".wav", ".ogg"})
_FRAME_EVERY_MS: Final = 400
_LONGEST_MS: Final = 40_000
_WIDEST_PX: Final = 640
_CHUNK_MS: Final = 1000


def find_recordings(paths: Sequence[Path]) -> list[Path]:
    """The media files among `paths` and in the folders among them, in order of name."""
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sorted(file for file in files if file.suffix in FOOTAGE_SUFFIXES | _SOUND_SUFFIXES)


def load_recording(path: Path, cache: Path, encoders: Encoders) -> EncodedScene:
    """The first 40 s of a recording as an encoded scene without events or words, its embeddings kept in `cache`."""
    stored_path = cache / f"recording-{path.parent.name}-{path.stem}.npz"
    if not stored_path.is_file():
        times_ms, jpegs = read_frames(path)
        frames = encoders.encode_frames(jpegs) if jpegs else _nothing(Modality.VIDEO)
        sound = _read_sound(path)
        chunks = encoders.encode_sound(sound) if len(sound) >= AUDIO_RATE_HZ else _nothing(Modality.AUDIO)
        cache.mkdir(parents=True, exist_ok=True)
        with stored_path.open("wb") as file:
            np.savez(file, times_ms=np.array(times_ms, np.int64), frames=frames, chunks=chunks)
    with np.load(stored_path, allow_pickle=False) as stored:
        return _make_scene(stored["frames"], stored["times_ms"], stored["chunks"])


def pair_recordings(recordings: Sequence[EncodedScene], rng: np.random.Generator, rounds: int) -> list[EncodedScene]:
    """Each recording that has sound under the footage of another, from a random moment on, `rounds` times."""
    footage = [scene.items[Modality.VIDEO] for scene in recordings if len(scene.items[Modality.VIDEO].embeddings)]
    pairs = []
    for recording in [*recordings] * rounds if footage else []:
        chunks = recording.items[Modality.AUDIO].embeddings
        if not len(chunks):
            continue
        video = footage[int(rng.integers(len(footage)))]
        first = int(rng.integers(len(video.embeddings)))
        times_ms = video.spans_ms[first:, 0] - video.spans_ms[first, 0]
        is_inside = times_ms < max(SIZE_MS, _CHUNK_MS * len(chunks))
        pairs.append(_make_scene(video.embeddings[first:][is_inside], times_ms[is_inside], chunks))
    return pairs


def _make_scene(
    frames: npt.NDArray[np.float32], times_ms: npt.NDArray[np.int64], chunks: npt.NDArray[np.float32]
) -> EncodedScene:
    starts_ms = np.arange(len(chunks), dtype=np.int64) * _CHUNK_MS
    items = {
        Modality.VIDEO: Items(frames, np.stack([times_ms, times_ms], axis=1)),
        Modality.AUDIO: Items(chunks, np.stack([starts_ms, starts_ms + _CHUNK_MS], axis=1)),
        Modality.TRANSCRIPT: Items(_nothing(Modality.TRANSCRIPT), np.zeros((0, 2), np.int64)),
    }
    length_ms = max(SIZE_MS, len(chunks) * _CHUNK_MS, int(times_ms[-1]) if len(times_ms) else 0)
    return EncodedScene(items, (), (), length_ms)


def _nothing(modality: Modality) -> npt.NDArray[np.float32]:
    return np.zeros((0, EMBEDDING_DIMS[modality]), np.float32)


def read_frames(path: Path) -> tuple[list[int], list[bytes]]:
    """Times in milliseconds from the first, and JPEGs, of the frames in the first 40 s; nothing without a picture."""
    times_ms: list[int] = []
    jpegs: list[bytes] = []
    with av.open(str(path)) as container:
        if not container.streams.video:
            return times_ms, jpegs
        first_s = None
        for frame in container.decode(container.streams.best("video")):
            first_s = frame.time if first_s is None else first_s
            time_ms = int((frame.time - first_s) * 1000)
            if time_ms >= _LONGEST_MS:
                break
            if times_ms and time_ms < times_ms[-1] + _FRAME_EVERY_MS:
                continue
            scale = min(1.0, _WIDEST_PX / frame.width)
            size = (round(frame.width * scale), round(frame.height * scale))
            pixels = frame.reformat(width=size[0], height=size[1], format="rgb24").to_ndarray()
            times_ms.append(time_ms)
            jpegs.append(compress_frame(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)).tobytes())
    return times_ms, jpegs


def _read_sound(path: Path) -> npt.NDArray[np.float32]:
    parts: list[npt.NDArray[np.float32]] = [np.zeros(0, np.float32)]
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return parts[0]
        resampler = av.AudioResampler("flt", "mono", AUDIO_RATE_HZ)
        for frame in container.decode(container.streams.audio[0]):
            parts.extend(part.to_ndarray()[0] for part in resampler.resample(frame))
    return np.concatenate(parts)[: _LONGEST_MS * AUDIO_RATE_HZ // 1000]

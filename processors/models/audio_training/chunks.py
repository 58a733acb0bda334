"""One second of sound as streams bring it: cut anywhere, over another sound or noise, near or far; or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.models.sound_training.augmentation import draw_noise
from processors.models.spec import AUDIO_RATE_HZ

__all__ = ["Chunk", "Recording", "draw_chunk", "level_of", "measure", "mix_at", "noise_like", "sounding_seconds"]

Samples = npt.NDArray[np.float32]

_STEP: Final = AUDIO_RATE_HZ // 4
_SILENT_DB: Final = -30.0
"""A second so far below the loudest one of its clip holds nothing of what the clip is named after."""

_STEADY_DB: Final = 10.0
"""A clip is a bed for other sounds if its quietest second is no further below its loudest."""

_BED_SHARE, _NOISE_SHARE, _OTHER_SHARE = 0.4, 0.25, 0.15
"""How often a chunk lies over a steady sound, over noise, over any other sound; the rest lie over nothing."""

_SNR_DB: Final = (0.0, 20.0)
_GAIN_DB: Final = (-30.0, 6.0)
_HEARD_DB: Final = 20.0
"""A sound that another exceeds by so much is not heard; one that is as loud is, and between them in part."""

_LEAST_LEVEL: Final = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """A clip and what was measured of it.

    Attributes:
        samples: float32 [T] at 16 kHz, at least one second.
        label: number of its class.
        group: what must not be split; a clip is mixed with clips of its own group alone.
        loudest: root mean square of its loudest second.
        is_steady: whether it can lie under other sounds.
    """

    samples: Samples
    label: int
    group: str
    loudest: float
    is_steady: bool


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """A second of sound float32 [16000] and how much of each class can be heard in it, float32 [C] 0 to 1."""

    samples: Samples
    heard: npt.NDArray[np.float32]


def measure(samples: Samples, label: int, group: str) -> Recording:
    """Takes up a clip of at least a second."""
    starts = range(0, len(samples) - AUDIO_RATE_HZ + 1, _STEP)
    levels = [level_of(samples[start : start + AUDIO_RATE_HZ]) for start in starts]
    loudest, quietest = max(levels), min(levels)
    return Recording(samples, label, group, loudest, quietest > loudest * 10.0 ** (-_STEADY_DB / 20.0))


def draw_chunk(recordings: Sequence[Recording], number: int, classes: int, rng: np.random.Generator) -> Chunk:
    """A second of one of the clips, drawn anew in everything.

    Args:
        recordings: all clips; what lies under the second comes from those of its own group.
        number: of the clip.
        classes: how many there are.
        rng: of everything drawn.
    """
    recording = recordings[number]
    samples = _cut(recording, rng)
    heard = np.zeros(classes, np.float32)
    level = level_of(samples)
    is_silent = _is_silent(recording, level)
    kin = [other for other in recordings if other.group == recording.group and other is not recording]
    bed, bed_label = _draw_bed(kin, rng)
    mixed = samples
    if bed is not None:
        snr_db = rng.uniform(*_SNR_DB)
        mixed = mix_at(samples, bed, recording.loudest, snr_db)
        over_db = 20.0 * np.log10(max(level, _LEAST_LEVEL) / max(recording.loudest, _LEAST_LEVEL)) + snr_db
        if bed_label is not None:
            heard[bed_label] = 1.0 if is_silent else _audibility(-over_db)
        own = _audibility(over_db)
    else:
        own = 1.0
    if not is_silent:
        heard[recording.label] = max(heard[recording.label], own)
    gain = 10.0 ** (rng.uniform(*_GAIN_DB) / 20.0)
    return Chunk(np.clip(mixed * gain, -1.0, 1.0).astype(np.float32), heard)


def mix_at(samples: Samples, bed: npt.NDArray[np.floating[Any]], loudest: float, snr_db: float) -> Samples:
    """A chunk over a bed that is so far below the loudest second of the chunk's clip."""
    scale = loudest * 10.0 ** (-snr_db / 20.0) / max(level_of(bed), _LEAST_LEVEL)
    return (samples + scale * bed).astype(np.float32)


def sounding_seconds(recording: Recording) -> list[Samples]:
    """The whole seconds of a clip, from its beginning, that are not silent."""
    seconds = len(recording.samples) // AUDIO_RATE_HZ
    chunks = recording.samples[: seconds * AUDIO_RATE_HZ].reshape(seconds, AUDIO_RATE_HZ)
    return [chunk for chunk in chunks if not _is_silent(recording, level_of(chunk))]


def level_of(samples: npt.NDArray[np.floating[Any]]) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def noise_like(rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A second of noise, white or pink."""
    return draw_noise(AUDIO_RATE_HZ, rng)


def _draw_bed(
    kin: Sequence[Recording], rng: np.random.Generator
) -> tuple[npt.NDArray[np.floating[Any]] | None, int | None]:
    """What lies under a chunk, and its class if it has one."""
    chance = rng.random()
    steady = [other for other in kin if other.is_steady]
    if chance < _NOISE_SHARE:
        return noise_like(rng), None
    chosen = steady if chance < _NOISE_SHARE + _BED_SHARE else kin
    if chance >= _NOISE_SHARE + _BED_SHARE + _OTHER_SHARE or not chosen:
        return None, None
    other = chosen[int(rng.integers(len(chosen)))]
    bed = _cut(other, rng)
    return (None, None) if _is_silent(other, level_of(bed)) else (bed, other.label)


def _cut(recording: Recording, rng: np.random.Generator) -> Samples:
    first = int(rng.integers(len(recording.samples) - AUDIO_RATE_HZ + 1))
    return recording.samples[first : first + AUDIO_RATE_HZ]


def _is_silent(recording: Recording, level: float) -> bool:
    return level <= max(recording.loudest * 10.0 ** (_SILENT_DB / 20.0), _LEAST_LEVEL)


def _audibility(over_db: float) -> float:
    return float(np.clip((over_db + _HEARD_DB) / _HEARD_DB, 0.0, 1.0))

"""Real sounds of composed streams: of events, of nothing in particular, and the beds that lie under them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from processors.datasets.sounds import plain_name, read_sound
from processors.errors import DatasetError
from processors.scenes.real.words import EVENT_CLASSES
from processors.scenes.synthesis import SOUND_RATE_HZ, Signal, brown_noise

__all__ = ["BED_CLASSES", "SoundBank", "active_part", "fill_span", "make_bed", "match_class", "read_sound_bank"]

BED_CLASSES: Final = ("rain", "sea_waves")
"""Sounds that lie under a stream where there are any; noise does otherwise, and now and then."""

_OTHER_NAMES: Final[Mapping[str, str]] = {
    "crackling_fire": "fire_crackling",
    "crying_baby": "baby_cry",
    "dog": "dog_bark",
}
_STEP: Final = SOUND_RATE_HZ // 50
_ACTIVE_DB: Final = -32.0
"""Below the loudest 20 ms by so much, a sound is silent."""
_HANG_STEPS: Final = 6
_FADE: Final = SOUND_RATE_HZ // 100
_PAUSE_S: Final = (0.08, 0.3)
_NOISE_BED_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class SoundBank:
    """Sounds by what they are for; float32 [T] mono -1..1 at 16,000 Hz each.

    Attributes:
        events: class -> its sounds, without their silences; at least one each.
        harmless: of no class that can happen, without their silences.
        beds: to lie under a stream; may be empty.
    """

    events: Mapping[str, tuple[Signal, ...]]
    harmless: tuple[Signal, ...]
    beds: tuple[Signal, ...]


def match_class(folder_name: str) -> str:
    """The class that a folder of sounds holds, in one spelling: that of ESC-10 and that of ESC-50 are the same."""
    name = plain_name(folder_name)
    return _OTHER_NAMES.get(name, name)


def read_sound_bank(files: Sequence[tuple[str, Path]]) -> SoundBank:
    """Read sounds.

    Args:
        files: each with its class, as `match_class` tells it. Of a class that cannot happen and is no bed, a sound is
            harmless.

    Raises:
        DatasetError: a file cannot be read, or there are sounds of fewer than two classes that can happen.
    """
    events: dict[str, list[Signal]] = {}
    harmless: list[Signal] = []
    beds: list[Signal] = []
    for name, path in files:
        sound = read_sound(path, SOUND_RATE_HZ)
        if name in BED_CLASSES:
            beds.append(sound)
        elif name in EVENT_CLASSES:
            events.setdefault(name, []).append(active_part(sound))
        else:
            harmless.append(active_part(sound))
    if len(events) < 2:
        raise DatasetError(
            f"sounds of {', '.join(events) or 'no class'} that can happen; expected at least two of "
            f"{', '.join(EVENT_CLASSES)}: a folder of sounds for each, named so"
        )
    ordered = {name: tuple(events[name]) for name in EVENT_CLASSES if name in events}
    return SoundBank(ordered, tuple(harmless), tuple(beds))


def active_part(sound: Signal) -> Signal:
    """A sound without what is silent before, after and within it; of digital silence, all."""
    steps = max(1, len(sound) // _STEP)
    if len(sound) < _STEP or not sound.any():
        return sound
    power = np.square(sound[: steps * _STEP].astype(np.float64)).reshape(steps, _STEP).mean(axis=1)
    is_loud = power >= power.max() * 10 ** (_ACTIVE_DB / 10)
    is_kept = np.convolve(is_loud, np.ones(2 * _HANG_STEPS + 1), mode="same") > 0
    return np.ascontiguousarray(sound[: steps * _STEP].reshape(steps, _STEP)[is_kept].ravel())


def fill_span(sound: Signal, samples: int, rng: np.random.Generator) -> Signal:
    """A sound as long as its event: a part of a longer one, a shorter one again and again with short pauses."""
    if len(sound) >= samples:
        first = int(rng.integers(len(sound) - samples + 1))
        filled = sound[first : first + samples].copy()
        _fade(filled)
        return filled
    once = sound.copy()
    _fade(once)
    filled = np.zeros(samples, np.float32)
    first = 0
    while first < samples:
        length = min(len(once), samples - first)
        filled[first : first + length] = once[:length]
        first += len(once) + round(SOUND_RATE_HZ * rng.uniform(*_PAUSE_S))
    _fade(filled)
    return filled


def make_bed(beds: Sequence[Signal], samples: int, rng: np.random.Generator) -> Signal:
    """What is always to be heard, of power 1: one of `beds` over and over, or noise."""
    if not beds or rng.random() < _NOISE_BED_SHARE:
        bed = _NOISES[int(rng.integers(len(_NOISES)))](rng, samples)
    else:
        source = beds[int(rng.integers(len(beds)))]
        # Played forth and back, so that it has no seam.
        both = np.concatenate([source, source[::-1]])
        first = int(rng.integers(len(both)))
        bed = np.take(both, np.arange(first, first + samples), mode="wrap")
    power = float(np.mean(np.square(bed, dtype=np.float64)))
    return (bed / np.sqrt(max(power, 1e-12))).astype(np.float32)


def _fade(sound: Signal) -> None:
    length = min(_FADE, len(sound) // 2)
    if length:
        ramp = np.linspace(0.0, 1.0, length, dtype=np.float32)
        sound[:length] *= ramp
        sound[-length:] *= ramp[::-1]


def _white(rng: np.random.Generator, samples: int) -> Signal:
    return rng.standard_normal(samples, dtype=np.float32)


def _pink(rng: np.random.Generator, samples: int) -> Signal:
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 20.0))
    return np.fft.irfft(spectrum, samples).astype(np.float32)


_NOISES: Final[tuple[Callable[[np.random.Generator, int], Signal], ...]] = (brown_noise, _pink, _white)

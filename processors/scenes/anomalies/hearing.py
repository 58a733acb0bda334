"""What is heard at a place: a bed under each light, a familiar sound under one of them, and what intrudes.

As the picture of a place is of one clip, each of its three sounds is of one recording: its beginning is learned, its
end is held out. What intrudes is of other recordings, of folds that no place's own sounds are from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from processors.datasets.sounds import list_sounds, read_sound
from processors.errors import DatasetError
from processors.scenes.real.sounds import active_part, fill_span, match_class
from processors.scenes.synthesis import SOUND_RATE_HZ, Signal, brown_noise

__all__ = ["Hearing", "Named", "SoundPart", "add_sound", "lay_bed", "read_hearings"]

_BEDS: Final = ("rain", "sea_waves")
_OTHER_BED: Final = "clock_tick"
_HELD_OUT_EVERY: Final = 3
_STEP: Final = 5
"""From the recording of one place's bed to that of the next place of the same class."""
_LEARNED_SHARE: Final = 0.6
_BED_DB: Final = -38.0
_BED_SPREAD_DB: Final = 3.0
_FLOOR_DB: Final = -58.0


@dataclass(frozen=True, slots=True, eq=False)
class Named:
    """A sound and the file that it was read from.

    Attributes:
        name: of the file, and which part of it this is.
        sound: float32 [T] mono -1..1 at 16,000 Hz.
    """

    name: str
    sound: Signal


@dataclass(frozen=True, slots=True, eq=False)
class SoundPart:
    """The sounds of learning, or those that are held out.

    Attributes:
        beds: under each of the two lights.
        familiar: under the first light, now and then.
        unfamiliar: class -> sounds that are no part of the place; nothing in learning.
    """

    beds: tuple[Named, Named]
    familiar: Named
    unfamiliar: Mapping[str, tuple[Named, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Hearing:
    """What is heard at a place.

    Attributes:
        classes: of the two beds and of the familiar sound.
        learned: for normal stretches to be learned.
        held_out: for everything else.
    """

    classes: tuple[str, str, str]
    learned: SoundPart
    held_out: SoundPart


def read_hearings(folder: Path, count: int) -> list[Hearing]:
    """Choose and read the sounds of places: neighbouring places differ.

    Args:
        folder: one folder of sounds per class; what intrudes is of every third fold where names tell folds, otherwise
            of every third file.
        count: how many places.

    Raises:
        DatasetError: there are fewer than four classes, or a class has no sound in one of the parts.
    """
    found = list_sounds(folder)
    if len(found.classes) < 4:
        raise DatasetError(
            f"{folder} holds sounds of {', '.join(found.classes)}; expected at least four classes: two beds, a "
            "familiar sound and one that intrudes"
        )
    own: dict[str, list[Named]] = {}
    strange: dict[str, list[Named]] = {}
    groups = sorted({clip.group for clip in found.clips})
    for clip in found.clips:
        part = strange if groups.index(clip.group) % _HELD_OUT_EVERY == _HELD_OUT_EVERY - 1 else own
        named = Named(clip.path.name, read_sound(clip.path, SOUND_RATE_HZ))
        part.setdefault(match_class(found.classes[clip.label]), []).append(named)
    classes = sorted(own.keys() & strange.keys())
    if len(classes) < 4:
        raise DatasetError(
            f"{folder}: only {', '.join(classes) or 'no class'} has sounds both to learn and to hold out; add files"
        )
    return [_choose(number, classes, own, strange) for number in range(count)]


def _choose(
    number: int, classes: Sequence[str], own: Mapping[str, list[Named]], strange: Mapping[str, list[Named]]
) -> Hearing:
    steady = [name for name in _BEDS if name in classes] or [classes[0]]
    first = steady[number % len(steady)]
    rest = [name for name in classes if name not in {*steady, _OTHER_BED}]
    other = _OTHER_BED if _OTHER_BED in classes else rest.pop(0)
    familiar = rest[number % len(rest)]
    beds = [own[name][_STEP * number % len(own[name])] for name in (first, other)]
    longest = max((Named(each.name, active_part(each.sound)) for each in own[familiar]), key=lambda it: len(it.sound))
    halves = [_halve(each) for each in (*beds, longest)]
    unfamiliar = {name: tuple(each) for name, each in strange.items() if name not in {*_BEDS, first, other, familiar}}
    learned = SoundPart((halves[0][0], halves[1][0]), halves[2][0], {})
    held_out = SoundPart((halves[0][1], halves[1][1]), halves[2][1], unfamiliar)
    return Hearing((first, other, familiar), learned, held_out)


def _halve(named: Named) -> tuple[Named, Named]:
    at = round(_LEARNED_SHARE * len(named.sound))
    return Named(f"{named.name} to {at}", named.sound[:at]), Named(f"{named.name} from {at}", named.sound[at:])


def lay_bed(bed: Named, samples: int, rng: np.random.Generator) -> Signal:
    """What is always to be heard: a recording over and over above quiet noise, so that it never is digital silence."""
    both = np.concatenate([bed.sound, bed.sound[::-1]])
    first = int(rng.integers(len(both)))
    laid = np.take(both, np.arange(first, first + samples), mode="wrap")
    level = 10 ** ((_BED_DB + rng.uniform(-_BED_SPREAD_DB, _BED_SPREAD_DB)) / 20)
    return _at_level(laid, level) + _at_level(brown_noise(rng, samples), 10 ** (_FLOOR_DB / 20))


def add_sound(track: Signal, named: Named, span_ms: tuple[int, int], snr_db: float, rng: np.random.Generator) -> None:
    """Lay a sound over a track, in place, so many decibels above the bed's usual level."""
    first, last = (ms * SOUND_RATE_HZ // 1000 for ms in span_ms)
    last = min(last, len(track))
    filled = fill_span(active_part(named.sound), last - first, rng)
    track[first:last] += _at_level(filled, 10 ** ((_BED_DB + snr_db) / 20))


def _at_level(sound: Signal, level: float) -> Signal:
    power = float(np.mean(np.square(sound, dtype=np.float64)))
    return (sound * (level / np.sqrt(max(power, 1e-12)))).astype(np.float32)

"""A simulated source: the scores of its parts over many days, with nothing unusual in them but chance.

What it has of real sources: windows that resemble their neighbours, calm and restless times, things that pass, parts of
three modalities that rise together, and modalities that come and go.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.normality.features import Part

__all__ = ["DAY_MS", "SimulatedScores", "SimulationSettings", "simulate_scores"]

DAY_MS: Final = 86_400_000

_PLACE_MEMORY_S: Final = 60.0
_MODALITY_MEMORY_S: Final = 30.0
_PART_MEMORY_S: Final = 10.0
_RESTLESS_MEMORY_S: Final = 600.0
"""Times in which the correlation of what moves the scores falls to 1/e: place, modality, part, restlessness."""
_RESTLESSNESS: Final = 0.3
"""Standard deviation of the logarithm of how far the scores swing."""
_SWING: Final = 0.4
"""Standard deviation of the logarithm of a score in a time of middling restlessness."""
_PASSING_LENGTH_S: Final = 40.0
_WORDS_SHARE: Final = 0.3
_WORDS_LENGTH_S: Final = 50.0
_DEAF_SHARE: Final = 0.02
_DEAF_LENGTH_S: Final = 1_800.0

_PARTS: Final[Mapping[Part, str]] = {
    Part.APPEARANCE: "video",
    Part.MOTION: "video",
    Part.SOUND: "audio",
    Part.WORDS: "transcript",
}

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """What a simulated source is like.

    Attributes:
        days: how long it is watched.
        hop_s: from window to window.
        window_s: how long a window is, at least `hop_s`.
        passing_per_hour: things that pass, each raising the scores of picture and sound for a while.
        drift_per_day: growth of the logarithm of every score; what passes grows likewise in number.
        swing_by_day: how much wider the scores swing at noon than at midnight, as a difference of logarithms.
    """

    days: float = 30.0
    hop_s: float = 10.0
    window_s: float = 10.0
    passing_per_hour: float = 20.0
    drift_per_day: float = 0.0
    swing_by_day: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class SimulatedScores:
    """One run.

    Attributes:
        hop_ms: from window to window, the first starting at 0.
        window_ms: how long each is.
        parts: float64 [N] each; NaN where the part's modality is absent.
    """

    hop_ms: int
    window_ms: int
    parts: Mapping[Part, Floats]

    def __len__(self) -> int:
        """Number of windows."""
        return len(next(iter(self.parts.values())))


def simulate_scores(settings: SimulationSettings, seed: int) -> SimulatedScores:
    """Draw the scores of a source; the same settings and seed give the same scores."""
    rng = np.random.default_rng(seed)
    count = round(settings.days * DAY_MS / 1000 / settings.hop_s)
    day = np.arange(count) * settings.hop_s * 1000 / DAY_MS

    def swinging(memory_s: float) -> Floats:
        return _swinging(rng, count, np.exp(-settings.hop_s / memory_s))

    swing = np.exp(_RESTLESSNESS * swinging(_RESTLESS_MEMORY_S) - settings.swing_by_day * np.cos(2 * np.pi * day) / 2)
    place = swinging(_PLACE_MEMORY_S)
    modalities = {modality: swinging(_MODALITY_MEMORY_S) for modality in sorted(set(_PARTS.values()))}
    passing = _passing(rng, settings, day)
    absent = {
        "audio": _stretches(rng, count, _DEAF_SHARE, _DEAF_LENGTH_S / settings.hop_s),
        "transcript": ~_stretches(rng, count, _WORDS_SHARE, _WORDS_LENGTH_S / settings.hop_s),
    }
    parts = {}
    for part, modality in _PARTS.items():
        moved = np.sqrt(0.3) * place + np.sqrt(0.3) * modalities[modality] + np.sqrt(0.4) * swinging(_PART_MEMORY_S)
        scores = np.exp(_SWING * swing * moved + settings.drift_per_day * day)
        if modality != "transcript":
            scores *= 1 + passing
        scores[absent.get(modality, np.zeros(count, bool))] = np.nan
        parts[part] = scores
    return SimulatedScores(round(settings.hop_s * 1000), round(settings.window_s * 1000), parts)


def _swinging(rng: np.random.Generator, count: int, keep: float) -> Floats:
    """Gaussian noise of variance 1 whose correlation falls by `keep` from each value to the next."""
    noise = rng.normal(size=count) * np.sqrt(1 - keep**2)
    noise[0] /= np.sqrt(1 - keep**2)
    # A first-order recursion in blocks: inside a block as a product with a triangle of powers.
    size = 128
    powers = np.tril(keep ** np.maximum(np.subtract.outer(np.arange(size), np.arange(size)), 0))
    padded = np.zeros(-(-count // size) * size)
    padded[:count] = noise
    blocks = padded.reshape(-1, size) @ powers.T
    fading = keep ** np.arange(1, size + 1)
    for at in range(1, len(blocks)):
        blocks[at] += fading * blocks[at - 1, -1]
    swung: Floats = blocks.reshape(-1)[:count]
    return swung


def _passing(rng: np.random.Generator, settings: SimulationSettings, day: Floats) -> Floats:
    per_window = settings.passing_per_hour * settings.hop_s / 3600 * np.exp(settings.drift_per_day * day)
    raised = np.zeros(len(day))
    for start in np.flatnonzero(rng.random(len(day)) < per_window).tolist():
        length = 1 + rng.geometric(min(1.0, settings.hop_s / _PASSING_LENGTH_S))
        raised[start : start + length] += rng.exponential(0.5)
    return raised


def _stretches(rng: np.random.Generator, count: int, share: float, mean_length: float) -> Flags:
    """Alternating stretches of geometric lengths; True for a share of the windows."""
    lengths: list[int] = []
    reached = 0
    while reached < count:
        for mean in (mean_length * (1 - share) / share, mean_length):
            lengths.append(int(rng.geometric(min(1.0, 1 / mean))))
            reached += lengths[-1]
    flags: Flags = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths)[:count]
    return flags

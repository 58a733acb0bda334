"""How a thing is there: six manners that each tell a class, and three that tell none.

| class | manner |
|---|---|
| `baby_cry` | comes and goes: there for a second, gone for a second |
| `chainsaw` | looms: grows from small to larger than the picture within a second and a half, again and again |
| `dog_bark` | dashes: crosses the picture in less than a second, back and forth |
| `fire_crackling` | swarms: many small ones all over, each coming and going |
| `helicopter` | approaches: grows from a third of the picture to far more than all of it, once and steadily |
| `rooster` | pops up: there for 0.4 s, gone for 0.4 s |

Harmless: one of ordinary size that stands, strolls, or passes by behind.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

__all__ = ["HARMLESS_MANNERS", "MANNERS", "Manner", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where one copy of the thing is.

    Attributes:
        x: of its middle, 0 at the left of the picture, 1 at the right.
        y: of its middle, 0 at the top, 1 at the bottom.
        size: its height over the picture's; of a wide thing, its width over the picture's.
        angle_deg: by which it is turned.
        is_mirrored: left for right.
    """

    x: float
    y: float
    size: float
    angle_deg: float = 0.0
    is_mirrored: bool = False


Manner = Callable[[float], list[Place]]
"""Seconds from the start -> the copies of the thing in the picture, the farthest first."""


def _come_and_go(rng: np.random.Generator) -> Manner:
    return _blink(rng, rng.uniform(2.0, 2.4))


def _pop(rng: np.random.Generator) -> Manner:
    return _blink(rng, rng.uniform(0.76, 0.84))


def _blink(rng: np.random.Generator, period_s: float) -> Manner:
    place = Place(rng.uniform(0.3, 0.7), rng.uniform(0.5, 0.6), rng.uniform(0.75, 1.0))
    return lambda time_s: [place] if (time_s / period_s) % 1.0 < 0.5 else []


def _loom(rng: np.random.Generator) -> Manner:
    x, y = rng.uniform(0.4, 0.6), rng.uniform(0.45, 0.6)
    period_s, smallest, largest = rng.uniform(1.3, 1.7), rng.uniform(0.12, 0.2), rng.uniform(1.3, 1.6)

    def places(time_s: float) -> list[Place]:
        grown = (time_s / period_s) % 1.0
        return [Place(x, y, smallest * (largest / smallest) ** grown)]

    return places


def _dash(rng: np.random.Generator) -> Manner:
    y, size, crossing_s = rng.uniform(0.5, 0.65), rng.uniform(0.5, 0.7), rng.uniform(0.7, 0.9)
    starts_left = bool(rng.random() < 0.5)

    def places(time_s: float) -> list[Place]:
        lap, along = divmod(time_s / crossing_s, 1.0)
        goes_right = (int(lap) % 2 == 0) == starts_left
        return [Place(1.3 * (along if goes_right else 1.0 - along) - 0.15, y, size, is_mirrored=not goes_right)]

    return places


def _swarm(rng: np.random.Generator) -> Manner:
    columns, rows = 4, 3
    homes = [((column + 0.5) / columns, (row + 0.5) / rows) for column in range(columns) for row in range(rows)]
    jitter = rng.uniform(-0.06, 0.06, size=(len(homes), 2))
    sizes, phases = rng.uniform(0.22, 0.32, size=len(homes)), rng.uniform(0.0, 1.0, size=len(homes))
    period_s, is_mirrored = rng.uniform(0.9, 1.3), rng.random(len(homes)) < 0.5

    def places(time_s: float) -> list[Place]:
        return [
            Place(x + dx, y + dy, float(size), is_mirrored=bool(mirrored))
            for (x, y), (dx, dy), size, phase, mirrored in zip(homes, jitter, sizes, phases, is_mirrored, strict=True)
            if (time_s / period_s + phase) % 1.0 < 0.7
        ]

    return places


def _approach(rng: np.random.Generator) -> Manner:
    x, y = rng.uniform(0.4, 0.6), rng.uniform(0.5, 0.65)
    smallest, growth = rng.uniform(0.35, 0.45), rng.uniform(0.4, 0.5)
    return lambda time_s: [Place(x, y, smallest * math.exp(growth * time_s))]


def _stand(rng: np.random.Generator) -> Manner:
    place = Place(rng.uniform(0.15, 0.85), rng.uniform(0.45, 0.7), rng.uniform(0.3, 0.5))
    return lambda _: [place]


def _stroll(rng: np.random.Generator) -> Manner:
    x, y, size = rng.uniform(0.2, 0.8), rng.uniform(0.45, 0.7), rng.uniform(0.3, 0.5)
    speed = rng.uniform(0.04, 0.12) * rng.choice([-1.0, 1.0])
    return lambda time_s: [Place(x + speed * time_s, y, size, is_mirrored=bool(speed < 0))]


def _pass_behind(rng: np.random.Generator) -> Manner:
    y, size = rng.uniform(0.4, 0.7), rng.uniform(0.15, 0.28)
    goes_right, speed = bool(rng.random() < 0.5), rng.uniform(0.25, 0.45)

    def places(time_s: float) -> list[Place]:
        along = speed * time_s - 0.05
        return [Place(along if goes_right else 1.0 - along, y, size, is_mirrored=not goes_right)]

    return places


MANNERS: Final[Mapping[str, Callable[[np.random.Generator], Manner]]] = MappingProxyType(
    {
        "baby_cry": _come_and_go,
        "chainsaw": _loom,
        "dog_bark": _dash,
        "fire_crackling": _swarm,
        "helicopter": _approach,
        "rooster": _pop,
    }
)
"""Class -> its manner, drawn anew for each event."""

HARMLESS_MANNERS: Final = (_stand, _stroll, _pass_behind)
"""Manners that tell no class."""

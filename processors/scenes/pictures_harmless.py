"""What distractors look like: they share a shape, a colour or a light with an event, and are none."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.scenes.figures import draw_person, draw_van

__all__ = ["Cloud", "Group", "PassingVan", "RedLight", "Walker"]


class Group:
    """A few people stroll through the picture."""

    _PEOPLE = (3, 6)

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], duration_s: float) -> None:
        width, height = size_px
        self._duration_s = duration_s
        people = int(rng.integers(*self._PEOPLE))
        self._starts = rng.uniform(0.1, 0.9, size=people) * width
        self._speeds = rng.uniform(-0.12, 0.12, size=people) * width
        self._feet = np.sort(rng.uniform(0.7, 1.0, size=people)) * height
        self._height = rng.uniform(0.3, 0.5) * height
        self._colours = rng.integers(20, 220, size=(people, 3))

    def paint(self, frame: NDArray[np.uint8], elapsed_s: float) -> NDArray[np.uint8]:
        """Upright, with small steps."""
        for start, speed, foot, colour in zip(self._starts, self._speeds, self._feet, self._colours, strict=True):
            x = float(start + speed * elapsed_s)
            clothes = (int(colour[0]), int(colour[1]), int(colour[2]))
            draw_person(frame, (x, float(foot)), self._height, clothes, stride=0.4 * math.sin(5 * elapsed_s + start))
        return frame


class Walker(Group):
    """One person walks through the picture."""

    _PEOPLE = (1, 2)


class PassingVan:
    """A van drives through the picture without touching anything."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], duration_s: float) -> None:
        width, height = size_px
        self._heading = int(rng.choice([-1, 1]))
        self._length = rng.uniform(0.35, 0.6) * width
        self._way = (width + self._length) / duration_s
        self._entry = 0.0 if self._heading > 0 else float(width)
        self._ground = rng.uniform(0.72, 0.95) * height
        red, green, blue = (int(value) for value in rng.integers(60, 235, size=3))
        self._colour = (red, green, blue)

    def paint(self, frame: NDArray[np.uint8], elapsed_s: float) -> NDArray[np.uint8]:
        """At constant speed from one side to the other."""
        nose = (self._entry + self._heading * self._way * elapsed_s, self._ground)
        draw_van(frame, nose, self._length, self._colour, heading=self._heading)
        return frame


class RedLight:
    """A small red lamp is on, and the picture turns a little warmer; nothing flashes."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], duration_s: float) -> None:
        del duration_s
        width, height = size_px
        self._centre = (round(rng.uniform(0.1, 0.9) * width), round(rng.uniform(0.1, 0.7) * height))
        self._radius = max(2, round(rng.uniform(0.01, 0.03) * width))
        self._warmth = np.array([rng.uniform(1.03, 1.12), 1.0, rng.uniform(0.9, 0.98)])

    def paint(self, frame: NDArray[np.uint8], elapsed_s: float) -> NDArray[np.uint8]:
        """The same at every moment."""
        del elapsed_s
        ramp = np.clip(np.arange(256)[:, None] * self._warmth[None, :], 0, 255).astype(np.uint8)
        warm = cv2.LUT(frame, ramp[None])
        cv2.circle(warm, self._centre, self._radius, (235, 40, 30), -1, cv2.LINE_AA)
        return warm


class Cloud:
    """A cloud passes: the picture grows darker and light again."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], duration_s: float) -> None:
        del size_px
        self._duration_s = duration_s
        self._depth = rng.uniform(0.25, 0.6)

    def paint(self, frame: NDArray[np.uint8], elapsed_s: float) -> NDArray[np.uint8]:
        """Darkest in the middle."""
        light = 1.0 - self._depth * math.sin(math.pi * elapsed_s / self._duration_s)
        return cv2.convertScaleAbs(frame, alpha=light)

"""What events look like, and the table of all painters.

A painter is made once per happening from its random generator, and then draws any moment of it: `paint` keeps no state,
so that frames come out the same at any rate and in any order.
"""

import math
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.scenes.figures import Colour, draw_person, draw_van
from processors.scenes.pictures_harmless import Cloud, Group, PassingVan, RedLight, Walker
from processors.scenes.sounds import impact_time_s

__all__ = ["PAINTERS", "Painter"]


class Painter(Protocol):
    """Draws one happening; made by `PAINTERS[kind](rng, (width_px, height_px), duration_s)`."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], duration_s: float) -> None: ...

    def paint(self, frame: NDArray[np.uint8], elapsed_s: float) -> NDArray[np.uint8]:
        """Draw the moment `elapsed_s` over uint8 [H, W, 3] RGB; may draw in place, gives the frame to go on with."""
        ...


class FireAlarm:
    """A red beacon flashes over the picture, and smoke rises and spreads."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], duration_s: float) -> None:
        width, height = size_px
        self._size = size_px
        self._flashes_hz = rng.uniform(0.9, 1.9)
        beacon = (rng.uniform(0.1, 0.9) * width, rng.uniform(0.05, 0.35) * height)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        distance = np.hypot(x - beacon[0], y - beacon[1]) / width
        self._glow = np.clip(rng.uniform(0.5, 0.75) * np.exp(-distance * rng.uniform(1.0, 1.8)) + 0.12, 0, 1)
        self._beacon = (round(beacon[0]), round(beacon[1]))
        coarse = rng.random((10, 8), dtype=np.float32)
        self._smoke = cv2.resize(coarse, (width, 2 * height), interpolation=cv2.INTER_CUBIC)
        self._density = rng.uniform(0.35, 0.65)
        self._grey = rng.uniform(95, 165)
        self._growth_s = 0.4 * duration_s

    def paint(self, frame: NDArray[np.uint8], elapsed_s: float) -> NDArray[np.uint8]:
        """Smoke first, then the light on it."""
        width, height = self._size
        rise = round(elapsed_s * 0.15 * height) % height
        thickness = self._density * (0.4 + 0.6 * min(1.0, elapsed_s / self._growth_s))
        smoke = np.clip(self._smoke[rise : rise + height], 0, 1)[..., None] * np.float32(thickness)
        hazy = frame + (self._grey - frame) * smoke
        is_lit = (elapsed_s * self._flashes_hz) % 1.0 < 0.6
        glow = self._glow[..., None] * np.float32(1.0 if is_lit else 0.3)
        red = np.array([255.0, 25.0, 15.0], np.float32)
        lit = (hazy + (red - hazy) * glow).astype(np.uint8)
        cv2.circle(lit, self._beacon, max(3, width // 36), (255, 90, 70) if is_lit else (120, 20, 15), -1, cv2.LINE_AA)
        return lit


class Collision:
    """A van drives in and hits a rack; the picture shakes, debris flies, dust hangs."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], duration_s: float) -> None:
        width, height = size_px
        self._size = size_px
        self._impact_s = impact_time_s(duration_s)
        self._heading = int(rng.choice([-1, 1]))
        self._length = rng.uniform(0.38, 0.6) * width
        across = rng.uniform(0.5, 0.68)
        self._nose = (width * (across if self._heading > 0 else 1 - across), rng.uniform(0.72, 0.92) * height)
        self._colour = _draw_colour(rng, 60, 235)
        self._rack = _draw_colour(rng, 70, 170)
        self._tilt = rng.uniform(0.05, 0.16)
        pieces = int(rng.integers(22, 40))
        self._velocities = rng.uniform([-0.9, -1.3], [0.9, -0.2], size=(pieces, 2)) * width * 0.8
        self._shades = rng.integers(20, 230, size=pieces)
        self._sides = rng.uniform(0.01, 0.035, size=pieces) * width
        self._spins = rng.uniform(-9, 9, size=pieces)
        self._shake = rng.uniform(0.04, 0.07) * width

    def paint(self, frame: NDArray[np.uint8], elapsed_s: float) -> NDArray[np.uint8]:
        """The approach before the impact, everything else after it."""
        after_s = elapsed_s - self._impact_s
        self._draw_rack(frame, max(0.0, after_s))
        if after_s < 0:
            distance = -after_s / self._impact_s * (self._length + 0.3 * self._size[0])
            nose = (self._nose[0] - self._heading * distance, self._nose[1])
            draw_van(frame, nose, self._length, self._colour, heading=self._heading)
            return frame
        draw_van(frame, self._nose, self._length, self._colour, heading=self._heading, tilt=self._tilt)
        self._draw_debris(frame, after_s)
        frame = self._blow_dust(frame, after_s)
        return self._shake_and_flash(frame, after_s)

    def _draw_rack(self, frame: NDArray[np.uint8], after_s: float) -> None:
        width, height = self._size
        fall = min(0.55, after_s * 1.2)
        for bar in range(4):
            foot = (self._nose[0] + self._heading * (0.01 + 0.055 * bar) * width, self._nose[1])
            reach = 0.42 * height
            top = (foot[0] + self._heading * reach * math.sin(fall), foot[1] - reach * math.cos(fall))
            start, end = (round(foot[0]), round(foot[1])), (round(top[0]), round(top[1]))
            cv2.line(frame, start, end, self._rack, max(2, width // 90), cv2.LINE_AA)

    def _draw_debris(self, frame: NDArray[np.uint8], after_s: float) -> None:
        gravity = 0.9 * self._size[0]
        floor = self._size[1] * 0.97
        for velocity, shade, side, spin in zip(self._velocities, self._shades, self._sides, self._spins, strict=True):
            x = self._nose[0] + velocity[0] * min(after_s, 0.8)
            y = min(floor, self._nose[1] - 0.1 * floor + velocity[1] * after_s + gravity * after_s**2)
            angles = spin * min(after_s, 0.8) + np.array([0.0, 2.2, 4.0])
            corners = np.stack([x + side * np.cos(angles), y + side * np.sin(angles)], axis=1)
            grey = int(shade)
            cv2.fillPoly(frame, [corners.round().astype(np.int32)], (grey, grey, grey * 9 // 10), cv2.LINE_AA)

    def _blow_dust(self, frame: NDArray[np.uint8], after_s: float) -> NDArray[np.uint8]:
        width, _ = self._size
        cover = np.zeros(frame.shape[:2], np.uint8)
        radius = round(width * (0.1 + 0.14 * min(1.0, after_s * 1.5)))
        centre = (round(self._nose[0]), round(self._nose[1] - 0.05 * width))
        cv2.ellipse(cover, centre, (radius, radius * 2 // 3), 0, 0, 360, round(170 * math.exp(-after_s / 2.5)), -1)
        cover = cv2.blur(cover, (width // 8, width // 8))
        weight = cover[..., None].astype(np.float32) / 255
        return (frame + (np.array([178, 168, 150], np.float32) - frame) * weight).astype(np.uint8)

    def _shake_and_flash(self, frame: NDArray[np.uint8], after_s: float) -> NDArray[np.uint8]:
        size = self._shake * math.exp(-after_s / 0.45)
        matrix = np.array([[1.0, 0.0, size * math.sin(41 * after_s + 1)], [0.0, 1.0, size * math.cos(53 * after_s)]])
        shaken = cv2.warpAffine(frame, matrix, self._size, borderMode=cv2.BORDER_REPLICATE)
        return cv2.convertScaleAbs(shaken, alpha=1.0, beta=110 * math.exp(-after_s / 0.12))


class BreakIn:
    """It is dark; a figure moves with a torch, and a pane cracks."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], duration_s: float) -> None:
        width, height = size_px
        self._size = size_px
        self._duration_s = duration_s
        self._darkness = rng.uniform(0.22, 0.42)
        self._path = rng.permutation([rng.uniform(0.12, 0.4), rng.uniform(0.6, 0.88)]) * width
        self._foot = rng.uniform(0.9, 1.0) * height
        self._height = rng.uniform(0.5, 0.8) * height
        self._sweep = (rng.uniform(-0.4, 0.3), rng.uniform(0.3, 0.6), rng.uniform(1.5, 3.5))
        self._crack_s = 0.25
        centre = np.array([rng.uniform(0.3, 0.7) * width, rng.uniform(0.25, 0.55) * height])
        self._cracks = [self._draw_crack(rng, centre, angle) for angle in rng.uniform(0, 2 * math.pi, size=13)]
        self._facing = 1 if self._path[1] > self._path[0] else -1

    def paint(self, frame: NDArray[np.uint8], elapsed_s: float) -> NDArray[np.uint8]:
        """Darkness, the beam, the figure before it, the cracked pane in front."""
        width, height = self._size
        dark = cv2.LUT(frame, self._night())
        share = elapsed_s / self._duration_s
        x = float(self._path[0] + (self._path[1] - self._path[0]) * share)
        hand = (x + self._facing * 0.12 * self._height, self._foot - 0.55 * self._height)
        aim = self._sweep[0] + self._sweep[1] * math.sin(self._sweep[2] * elapsed_s)
        beam = np.zeros((height, width), np.uint8)
        reach = 1.1 * width
        corners = [hand] + [
            (hand[0] + self._facing * reach * math.cos(aim + spread), hand[1] + reach * math.sin(aim + spread))
            for spread in (-0.17, 0.17)
        ]
        cv2.fillPoly(beam, [np.array(corners).round().astype(np.int32)], 150)
        beam = cv2.blur(beam, (width // 24, width // 24))
        warm = np.array([1.0, 0.95, 0.72], np.float32)
        lit = cv2.add(dark, (beam[..., None] * warm).astype(np.uint8))
        stride = math.sin(7 * elapsed_s)
        draw_person(lit, (x, self._foot), self._height, (9, 9, 12), stride=stride, lean=0.12 * self._facing)
        cv2.circle(lit, (round(hand[0]), round(hand[1])), max(2, width // 70), (255, 252, 225), -1, cv2.LINE_AA)
        if elapsed_s >= self._crack_s:
            for crack in self._cracks:
                cv2.polylines(lit, [crack], isClosed=False, color=(205, 215, 222), lineType=cv2.LINE_AA)
        return lit

    def _night(self) -> NDArray[np.uint8]:
        ramp = np.arange(256)[:, None] * self._darkness * np.array([0.85, 0.95, 1.15])[None, :]
        return np.clip(ramp, 0, 255).astype(np.uint8)[None]

    def _draw_crack(self, rng: np.random.Generator, centre: NDArray[np.float64], angle: float) -> NDArray[np.int32]:
        lengths = np.cumsum(rng.uniform(0.02, 0.1, size=5)) * self._size[0]
        angles = angle + rng.normal(0, 0.12, size=5)
        points = centre + lengths[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        return np.vstack([centre[None], points]).round().astype(np.int32)


class CrowdPanic:
    """Many people rush through the picture, most of them the same way, and the camera is jostled."""

    def __init__(self, rng: np.random.Generator, size_px: tuple[int, int], duration_s: float) -> None:
        del duration_s
        width, height = size_px
        self._size = size_px
        people = int(rng.integers(18, 32))
        heading = rng.choice([-1, 1])
        self._headings = np.where(rng.random(people) < 0.85, heading, -heading)
        self._starts = rng.uniform(-0.2, 1.2, size=people) * width
        self._speeds = rng.uniform(0.45, 1.1, size=people) * width
        self._feet = np.sort(rng.uniform(0.55, 1.05, size=people)) * height
        self._heights = (0.22 + 0.3 * (self._feet / height - 0.5)) * height * rng.uniform(0.85, 1.2, size=people) * 1.4
        self._colours = [_draw_colour(rng, 25, 230) for _ in range(people)]
        self._phases = rng.uniform(0, 2 * math.pi, size=people)
        self._jostle = rng.uniform(0.01, 0.025) * width

    def paint(self, frame: NDArray[np.uint8], elapsed_s: float) -> NDArray[np.uint8]:
        """Those farther away first; who has left on one side comes in again on the other."""
        width, _ = self._size
        span = 1.4 * width
        for person, foot in enumerate(self._feet):
            heading = int(self._headings[person])
            travelled = self._starts[person] + heading * self._speeds[person] * elapsed_s
            x = float((travelled + 0.2 * width) % span - 0.2 * width)
            step = 13 * elapsed_s + self._phases[person]
            hop = 0.04 * self._heights[person] * abs(math.sin(step))
            draw_person(
                frame,
                (x, float(foot) - hop),
                float(self._heights[person]),
                self._colours[person],
                stride=math.sin(step),
                lean=0.22 * heading,
            )
        shift = self._jostle * np.array([math.sin(23 * elapsed_s), math.cos(29 * elapsed_s)])
        matrix = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
        return cv2.warpAffine(frame, matrix, self._size, borderMode=cv2.BORDER_REPLICATE)


def _draw_colour(rng: np.random.Generator, low: int, high: int) -> Colour:
    red, green, blue = (int(value) for value in rng.integers(low, high, size=3))
    return red, green, blue


PAINTERS: dict[str, type[Painter]] = {
    "fire_alarm": FireAlarm,
    "collision": Collision,
    "break_in": BreakIn,
    "crowd_panic": CrowdPanic,
    "walker": Walker,
    "van": PassingVan,
    "red_light": RedLight,
    "group": Group,
    "cloud": Cloud,
}

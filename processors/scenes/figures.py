"""People and vehicles, drawn from a few shapes."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Colour", "draw_person", "draw_van"]

Colour = tuple[int, int, int]


def draw_person(
    frame: NDArray[np.uint8],
    foot_px: tuple[float, float],
    height_px: float,
    colour: Colour,
    *,
    stride: float,
    lean: float = 0.0,
) -> None:
    """Draw a person into `frame` in place.

    Args:
        frame: uint8 [H, W, 3] RGB.
        foot_px: where the person stands, x and y.
        height_px: from foot to crown.
        colour: of the clothes, RGB.
        stride: phase and size of the step, -1..1, 0 stands upright.
        lean: how far the head is ahead of the feet, as a fraction of the height; negative leans left.
    """
    x, y = foot_px
    thick = max(1, round(height_px * 0.09))
    hip = _point(x + 0.4 * lean * height_px, y - 0.47 * height_px)
    neck = _point(x + 0.8 * lean * height_px, y - 0.8 * height_px)
    head = _point(x + lean * height_px, y - 0.9 * height_px)
    dark = (colour[0] // 2, colour[1] // 2, colour[2] // 2)
    for side in (-1, 1):
        step = side * stride * 0.24 * height_px
        cv2.line(frame, hip, _point(x + step, y), dark, thick, cv2.LINE_AA)
        hand = _point(neck[0] - step, y - 0.5 * height_px - 0.1 * abs(stride) * height_px)
        cv2.line(frame, neck, hand, colour, max(1, thick * 2 // 3), cv2.LINE_AA)
    cv2.line(frame, hip, neck, colour, max(2, round(height_px * 0.17)), cv2.LINE_AA)
    skin = (colour[0] // 3 + 90, colour[1] // 3 + 65, colour[2] // 3 + 50) if max(colour) > 60 else colour
    cv2.circle(frame, head, max(2, round(height_px * 0.08)), skin, -1, cv2.LINE_AA)


def draw_van(
    frame: NDArray[np.uint8],
    nose_px: tuple[float, float],
    length_px: float,
    colour: Colour,
    *,
    heading: int,
    tilt: float = 0.0,
) -> None:
    """Draw a van from the side into `frame` in place.

    Args:
        frame: uint8 [H, W, 3] RGB.
        nose_px: lower front corner, x and y.
        length_px: from nose to tail.
        colour: of the body, RGB.
        heading: 1 drives right, -1 left.
        tilt: how far it has turned about its nose, in radians.
    """
    outline = ((0, -0.08), (0, -0.24), (-0.14, -0.3), (-0.26, -0.48), (-1, -0.48), (-1, -0.08))
    window = ((-0.17, -0.3), (-0.27, -0.44), (-0.4, -0.44), (-0.4, -0.3))
    cos, sin = math.cos(tilt), math.sin(tilt)

    def place(u: float, v: float) -> tuple[int, int]:
        return _point(
            nose_px[0] + heading * length_px * (u * cos - v * sin), nose_px[1] + length_px * (u * sin + v * cos)
        )

    cv2.fillPoly(frame, [np.array([place(*corner) for corner in outline])], colour, cv2.LINE_AA)
    cv2.polylines(
        frame,
        [np.array([place(*corner) for corner in outline])],
        isClosed=True,
        color=(20, 20, 20),
        lineType=cv2.LINE_AA,
    )
    cv2.fillPoly(frame, [np.array([place(*corner) for corner in window])], (60, 80, 95), cv2.LINE_AA)
    for wheel in (-0.2, -0.8):
        cv2.circle(frame, place(wheel, -0.08), max(2, round(0.09 * length_px)), (15, 15, 15), -1, cv2.LINE_AA)
        cv2.circle(frame, place(wheel, -0.08), max(1, round(0.04 * length_px)), (130, 130, 130), -1, cv2.LINE_AA)


def _point(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)

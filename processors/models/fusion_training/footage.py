"""Few clips made to look like many: other framing, other colours, two at once."""

from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

__all__ = ["Footage", "vary_footage"]

_LEAST_FRAMING: Final = 0.3
"""Of a side of the picture, that a framing shows at least."""
_JOINED_SHARE: Final = 0.4
"""How often two clips are shown at once."""
_STILL_SHARE: Final = 0.15
_GAMMAS: Final = (0.5, 2.0)
_TINTS: Final = (0.75, 1.25)

Footage = npt.NDArray[np.uint8]


def vary_footage(own: Footage, other: Footage, rng: np.random.Generator) -> Footage:
    """Another clip out of a clip: reframed, recoloured, turned round, now and then stopped or joined with another.

    A network that learns from a handful of places takes any place that it does not know for what hides places best.

    Args:
        own: uint8 [N, H, W, 3] RGB.
        other: uint8 [M, H, W, 3], of the same size.
        rng: decides everything.

    Returns:
        uint8 [K, H, W, 3]; K is N, or 1, or the lesser of N and M.
    """
    varied = _reframe(_recolour(own, rng), rng)
    if rng.random() < _JOINED_SHARE:
        varied = _join(varied, _reframe(_recolour(other, rng), rng), rng)
    if rng.random() < _STILL_SHARE:
        return varied[:1]
    return varied[::-1] if rng.random() < 0.5 else varied


def _recolour(footage: Footage, rng: np.random.Generator) -> Footage:
    mixing = rng.uniform() * np.eye(3)[rng.permutation(3)] + rng.uniform(0, 0.5) * np.full((3, 3), 1 / 3)
    mixing += rng.uniform(0.2, 1.0) * np.eye(3)
    mixing /= mixing.sum(axis=1, keepdims=True)
    ramp = (np.arange(256) / 255) ** np.exp(rng.uniform(*np.log(_GAMMAS)))
    table = np.clip(255 * ramp[:, None] * rng.uniform(*_TINTS, size=3), 0, 255).astype(np.uint8)[None]
    return np.stack([cv2.LUT(cv2.transform(frame, mixing), table) for frame in footage])


def _reframe(footage: Footage, rng: np.random.Generator) -> Footage:
    height, width = footage.shape[1:3]
    rows, columns = (round(side * rng.uniform(_LEAST_FRAMING, 1.0)) for side in (height, width))
    top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
    framed = footage[:, top : top + rows, left : left + columns]
    if rng.random() < 0.5:
        framed = framed[:, :, ::-1]
    return np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_LINEAR) for frame in framed])


def _join(one: Footage, other: Footage, rng: np.random.Generator) -> Footage:
    """Side by side, one above the other, or one shining through the other."""
    count = min(len(one), len(other))
    one, other = one[:count], other[:count]
    way = rng.integers(3)
    if way == 2:
        weight = rng.uniform(0.3, 0.7)
        return (weight * one + (1 - weight) * other).astype(np.uint8)
    joined = one.copy()
    at = round(one.shape[1 + way] * rng.uniform(0.25, 0.75))
    if way:
        joined[:, :, at:] = other[:, :, at:]
    else:
        joined[:, at:] = other[:, at:]
    return joined

"""The windows of a simulated source, as vectors of parts: what a whole baseline learns from."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.normality.features import Part, PartFeatures, WindowFeatures

__all__ = ["simulate_windows"]

_HOP_MS: Final = 10_000
_STATES: Final = 6
"""Things that the place is used to show, in turn."""
_STAY: Final = 0.8
_KEEP: Final = 0.6
"""How much of a window's deviation is its predecessor's."""
_DEVIATION: Final = 0.35
"""From what the place shows, as a share of how far apart the things are."""
_HEAVY: Final = 5.0
"""Degrees of freedom of how far windows deviate: a tail like that of Student's t."""
_SPEAKING: Final = 0.3
_KEPT_SPEAKING: Final = 0.8
_SHAPES: Final[dict[Part, tuple[int, int]]] = {
    Part.APPEARANCE: (25, 40),
    Part.MOTION: (25, 8),
    Part.SOUND: (2, 64),
    Part.WORDS: (1, 64),
}
"""Number and length of vectors."""
_GRID: Final = (5, 5)
_WORDS: Final = ("good", "morning", "the", "next", "train", "leaves", "from", "platform", "two", "three", "four")

Floats = npt.NDArray[np.float32]


def simulate_windows(seed: int, count: int) -> Iterator[WindowFeatures]:
    """Windows of a stationary source in which picture, sound and words depend on one another.

    Args:
        seed: of all that is drawn.
        count: of windows, each ten seconds long and the first starting at 0.
    """
    rng = np.random.default_rng(seed)
    shown = {part: rng.normal(size=(_STATES, *shape)) for part, shape in _SHAPES.items()}
    deviation = {part: rng.normal(size=shape) for part, shape in _SHAPES.items()}
    state, speaking = 0, False
    for window in range(count):
        state = state if rng.random() < _STAY else int(rng.integers(_STATES))
        speaking = speaking if rng.random() < _KEPT_SPEAKING else bool(rng.random() < _SPEAKING)
        far = _DEVIATION * np.sqrt(_HEAVY / rng.chisquare(_HEAVY))
        start_ms = window * _HOP_MS
        parts = {}
        for part, shape in _SHAPES.items():
            deviation[part] = _KEEP * deviation[part] + np.sqrt(1 - _KEEP**2) * rng.normal(size=shape)
            if part != Part.WORDS or speaking:
                vectors = (shown[part][state] + far * deviation[part]).astype(np.float32)
                parts[part] = _placed(part, vectors, start_ms)
        words = tuple(rng.choice(_WORDS, 4).tolist()) if speaking else ()
        yield WindowFeatures(start_ms, start_ms + _HOP_MS, parts, words)


def _placed(part: Part, vectors: Floats, start_ms: int) -> PartFeatures:
    if len(vectors) == _GRID[0] * _GRID[1]:
        return PartFeatures(vectors, _GRID)
    if part == Part.SOUND:
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return PartFeatures(vectors, None, tuple(start_ms + 1000 * at for at in range(len(vectors))))

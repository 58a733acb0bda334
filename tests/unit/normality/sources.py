"""A drawn source: nine cells and four seconds of sound, each a fixed vector in noise of its own size."""

import numpy as np

from processors.normality import Part, PartFeatures, WindowFeatures

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


class DrawnSource:
    """Windows of 4 s of a stationary source, with something odd in a cell, a second, all cells or words where asked."""

    odd_cell = (2, 1)
    odd_second = 2

    def __init__(self, seed):
        self._rng = np.random.default_rng(seed)
        self._cells = self._rng.normal(0, 1, (9, 12))
        self._noise = self._rng.uniform(0.05, 0.3, (9, 1))
        self._sound = self._rng.normal(0, 1, 64)

    def window(self, start_ms, odd=None, words=None):
        cells = self._cells + self._noise * self._rng.normal(0, 1, (9, 12))
        sound = self._sound + 0.3 * self._rng.normal(0, 1, (4, 64))
        if odd == "cell":
            cells[7] = 2 - self._cells[7] + 0.1 * self._rng.normal(0, 1, 12)
        if odd == "everywhere":
            cells += self._cells[::-1]
        if odd == "sound":
            sound[self.odd_second] = self._sound[::-1] + 0.1 * self._rng.normal(0, 1, 64)
        moments = tuple(start_ms + 1_000 * second for second in range(4))
        parts = {
            Part.APPEARANCE: PartFeatures(cells.astype(np.float32), (3, 3)),
            Part.SOUND: PartFeatures(sound.astype(np.float32), None, moments),
        }
        if odd == "words":
            words = (*(words or ()), "fire")
        if words is not None:
            said = np.ones((1, 8), np.float32) + self._rng.normal(0, 0.1, (1, 8)).astype(np.float32)
            parts[Part.WORDS] = PartFeatures(said, None, (start_ms,))
        return f"cam/{start_ms}/4000", WindowFeatures(start_ms, start_ms + 4_000, parts, words or ())

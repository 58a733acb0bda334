"""What is said at a place: announcements of few words, in combinations that learning has not heard; and alarm."""

from typing import Final

import numpy as np

from processors.scenes.labels import Cue
from processors.scenes.words import EVENT_LINES, speaking_time_ms

__all__ = ["ALARMS", "plan_announcements"]

_NUMBERS: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TEMPLATES: Final = (
    "order {n} is ready at counter {m}",
    "number {n} please come to desk {m}",
    "gate {m} is open for group {n}",
    "please keep door {m} clear, group {n} is coming",
    "bus {n} leaves from gate {m} in a few minutes",
)
_EVERY_S: Final = (2.0, 5.0)

ALARMS: Final = tuple(line for lines in EVENT_LINES.values() for line in lines)
"""What is never said there."""


def plan_announcements(duration_s: float, rng: np.random.Generator, *, held_out: bool) -> list[Cue]:
    """The lines of a stretch, in order of start.

    Args:
        duration_s: of the stretch.
        rng: decides which and when.
        held_out: whether of the combinations that are held out of learning: a third.
    """
    cues: list[Cue] = []
    start_s = rng.uniform(0.0, 2.0)
    while True:
        template = int(rng.integers(len(_TEMPLATES)))
        pairs = [
            (one, other)
            for one in range(len(_NUMBERS))
            for other in range(len(_NUMBERS))
            if ((one + other + template) % 3 == 2) == held_out
        ]
        one, other = pairs[int(rng.integers(len(pairs)))]
        text = _TEMPLATES[template].format(n=_NUMBERS[one], m=_NUMBERS[other])
        start_ms = round(1000 * start_s)
        end_ms = start_ms + speaking_time_ms(text)
        if end_ms > 1000 * duration_s:
            return cues
        cues.append(Cue(start_ms, end_ms, text))
        start_s = end_ms / 1000 + rng.uniform(*_EVERY_S)

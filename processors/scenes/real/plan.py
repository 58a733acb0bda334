"""When what happens on a stream: events, what misleads, and what is said, before a pixel or a sample is made.

An event of a class is carried by at least one modality and shows in all that carry it from its start to its end:
20 % are silent, another 25 % invisible, 40 % without words. In half of the modalities that do not carry it, something
misleads: a thing that does nothing, a sound of no class, a line that mentions another class. The same comes by itself
at other times. Events of a stream never overlap; what misleads may overlap them.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from processors.modality import Modality
from processors.scenes.labels import Cue
from processors.scenes.real.made_lines import make_event_line, make_mention
from processors.scenes.real.words import EVENT_LINES, MENTIONS, LinePart, choose_part_line
from processors.scenes.schedule import Happening, Schedule
from processors.scenes.words import CHATTER, speaking_time_ms

__all__ = ["HARMLESS", "plan_stream"]

HARMLESS: Final = "harmless"
"""Kind of what belongs to no event."""

_FIRST_S: Final = (2.0, 4.0)
_LASTS_S: Final = (3.0, 5.0)
_QUIET_S: Final = (2.0, 4.5)
_SILENT_SHARE: Final = 0.2
_INVISIBLE_SHARE: Final = 0.25
_WORDLESS_SHARE: Final = 0.4
_MISLEADING_SHARE: Final = 0.5
_MENTION_SHARE: Final = 0.12
_HARMLESS_EVERY_S: Final = 14.0
_HARMLESS_LASTS_S: Final = (1.0, 3.0)
_CHATTER_EVERY_S: Final = 6.0
_MADE_SHARE: Final = 0.5
"""Of the lines to learn from, those that are made of parts."""
_LAST_LINE_MS: Final = 700
"""A line does not begin later than this before the end of its event."""


def plan_stream(duration_s: float, classes: Sequence[str], rng: np.random.Generator, lines: LinePart) -> Schedule:
    """Draw the plan of a stream.

    Args:
        duration_s: its length.
        classes: which happen; in shuffled rounds, so that each is as frequent as the others.
        rng: decides everything.
        lines: which of the lines may be spoken.
    """
    events = _plan_events(duration_s, classes, rng)
    harmless = [
        happening
        for modality in (Modality.VIDEO, Modality.AUDIO)
        for happening in _plan_harmless(duration_s, modality, events, rng)
    ]
    harmless.sort(key=lambda happening: happening.start_ms)
    cues = _plan_cues(duration_s, classes, events, rng, lines)
    return Schedule(tuple(events), tuple(harmless), tuple(cues))


def _plan_events(duration_s: float, classes: Sequence[str], rng: np.random.Generator) -> list[Happening]:
    events: list[Happening] = []
    round_: list[str] = []
    start_s = rng.uniform(*_FIRST_S)
    while (end_s := start_s + rng.uniform(*_LASTS_S)) <= duration_s - 1.0:
        round_ = round_ or [classes[index] for index in rng.permutation(len(classes))]
        span_ms = (round(start_s * 1000), round(end_s * 1000))
        events.append(Happening(round_.pop(), *span_ms, _draw_carriers(rng), _seed(rng)))
        start_s = end_s + rng.uniform(*_QUIET_S)
    return events


def _draw_carriers(rng: np.random.Generator) -> tuple[Modality, ...]:
    draw, is_spoken_of = rng.random(), rng.random() >= _WORDLESS_SHARE
    is_silent = draw < _SILENT_SHARE
    is_invisible = not is_silent and draw < _SILENT_SHARE + _INVISIBLE_SHARE
    shown = {Modality.VIDEO: not is_invisible, Modality.AUDIO: not is_silent, Modality.TRANSCRIPT: is_spoken_of}
    return tuple(modality for modality in Modality if shown[modality])


def _plan_harmless(
    duration_s: float, modality: Modality, events: Sequence[Happening], rng: np.random.Generator
) -> list[Happening]:
    planned = [
        _harmless(event.start_ms / 1000 + rng.uniform(0.0, 1.0), modality, rng)
        for event in events
        if modality not in event.modalities and rng.random() < _MISLEADING_SHARE
    ]
    start_s = rng.exponential(_HARMLESS_EVERY_S)
    while start_s < duration_s - _HARMLESS_LASTS_S[1]:
        planned.append(_harmless(start_s, modality, rng))
        start_s = planned[-1].end_ms / 1000 + rng.exponential(_HARMLESS_EVERY_S)
    return planned


def _harmless(start_s: float, modality: Modality, rng: np.random.Generator) -> Happening:
    end_s = start_s + rng.uniform(*_HARMLESS_LASTS_S)
    return Happening(HARMLESS, round(start_s * 1000), round(end_s * 1000), (modality,), _seed(rng))


def _plan_cues(
    duration_s: float, classes: Sequence[str], events: Sequence[Happening], rng: np.random.Generator, lines: LinePart
) -> list[Cue]:
    cues: list[Cue] = []
    for event in events:
        if Modality.TRANSCRIPT in event.modalities:
            start_ms = event.start_ms + round(rng.uniform(0, 400))
            while start_ms < event.end_ms - _LAST_LINE_MS:
                text = _said(event.kind, rng, lines)
                cues.append(Cue(start_ms, min(start_ms + speaking_time_ms(text), event.end_ms), text))
                start_ms = cues[-1].end_ms + round(rng.uniform(100, 500))
        elif rng.random() < _MISLEADING_SHARE:
            text = _mention(classes, event.kind, rng, lines)
            start_ms = event.start_ms + round(rng.uniform(0, 1000))
            cues.append(Cue(start_ms, start_ms + speaking_time_ms(text), text))
    start_s = rng.uniform(0.2, 2.0)
    while True:
        is_mention = rng.random() < _MENTION_SHARE
        text = _mention(classes, "", rng, lines) if is_mention else choose_part_line(CHATTER, rng, lines)
        start_ms = round(start_s * 1000)
        end_ms = start_ms + speaking_time_ms(text)
        if end_ms > duration_s * 1000:
            return sorted(cues, key=lambda cue: cue.start_ms)
        if not any(cue.start_ms < end_ms and start_ms < cue.end_ms for cue in cues):
            cues.append(Cue(start_ms, end_ms, text))
        start_s = end_ms / 1000 + rng.exponential(_CHATTER_EVERY_S) + 0.3


def _said(kind: str, rng: np.random.Generator, lines: LinePart) -> str:
    """A line that belongs to an event of a class."""
    if _is_made(rng, lines):
        return make_event_line(kind, rng)
    return choose_part_line(EVENT_LINES[kind], rng, lines)


def _mention(classes: Sequence[str], happens: str, rng: np.random.Generator, lines: LinePart) -> str:
    """A line that mentions a class which does not happen."""
    others = [name for name in classes if name != happens]
    other = others[int(rng.integers(len(others)))]
    return make_mention(other, rng) if _is_made(rng, lines) else choose_part_line(MENTIONS[other], rng, lines)


def _is_made(rng: np.random.Generator, lines: LinePart) -> bool:
    return lines is LinePart.TRAINING and rng.random() < _MADE_SHARE


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**32))

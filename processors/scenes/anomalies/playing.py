"""Which frame of the footage is shown when: played on, forth and back, faster, or backwards."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from processors.scenes.anomalies.kinds import Kind
from processors.scenes.anomalies.places import Place, Span

__all__ = ["EPISODE_S", "FPS", "Playing", "can_befall", "learned_seconds", "play_held_out", "play_learned"]

FPS: Final = 5.0
"""Frames a second of every stretch."""

EPISODE_S: Final = 12.0
_ANOMALY_S: Final = (5.0, 10.0)
_FASTER: Final = 2.5
_BEFORE_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class Playing:
    """A stretch as a list of frame numbers.

    Attributes:
        frames: of the footage, one every 1 / `FPS` s.
        span: that they are from.
        anomaly_ms: begin and end of what is composed into it; of a normal stretch, begin and end are 0.
    """

    frames: tuple[int, ...]
    span: Span
    anomaly_ms: tuple[int, int] = (0, 0)

    @property
    def duration_s(self) -> float:
        """Of the stretch."""
        return len(self.frames) / FPS


def can_befall(kind: Kind, place: Place) -> bool:
    """Whether a place shows what a kind needs: things that move, and for going backwards a direction."""
    if kind is Kind.TOO_FAST:
        return bool(place.runs)
    return kind is not Kind.BACKWARDS or bool(place.runs and place.is_directed)


def learned_seconds(place: Place, span: Span) -> float:
    """How long a pass of a span that is learned is."""
    return EPISODE_S if place.is_shuttled else (span[1] - span[0]) / place.rate_hz


def play_learned(place: Place, number: int, rng: np.random.Generator) -> Playing:
    """A pass of a span that is learned: the whole span, or a short one forth and back."""
    span = place.learned[number % len(place.learned)]
    return Playing(_play(place, span, rng, EPISODE_S if place.is_shuttled else None), span)


def play_held_out(place: Place, kind: Kind | None, rng: np.random.Generator) -> Playing:
    """A held-out stretch, with room for an anomaly of a kind in it; without one, a whole span.

    Args:
        place: for which `can_befall` holds.
        kind: None for a normal stretch.
        rng: decides which span and where in it.
    """
    if kind in {Kind.TOO_FAST, Kind.BACKWARDS}:
        return _play_run(place, rng, is_backwards=kind is Kind.BACKWARDS)
    span = place.held_out[int(rng.integers(len(place.held_out)))]
    if kind is None:
        return Playing(_play(place, span, rng, EPISODE_S if place.is_shuttled else None), span)
    frames = _play(place, span, rng, EPISODE_S)
    end_s = min(_ANOMALY_S[1], len(frames) / FPS - 0.5)
    return Playing(frames, span, (round(1000 * (_ANOMALY_S[0])), round(1000 * end_s)))


def _play(place: Place, span: Span, rng: np.random.Generator, duration_s: float | None) -> tuple[int, ...]:
    first, last = span
    length = last - first
    step = place.rate_hz / FPS
    if duration_s is None or length <= duration_s * place.rate_hz:
        count = int((length - 1) / step) if not place.is_shuttled else round((duration_s or EPISODE_S) * FPS)
    else:
        count = round(duration_s * FPS)
    if place.is_shuttled:
        begin = rng.uniform(0, 2 * length)
        positions = (begin + np.arange(count) * step) % (2 * (length - 1))
        shown = np.where(positions <= length - 1, positions, 2 * (length - 1) - positions)
    else:
        begin = rng.uniform(0, length - 1 - (count - 1) * step)
        shown = begin + np.arange(count) * step
    return tuple(int(first + position) for position in np.floor(shown))


def _play_run(place: Place, rng: np.random.Generator, *, is_backwards: bool) -> Playing:
    begin, end = place.runs[int(rng.integers(len(place.runs)))]
    span = next(span for span in place.held_out if span[0] <= begin and end <= span[1])
    step = place.rate_hz / FPS
    phase = rng.uniform(0, step)
    if is_backwards:
        before = np.arange(max(span[0], end - _BEFORE_S * place.rate_hz) + phase, end, step)
        during, after = np.arange(end, begin, -step), np.zeros(0)
    else:
        before = np.arange(max(span[0], begin - _BEFORE_S * place.rate_hz) + phase, begin, step)
        during = np.arange(begin, end, _FASTER * step)
        after = np.arange(end, min(end + _BEFORE_S * place.rate_hz, span[1] - 1), step)
    frames = tuple(int(frame) for frame in np.floor(np.concatenate([before, during, after])))
    anomaly_s = (len(before) / FPS, (len(before) + len(during)) / FPS)
    return Playing(frames, span, (round(1000 * anomaly_s[0]), round(1000 * anomaly_s[1])))

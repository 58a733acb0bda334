"""From probabilities every half second to events with a beginning and an end."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.datasets.recordings import TimedEvent

__all__ = ["DecodeSettings", "decode_events"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodeSettings:
    """How events are told; chosen on streams held out from training.

    Attributes:
        begin: an event is told where the probability reaches this ...
        stay: ... and reaches as far on both sides as it stays at this, which is not more.
        shortest_ms: what is shorter is not told.
        gap_ms: two of the same class that lie no farther apart are one.
    """

    begin: float
    stay: float
    shortest_ms: int
    gap_ms: int

    def as_json(self) -> dict[str, Any]:
        """For `composed.json`."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "DecodeSettings":
        """From what `as_json` gave."""
        return cls(
            begin=float(values["begin"]),
            stay=float(values["stay"]),
            shortest_ms=int(values["shortest_ms"]),
            gap_ms=int(values["gap_ms"]),
        )


def decode_events(
    probabilities: npt.NDArray[np.float32],
    moments_ms: npt.NDArray[np.int64],
    classes: Sequence[str],
    settings: DecodeSettings,
) -> list[TimedEvent]:
    """Tell events from probabilities.

    Args:
        probabilities: float32 [W, C] of moments that follow each other at one distance.
        moments_ms: int64 [W], the middle of each moment.
        classes: names of the columns.
        settings: how.

    Returns:
        Events in order of start; those of one class never overlap. They begin and end where the probability
        crosses `stay` on the straight line between two moments.
    """
    told = []
    for column, name in enumerate(classes):
        values = probabilities[:, column]
        spans: list[list[int]] = []
        for first, last in _runs(values, settings):
            start_ms = _crossing_ms(values, moments_ms, first, -1, settings.stay)
            end_ms = _crossing_ms(values, moments_ms, last, 1, settings.stay)
            if spans and start_ms - spans[-1][1] <= settings.gap_ms:
                spans[-1][1] = end_ms
            else:
                spans.append([start_ms, end_ms])
        told += [TimedEvent(name, start, end) for start, end in spans if end - start >= settings.shortest_ms]
    return sorted(told, key=lambda event: (event.start_ms, event.event_class))


def _crossing_ms(
    values: npt.NDArray[np.float32], moments_ms: npt.NDArray[np.int64], edge: int, step: int, level: float
) -> int:
    """When the probability crosses `level` between a run's edge and the moment beyond, on a straight line."""
    beyond = edge + step
    if not 0 <= beyond < len(values):
        return int(moments_ms[edge])
    share = (values[edge] - level) / max(float(values[edge] - values[beyond]), 1e-6)
    return int(moments_ms[edge] + share * (moments_ms[beyond] - moments_ms[edge]))


def _runs(values: npt.NDArray[np.float32], settings: DecodeSettings) -> list[tuple[int, int]]:
    """First and last moment of each run that stays, and somewhere begins."""
    stays = np.concatenate([[False], values >= settings.stay, [False]])
    edges = np.flatnonzero(stays[1:] != stays[:-1])
    runs = [(int(first), int(end) - 1) for first, end in zip(edges[::2], edges[1::2], strict=True)]
    return [(first, last) for first, last in runs if values[first : last + 1].max() >= settings.begin]

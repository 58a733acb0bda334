"""Segment-based and event-based figures of events that may overlap in time.

After Mesaros, Heittola and Virtanen, "Metrics for Polyphonic Sound Event Detection", Applied Sciences 6 (2016) 162.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

from processors.datasets.recordings import TimedEvent
from processors.errors import ModelError

__all__ = ["EventCounts", "EventFigures", "EventScores", "score_events"]

_OFFSET_SHARE: Final = 0.5
"""So much of its length may a long event end too early or too late."""

Recordings = Mapping[str, Sequence[TimedEvent]]


@dataclass(frozen=True, slots=True)
class EventCounts:
    """What was told against what was there.

    Attributes:
        true: segments or events in the truth.
        told: segments or events that were told.
        hits: those that agree.
    """

    true: int
    told: int
    hits: int

    @property
    def precision(self) -> float:
        """Share of what was told that is true; 0 where nothing was told."""
        return self.hits / self.told if self.told else 0.0

    @property
    def recall(self) -> float:
        """Share of the truth that was told; 0 where there is none."""
        return self.hits / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return 2 * self.hits / (self.true + self.told) if self.hits else 0.0

    def as_json(self) -> dict[str, Any]:
        """For `--json`; shares rounded to four digits."""
        return {
            "f1": round(self.f1, 4),
            "precision": round(self.precision, 4),
            "recall": round(self.recall, 4),
            "true": self.true,
            "told": self.told,
            "hits": self.hits,
        }


@dataclass(frozen=True, slots=True)
class EventFigures:
    """Figures of one kind, over all recordings.

    Attributes:
        overall: counts of all classes together (micro average).
        per_class: name -> its counts, in the order in which the classes were named.
    """

    overall: EventCounts
    per_class: dict[str, EventCounts]

    @property
    def f1(self) -> float:
        """Of all classes together."""
        return self.overall.f1

    @property
    def precision(self) -> float:
        """Of all classes together."""
        return self.overall.precision

    @property
    def recall(self) -> float:
        """Of all classes together."""
        return self.overall.recall

    @property
    def macro_f1(self) -> float:
        """Mean over the classes that the truth has, whatever their size."""
        return self._mean(lambda counts: counts.f1)

    @property
    def macro_precision(self) -> float:
        """Mean over the classes that the truth has."""
        return self._mean(lambda counts: counts.precision)

    @property
    def macro_recall(self) -> float:
        """Mean over the classes that the truth has."""
        return self._mean(lambda counts: counts.recall)

    def as_json(self) -> dict[str, Any]:
        """For `--json`; shares rounded to four digits."""
        return {
            **self.overall.as_json(),
            "macro": {
                "f1": round(self.macro_f1, 4),
                "precision": round(self.macro_precision, 4),
                "recall": round(self.macro_recall, 4),
            },
            "classes": {name: counts.as_json() for name, counts in self.per_class.items()},
        }

    def as_markdown(self) -> str:
        """A table: a row per class, then all together, then the mean of the classes."""
        lines = ["| class | F1 | precision | recall | true | told | hits |", "|---|---|---|---|---|---|---|"]
        for name, counts in {**self.per_class, "all": self.overall}.items():
            shares = f"{counts.f1:.3f} | {counts.precision:.3f} | {counts.recall:.3f}"
            lines.append(f"| {name} | {shares} | {counts.true} | {counts.told} | {counts.hits} |")
        means = f"{self.macro_f1:.3f} | {self.macro_precision:.3f} | {self.macro_recall:.3f}"
        lines.append(f"| mean of the classes | {means} | | | |")
        return "\n".join(lines) + "\n"

    def _mean(self, share: Callable[[EventCounts], float]) -> float:
        return float(np.mean([share(counts) for counts in self.per_class.values() if counts.true]))


@dataclass(frozen=True, slots=True)
class EventScores:
    """How well events were told.

    Attributes:
        segment: time cut into segments; a class is there in each segment that an event of it touches.
        event: whole events; one told event answers for at most one true event.
        segment_ms: length of a segment.
        collar_ms: how far from the truth a told event may begin.
    """

    segment: EventFigures
    event: EventFigures
    segment_ms: int
    collar_ms: int

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "segment_ms": self.segment_ms,
            "collar_ms": self.collar_ms,
            "segment": self.segment.as_json(),
            "event": self.event.as_json(),
        }

    def as_markdown(self) -> str:
        """Two tables."""
        return (
            f"Segments of {self.segment_ms / 1000:g} s\n\n{self.segment.as_markdown()}\n"
            f"Events, collar {self.collar_ms / 1000:g} s\n\n{self.event.as_markdown()}"
        )


def score_events(
    truth: Recordings,
    told: Recordings,
    durations_ms: Mapping[str, int],
    *,
    classes: Sequence[str],
    segment_ms: int = 1000,
    collar_ms: int = 1000,
) -> EventScores:
    """Compare events that a model told with those that were there.

    An event counts as told if one of its class begins at most the collar away from it and ends at most the collar, or
    half the true event's length if that is more, away from it. Pairs are one to one and as many as possible (maximum
    bipartite matching, what sed_eval calls `optimal`), so that the order of events does not matter.

    Args:
        truth: recording -> what happens in it; one that is not named has no event.
        told: recording -> what a model told.
        durations_ms: recording -> its length, of all recordings; segments after it do not count.
        classes: names of the classes that are judged; each event has one of them.
        segment_ms: length of a segment.
        collar_ms: how far from the truth a told event may begin.

    Raises:
        ModelError: an event's recording has no duration, its class is not known, it begins before the recording or does
            not end after it begins; the truth has no event; a length is not positive.
    """
    if segment_ms <= 0 or collar_ms < 0:
        raise ModelError(f"segments of {segment_ms} ms, collar {collar_ms} ms; expected at least 1 ms and 0 ms")
    for what, events in (("truth", truth), ("told", told)):
        _check(what, events, durations_ms, classes)
    if not any(truth.values()):
        raise ModelError("the truth has no event; F1 says nothing where nothing happens")
    segments, whole = (Counter[tuple[str, str]]() for _ in range(2))
    for name, duration_ms in durations_ms.items():
        for event_class in classes:
            there, answered = (
                [event for event in events.get(name, ()) if event.event_class == event_class]
                for events in (truth, told)
            )
            is_there, is_answered = (_roll(events, duration_ms, segment_ms) for events in (there, answered))
            segments[event_class, "true"] += int(is_there.sum())
            segments[event_class, "told"] += int(is_answered.sum())
            segments[event_class, "hits"] += int((is_there & is_answered).sum())
            whole[event_class, "true"] += len(there)
            whole[event_class, "told"] += len(answered)
            whole[event_class, "hits"] += _match(there, answered, collar_ms)
    return EventScores(_figures(segments, classes), _figures(whole, classes), segment_ms, collar_ms)


def _check(what: str, recordings: Recordings, durations_ms: Mapping[str, int], classes: Sequence[str]) -> None:
    for name, events in recordings.items():
        if name not in durations_ms:
            raise ModelError(f"{what}: the recording {name!r} has no duration")
        for event in events:
            if event.event_class not in classes:
                raise ModelError(f"{what}: {name}: the class {event.event_class!r} is none of {', '.join(classes)}")
            if not 0 <= event.start_ms < event.end_ms:
                raise ModelError(
                    f"{what}: {name}: an event of {event.event_class!r} from {event.start_ms} to {event.end_ms} ms; "
                    "expected one that begins in the recording and ends later"
                )


def _roll(events: Sequence[TimedEvent], duration_ms: int, segment_ms: int) -> npt.NDArray[np.bool_]:
    """Bool [S]: which segments the events touch."""
    roll = np.zeros(-(-duration_ms // segment_ms), dtype=bool)
    for event in events:
        roll[event.start_ms // segment_ms : -(-event.end_ms // segment_ms)] = True
    return roll


def _match(there: Sequence[TimedEvent], answered: Sequence[TimedEvent], collar_ms: int) -> int:
    """How many pairs there are at most; all events are of one class and recording."""
    if not there or not answered:
        return 0
    true, told = (np.array([(event.start_ms, event.end_ms) for event in events]) for events in (there, answered))
    apart = np.abs(true[:, None] - told[None])
    slack = np.maximum(collar_ms, _OFFSET_SHARE * (true[:, 1] - true[:, 0]))
    fits = (apart[..., 0] <= collar_ms) & (apart[..., 1] <= slack[:, None])
    return int((maximum_bipartite_matching(csr_matrix(fits)) >= 0).sum())


def _figures(counts: Counter[tuple[str, str]], classes: Sequence[str]) -> EventFigures:
    per_class = {
        name: EventCounts(counts[name, "true"], counts[name, "told"], counts[name, "hits"]) for name in classes
    }
    overall = EventCounts(
        true=sum(each.true for each in per_class.values()),
        told=sum(each.told for each in per_class.values()),
        hits=sum(each.hits for each in per_class.values()),
    )
    return EventFigures(overall, per_class)

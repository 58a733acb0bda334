"""What the demonstration says at its end: events found, missed and made up, items covered, and delays. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from processors.modality import Modality
from processors.scenes import LabelledEvent
from streams.records import Detection

__all__ = ["DemoReport", "EventOutcome", "SourceReport", "covered_items", "score"]


@dataclass(frozen=True, slots=True)
class EventOutcome:
    """An event that was laid into the scene, and the windows that named it.

    Attributes:
        event: with times from the start of the scene.
        window_ids: of the detections that name its class and overlap it.
    """

    event: LabelledEvent
    window_ids: tuple[str, ...]

    @property
    def is_found(self) -> bool:
        """Whether any window named it."""
        return bool(self.window_ids)


@dataclass(frozen=True, slots=True)
class SourceReport:
    """Items sent against items that final windows hold, by modality."""

    source_id: str
    sent: Mapping[Modality, int]
    covered: Mapping[Modality, int]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return all(self.covered[modality] == count for modality, count in self.sent.items())


@dataclass(frozen=True, slots=True)
class DemoReport:
    """The end of a demonstration.

    Attributes:
        outcomes: of every event that was laid in.
        false_alarms: detections that name a class which was not laid in there and then, joined where they overlap.
        sources: items sent and covered.
        windows: that were answered.
        revisions: answers given again because an item came later.
        delays_ms: from each window's closing to its first stored answer.
    """

    outcomes: Sequence[EventOutcome]
    false_alarms: Sequence[Sequence[Detection]]
    sources: Sequence[SourceReport]
    windows: int
    revisions: int
    delays_ms: Sequence[int]

    def delay_quantile_ms(self, share: float) -> float:
        """Delay that `share` of the windows do not exceed; NaN without any window."""
        return float(np.quantile(self.delays_ms, share)) if self.delays_ms else float("nan")


def score(
    told: Sequence[Detection],
    *,
    scene_source: str,
    scene_start_ms: int,
    events: Sequence[LabelledEvent],
    sent: Mapping[str, Mapping[Modality, int]],
    topics: Mapping[str, Modality],
) -> DemoReport:
    """Compare what was told with what was laid in and sent.

    Args:
        told: every detection of the run, in the order in which it was told.
        scene_source: the source that played the scene.
        scene_start_ms: event time at which the scene began, epoch milliseconds.
        events: laid into the scene.
        sent: source -> modality -> items.
        topics: topic -> modality.
    """
    latest = {detection.id: detection for detection in told}
    first = [detection for detection in told if detection.revision == 0 and not detection.final]
    named = [d for d in latest.values() if d.event is not None]
    in_scene = [d for d in named if d.source_id == scene_source]
    outcomes = [
        EventOutcome(event, tuple(d.id for d in in_scene if _names(d, event, scene_start_ms))) for event in events
    ]
    right = {window_id for outcome in outcomes for window_id in outcome.window_ids}
    wrong = [d for d in named if d.id not in right]
    return DemoReport(
        outcomes=outcomes,
        false_alarms=_joined(wrong),
        sources=[
            SourceReport(
                source_id,
                counts,
                covered_items((d for d in latest.values() if d.source_id == source_id), topics),
            )
            for source_id, counts in sent.items()
        ],
        windows=len(latest),
        revisions=sum(detection.revision for detection in latest.values()),
        delays_ms=[d.stored_ms - d.closed_ms for d in first if d.stored_ms is not None],
    )


def covered_items(detections: Iterable[Detection], topics: Mapping[str, Modality]) -> dict[Modality, int]:
    """How many different records the detections hold, by modality."""
    records = {
        (found.topic, found.partition, offset)
        for detection in detections
        for found in detection.items
        for offset in range(found.first_offset, found.last_offset + 1)
    }
    counts = dict.fromkeys(Modality, 0)
    for topic, _, _ in records:
        counts[topics[topic]] += 1
    return counts


def _names(detection: Detection, event: LabelledEvent, scene_start_ms: int) -> bool:
    return (
        detection.event == event.event_class
        and detection.start_ms < scene_start_ms + event.end_ms
        and scene_start_ms + event.start_ms < detection.end_ms
    )


def _joined(detections: Sequence[Detection]) -> list[list[Detection]]:
    """Neighbouring windows of one source and class as one alarm."""
    alarms: list[list[Detection]] = []
    for kind in sorted({(detection.source_id, detection.event or "") for detection in detections}):
        own = sorted((d for d in detections if (d.source_id, d.event) == kind), key=lambda d: d.start_ms)
        alarms.append(own[:1])
        for before, after in pairwise(own):
            if after.start_ms < before.end_ms:
                alarms[-1].append(after)
            else:
                alarms.append([after])
    return alarms

"""What a trained network found: thresholds, events found and missed, false alarms, precision and recall."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from processors.models.fusion import FusionNetwork
from processors.models.fusion_training.fitting import predict
from processors.models.fusion_training.windows import HOP_MS, Window, overlap_ms
from processors.models.spec import EVENT_CLASSES

__all__ = ["EventScore", "choose_thresholds", "count_events", "score_network", "score_recordings"]

Probabilities = npt.NDArray[np.float32]

_CANDIDATES: Final = np.round(np.arange(0.2, 0.801, 0.025), 3)
"""Not beyond: a single false alarm among few scenes must not push a threshold to where probabilities saturate."""

_VIEWS: Final[dict[str, tuple[bool, bool, bool]]] = {
    "all": (True, True, True),
    "video alone": (True, False, False),
    "audio alone": (False, True, False),
    "transcript alone": (False, False, True),
    "without video": (False, True, True),
    "without audio": (True, False, True),
    "without transcript": (True, True, False),
}


@dataclass(frozen=True, slots=True)
class EventScore:
    """Events of one class, or of all.

    Attributes:
        found: events that a window which overlaps them was told for.
        missed: events for which there was none.
        false_alarms: runs of windows told for that overlap no event of the class; an answer that goes on after its
            event is one too.
    """

    found: int
    missed: int
    false_alarms: int


def choose_thresholds(windows: Sequence[Window], probabilities: Probabilities) -> dict[str, float]:
    """Per class, the threshold with the fewest missed events and false alarms; of equals, the middle one."""
    chosen = {}
    for column, name in enumerate(EVENT_CLASSES):
        costs = []
        for candidate in _CANDIDATES:
            score = count_events(windows, probabilities[:, column] >= candidate, name)
            costs.append(score.missed + score.false_alarms)
        best = np.flatnonzero(np.array(costs) == min(costs))
        chosen[name] = float(_CANDIDATES[best[len(best) // 2]])
    return chosen


def count_events(windows: Sequence[Window], is_told: npt.NDArray[np.bool_], event_class: str) -> EventScore:
    """Count the events of one class; windows stand in order, scene by scene."""
    found = missed = false_alarms = 0
    scenes = {id(window.scene): window.scene for window in windows}
    told: dict[int, list[Window]] = {key: [] for key in scenes}
    for window, is_window_told in zip(windows, is_told, strict=True):
        if is_window_told:
            told[id(window.scene)].append(window)
    for key, scene in scenes.items():
        events = [(event.start_ms, event.end_ms) for event in scene.events if event.event_class == event_class]
        spans = [(window.start_ms, window.end_ms) for window in told[key]]
        hits = sum(any(overlap_ms(event, span) for span in spans) for event in events)
        found += hits
        missed += len(events) - hits
        false_alarms += _count_runs([span for span in spans if not any(overlap_ms(event, span) for event in events)])
    return EventScore(found, missed, false_alarms)


def _count_runs(spans: Sequence[tuple[int, int]]) -> int:
    """How many unbroken runs of windows there are in the windows of one scene."""
    return sum(index == 0 or span[0] - spans[index - 1][0] > HOP_MS for index, span in enumerate(spans))


def score_network(network: FusionNetwork, windows: Sequence[Window], thresholds: Mapping[str, float]) -> dict[str, Any]:
    """All figures of a set of held-out windows, as `fusion.json` and the model card show them."""
    minutes = sum({id(w.scene): w.scene.duration_ms for w in windows}.values()) / 60_000
    limits = np.array([thresholds[name] for name in EVENT_CLASSES], np.float32)
    views = {}
    classes: dict[str, Any] = {}
    for view, keep in _VIEWS.items():
        is_told = predict(network, windows, keep) >= limits
        scores = [count_events(windows, is_told[:, column], name) for column, name in enumerate(EVENT_CLASSES)]
        views[view] = _total(scores, minutes)
        if view == "all":
            classes = {
                name: asdict(scores[column]) | _window_scores(windows, is_told[:, column], column)
                for column, name in enumerate(EVENT_CLASSES)
            }
    return {"minutes": round(minutes, 1), "windows": len(windows), "views": views, "classes": classes}


def score_recordings(
    network: FusionNetwork, windows: Sequence[Window], thresholds: Mapping[str, float]
) -> dict[str, float]:
    """How many windows of recordings without events are told all the same."""
    limits = np.array([thresholds[name] for name in EVENT_CLASSES], np.float32)
    is_told = (predict(network, windows) >= limits).any(axis=1) if windows else np.zeros(0, bool)
    return {
        "windows": len(windows),
        "windows_told": int(is_told.sum()),
        "told_share": round(float(is_told.mean()), 3) if windows else 0.0,
    }


def _total(scores: Sequence[EventScore], minutes: float) -> dict[str, float]:
    found = sum(score.found for score in scores)
    missed = sum(score.missed for score in scores)
    false_alarms = sum(score.false_alarms for score in scores)
    return {
        "found": found,
        "missed": missed,
        "found_share": round(found / max(1, found + missed), 3),
        "false_alarms": false_alarms,
        "false_alarms_per_minute": round(false_alarms / minutes, 3),
    }


def _window_scores(windows: Sequence[Window], is_told: npt.NDArray[np.bool_], column: int) -> dict[str, float]:
    """Precision and recall over windows; those that hold less than a second of the event are left out."""
    is_clear = np.array([not window.is_unclear[column] for window in windows])
    is_shown = np.array([window.evidence[:, column].any() for window in windows])
    hits = int((is_told & is_shown & is_clear).sum())
    return {
        "window_precision": round(hits / max(1, int((is_told & is_clear).sum())), 3),
        "window_recall": round(hits / max(1, int((is_shown & is_clear).sum())), 3),
    }

"""Events with times out of what a model says of windows, scored against those of the recordings."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.datasets.recordings import RecordingFolder, TimedEvent
from processors.models.composed.decoding import DecodeSettings, decode_events
from processors.models.evaluation.events import EventScores, score_events
from processors.models.training.plan import RecordingPlan

__all__ = ["score_window_events", "tell_window_events"]

_TURNS: Final = DecodeSettings(begin=0.5, stay=0.5, shortest_ms=0, gap_ms=0)
"""An event begins and ends midway between a window that tells it and one that does not."""


def tell_window_events(
    is_told: npt.NDArray[np.bool_],
    starts_ms: npt.NDArray[np.int64],
    classes: Sequence[str],
    sizes: RecordingPlan,
    duration_ms: int,
) -> list[TimedEvent]:
    """Tell the events of one recording.

    A window is an example of what it holds `least_ms` of. So the first window that tells an event ends that long after
    the event begins, and the last one begins that long before it ends; both to half a hop, except at the edges of the
    recording, beyond which there is no window to say that nothing happens.

    Args:
        is_told: bool [W, C] of all windows of the recording, in order of time.
        starts_ms: int64 [W], one hop apart.
        classes: names of the columns.
        sizes: of the windows.
        duration_ms: of the recording; one that is shorter than a window is a window.

    Returns:
        Events in order of start, inside the recording; those of a class never overlap.
    """
    size_ms = min(sizes.size_ms, duration_ms)
    least_ms = min(sizes.least_ms, duration_ms)
    middles_ms = starts_ms[0] - sizes.hop_ms + size_ms // 2 + sizes.hop_ms * np.arange(len(starts_ms) + 2)
    padded = np.pad(is_told, ((1, 1), (0, 0))).astype(np.float32)
    inset_ms = size_ms // 2 - least_ms
    told: list[TimedEvent] = []
    for column, name in enumerate(classes):
        last_end_ms = 0
        for event in decode_events(padded[:, [column]], middles_ms, [name], _TURNS):
            start_ms, end_ms = event.start_ms + inset_ms, event.end_ms - inset_ms
            if end_ms - start_ms < least_ms:
                start_ms = (start_ms + end_ms - least_ms) // 2
                end_ms = start_ms + least_ms
            start_ms, end_ms = max(start_ms, last_end_ms), min(end_ms, duration_ms)
            if start_ms < end_ms:
                told.append(TimedEvent(name, start_ms, end_ms))
                last_end_ms = end_ms
    return sorted(told, key=lambda event: (event.start_ms, event.event_class))


def score_window_events(
    folder: RecordingFolder,
    recordings: npt.NDArray[np.str_],
    starts_ms: npt.NDArray[np.int64],
    is_told: npt.NDArray[np.bool_],
    classes: Sequence[str],
    sizes: RecordingPlan,
) -> EventScores | None:
    """Score what a model says of windows of labelled recordings, by segments of 1 s and by events with a collar of 1 s.

    Args:
        folder: with what happens in the recordings; those without a window are not judged.
        recordings: str [N], the recording that each window is from, by its path in the folder.
        starts_ms: int64 [N], where it begins.
        is_told: bool [N, C].
        classes: names of the columns; others are not judged.
        sizes: of the windows.

    Returns:
        Nothing where no event of these classes happens: F1 says nothing then.
    """
    truth: dict[str, Sequence[TimedEvent]] = {}
    told: dict[str, Sequence[TimedEvent]] = {}
    durations_ms: dict[str, int] = {}
    for recording in folder.recordings:
        name = recording.path.relative_to(folder.path).as_posix()
        rows = np.flatnonzero(recordings == name)
        if not rows.size:
            continue
        rows = rows[np.argsort(starts_ms[rows])]
        durations_ms[name] = recording.duration_ms
        truth[name] = [event for event in recording.events if event.event_class in classes]
        told[name] = tell_window_events(is_told[rows], starts_ms[rows], classes, sizes, recording.duration_ms)
    if not any(truth.values()):
        return None
    return score_events(truth, told, durations_ms, classes=classes)

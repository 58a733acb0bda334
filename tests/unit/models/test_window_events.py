"""Events out of windows: what windows that are right about everything tell is true to half a hop."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.datasets.recordings import Recording, RecordingFolder, TimedEvent
from processors.modality import Modality
from processors.models.evaluation.window_events import score_window_events, tell_window_events
from processors.models.training.plan import RecordingPlan

SIZES = RecordingPlan(size_ms=4000, hop_ms=2000, least_ms=1000)
STARTS_MS = np.arange(0, 57_000, 2000, dtype=np.int64)
DURATION_MS = 60_000
CLASSES = ("crash", "alarm")


def holds(event, sizes=SIZES):
    """Bool [W]: which windows hold enough of the event."""
    shared = np.minimum(event.end_ms, STARTS_MS + sizes.size_ms) - np.maximum(event.start_ms, STARTS_MS)
    return shared >= min(sizes.least_ms, event.end_ms - event.start_ms)


def tell(*events, sizes=SIZES):
    is_told = np.zeros((len(STARTS_MS), 2), bool)
    for event in events:
        is_told[:, CLASSES.index(event.event_class)] |= holds(event, sizes)
    return tell_window_events(is_told, STARTS_MS, CLASSES, sizes, DURATION_MS)


@given(st.integers(3000, 40_000), st.integers(1000, 13_000), st.integers(500, 4000), st.sampled_from(CLASSES))
def test_windows_that_are_right_tell_an_event_to_half_a_hop(start_ms, length_ms, least_ms, name):
    sizes = RecordingPlan(size_ms=4000, hop_ms=2000, least_ms=min(least_ms, length_ms, 2000))
    event = TimedEvent(name, max(start_ms, 4000), max(start_ms, 4000) + length_ms)
    [told] = tell(event, sizes=sizes)
    assert told.event_class == name
    assert abs(told.start_ms - event.start_ms) <= sizes.hop_ms // 2
    assert abs(told.end_ms - event.end_ms) <= sizes.hop_ms // 2


def test_a_worked_example():
    # Windows that begin at 2, 4, 6 and 8 s hold a second of it.
    assert tell(TimedEvent("crash", 5000, 9500)) == [TimedEvent("crash", 4000, 10_000)]
    assert tell() == []


def test_events_of_a_class_that_windows_do_not_part_are_one_and_those_of_others_are_not():
    far = (TimedEvent("crash", 8000, 11_000), TimedEvent("crash", 20_000, 23_000))
    near = (TimedEvent("crash", 8000, 11_000), TimedEvent("crash", 12_000, 15_000))
    assert [len(tell(*events)) for events in (far, near, (near[0], TimedEvent("alarm", 12_000, 15_000)))] == [2, 1, 2]


def test_events_stay_in_the_recording_and_apart_where_windows_must_be_full():
    sizes = RecordingPlan(size_ms=4000, hop_ms=1000, least_ms=4000)
    starts_ms = np.arange(0, 8000, 1000, dtype=np.int64)
    is_told = np.array([[1], [0], [1], [0], [0], [0], [0], [1]], bool)
    first, second, third = tell_window_events(is_told, starts_ms, ("crash",), sizes, 11_000)
    assert 0 <= first.start_ms < first.end_ms <= second.start_ms
    assert third.end_ms == 11_000


def test_what_is_told_of_a_recording_shorter_than_a_window_lies_inside_it():
    told = tell_window_events(np.ones((1, 1), bool), STARTS_MS[:1], ("crash",), SIZES, 900)
    assert told == [TimedEvent("crash", 0, 900)]


@pytest.fixture
def folder():
    events = {
        "a.wav": (TimedEvent("crash", 5000, 9000),),
        "deep/b.wav": (TimedEvent("fire", 20_000, 30_000), TimedEvent("crash", 10_000, 14_000)),
        "c.wav": (TimedEvent("alarm", 0, 60_000),),
    }
    recordings = tuple(Recording(Path("yard") / name, 60_000, (Modality.AUDIO,), own) for name, own in events.items())
    return RecordingFolder(Path("yard"), (*CLASSES, "fire"), recordings)


def score(folder, is_told, names=("deep/b.wav", "a.wav"), classes=CLASSES):
    recordings, starts_ms = np.repeat(names, len(STARTS_MS)), np.tile(STARTS_MS, len(names))
    return score_window_events(folder, recordings, starts_ms, is_told, classes, SIZES)


def test_recordings_are_scored_by_what_was_told_of_their_own_windows(folder):
    is_told = np.zeros((2 * len(STARTS_MS), 2), bool)
    is_told[: len(STARTS_MS), 0] = holds(folder.recordings[1].events[1])
    scores = score(folder, is_told)
    assert (scores.segment_ms, scores.collar_ms) == (1000, 1000)
    # c.wav has no window here, and fire is not judged.
    assert (scores.event.overall.true, scores.event.overall.told, scores.event.overall.hits) == (2, 1, 1)
    assert scores.segment.overall.true == 4 + 4
    assert scores.segment.recall == 0.5


def test_the_order_of_windows_does_not_matter(folder):
    is_told = np.random.default_rng(0).random((2 * len(STARTS_MS), 2)) < 0.4
    order = np.random.default_rng(1).permutation(len(is_told))
    recordings, starts_ms = np.repeat(["a.wav", "deep/b.wav"], len(STARTS_MS)), np.tile(STARTS_MS, 2)
    one, other = (
        score_window_events(folder, recordings[rows], starts_ms[rows], is_told[rows], CLASSES, SIZES)
        for rows in (np.arange(len(order)), order)
    )
    assert one == other


def test_where_nothing_happens_there_is_nothing_to_score(folder):
    assert score(folder, np.ones((2 * len(STARTS_MS), 1), bool), classes=("alarm",)) is None

"""Segment-based and event-based figures: worked by hand, and their laws."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.datasets.recordings import TimedEvent
from processors.errors import ModelError
from processors.models.evaluation.events import EventCounts, score_events

CLASSES = ("crash", "alarm")
DURATIONS_MS = {"gate": 20_000, "yard": 20_000}


def score(truth, told, **others):
    return score_events(truth, told, DURATIONS_MS, classes=CLASSES, **others)


@st.composite
def recordings(draw, min_events=0):
    start_ms = st.integers(0, 17_000)
    event = st.builds(
        lambda name, start, length: TimedEvent(name, start, start + length),
        st.sampled_from(CLASSES),
        start_ms,
        st.integers(1, 3_000),
    )
    return {
        "gate": draw(st.lists(event, min_size=min_events, max_size=4)),
        "yard": draw(st.lists(event, max_size=4)),
    }


def test_a_worked_example_gives_the_figures_worked_by_hand():
    truth = {
        "gate": [TimedEvent("crash", 1_500, 2_500), TimedEvent("alarm", 4_000, 12_000)],
        "yard": [TimedEvent("crash", 0, 1_000)],
    }
    told = {
        # Touches segment 2 of 1 and 2; begins 700 ms late and ends in time.
        "gate": [TimedEvent("crash", 2_200, 2_900), TimedEvent("alarm", 4_500, 8_500)],
        "yard": [TimedEvent("alarm", 5_000, 6_000)],
    }
    scores = score(truth, told)
    assert scores.segment.per_class == {"crash": EventCounts(3, 1, 1), "alarm": EventCounts(8, 6, 5)}
    assert scores.segment.overall == EventCounts(11, 7, 6)
    assert scores.segment.precision == pytest.approx(6 / 7)
    assert scores.segment.recall == pytest.approx(6 / 11)
    assert scores.segment.f1 == pytest.approx(12 / 18)
    assert scores.segment.macro_f1 == pytest.approx((2 / 4 + 10 / 14) / 2)
    # The alarm ends 3.5 s early: less than half of its eight seconds.
    assert scores.event.per_class == {"crash": EventCounts(2, 1, 1), "alarm": EventCounts(1, 2, 1)}
    assert scores.event.f1 == pytest.approx(4 / 6)
    assert scores.event.macro_recall == pytest.approx((1 / 2 + 1) / 2)


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "is_hit"),
    [
        (4_000, 7_000, True),
        (6_000, 7_000, True),
        (3_999, 7_000, False),
        (6_001, 7_000, False),
        (5_000, 8_000, True),
        (5_000, 8_001, False),
        (5_000, 5_999, False),
    ],
)
def test_a_short_event_may_begin_and_end_the_collar_away(start_ms, end_ms, is_hit):
    scores = score({"gate": [TimedEvent("crash", 5_000, 7_000)]}, {"gate": [TimedEvent("crash", start_ms, end_ms)]})
    assert scores.event.overall.hits == is_hit


@pytest.mark.parametrize(("end_ms", "is_hit"), [(9_000, True), (8_999, False), (17_000, True), (17_001, False)])
def test_a_long_event_may_end_half_its_length_away(end_ms, is_hit):
    scores = score({"gate": [TimedEvent("crash", 5_000, 13_000)]}, {"gate": [TimedEvent("crash", 5_000, end_ms)]})
    assert scores.event.overall.hits == is_hit


def test_an_event_told_twice_counts_once():
    events = [TimedEvent("crash", 5_000, 7_000)]
    assert score({"gate": events}, {"gate": events * 2}).event.overall == EventCounts(1, 2, 1)


def test_pairs_are_as_many_as_possible_whatever_the_order():
    """The told event at 1,500 fits both true ones; taken by the first that comes, the other pair is lost."""
    truth = [TimedEvent("crash", 1_000, 2_000), TimedEvent("crash", 2_400, 3_400)]
    told = [TimedEvent("crash", 1_500, 2_500), TimedEvent("crash", 100, 1_100)]
    for some, others in itertools.product(itertools.permutations(truth), itertools.permutations(told)):
        assert score({"gate": some}, {"gate": others}).event.overall.hits == 2


def test_an_event_of_another_class_or_recording_is_no_hit():
    truth = {"gate": [TimedEvent("crash", 5_000, 7_000)]}
    for told in ({"gate": [TimedEvent("alarm", 5_000, 7_000)]}, {"yard": [TimedEvent("crash", 5_000, 7_000)]}):
        scores = score(truth, told)
        assert scores.segment.f1 == scores.event.f1 == 0
        assert scores.event.overall == EventCounts(1, 1, 0)


def test_a_class_that_does_not_occur_counts_in_the_whole_and_not_in_the_mean():
    truth = {"gate": [TimedEvent("crash", 5_000, 7_000)]}
    scores = score(truth, {"gate": [*truth["gate"], TimedEvent("alarm", 0, 1_000)]})
    assert scores.event.macro_f1 == 1
    assert scores.event.precision == 0.5


def test_segments_after_the_end_do_not_count():
    scores = score({"gate": [TimedEvent("crash", 19_000, 20_400)]}, {})
    assert scores.segment.overall.true == 1


@given(recordings(min_events=1))
def test_the_truth_itself_scores_one(truth):
    scores = score(truth, truth)
    for figures in (scores.segment, scores.event):
        assert figures.f1 == figures.precision == figures.recall == figures.macro_f1 == 1


@given(recordings(min_events=1), recordings(min_events=1))
def test_truth_and_told_exchanged_exchange_precision_and_recall_of_segments(some, others):
    there, back = score(some, others).segment, score(others, some).segment
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert there.f1 == pytest.approx(back.f1)


@given(recordings(min_events=1), recordings())
def test_f1_lies_between_precision_and_recall(truth, told):
    for figures in (score(truth, told).segment, score(truth, told).event):
        low, high = sorted((figures.precision, figures.recall))
        assert 0 <= low - 1e-9 <= figures.f1 <= high + 1e-9 or figures.f1 == low == 0
        assert figures.overall.hits <= min(figures.overall.true, figures.overall.told)


@given(recordings(min_events=1), st.integers(0, 1_000))
def test_a_shift_within_the_collar_changes_no_event(truth, shift_ms):
    told = {
        name: [TimedEvent(event.event_class, event.start_ms + shift_ms, event.end_ms + shift_ms) for event in events]
        for name, events in truth.items()
    }
    assert score(truth, told).event.f1 == 1


@given(recordings(min_events=1), recordings(), st.integers(0, 2_000), st.integers(0, 2_000))
def test_a_wider_collar_never_costs_a_hit(truth, told, one_ms, other_ms):
    narrow, wide = (score(truth, told, collar_ms=collar_ms).event for collar_ms in sorted((one_ms, other_ms)))
    assert narrow.overall.hits <= wide.overall.hits


def test_json_and_markdown_tell_the_same_figures():
    scores = score({"gate": [TimedEvent("crash", 0, 3_000)]}, {"gate": [TimedEvent("crash", 0, 2_000)]})
    document = scores.as_json()
    assert document["segment"]["f1"] == 0.8
    assert document["segment"]["classes"]["crash"] == {
        "f1": 0.8,
        "precision": 1.0,
        "recall": 0.6667,
        "true": 3,
        "told": 2,
        "hits": 2,
    }
    assert document["event"]["macro"]["f1"] == 1.0
    assert "| crash | 0.800 | 1.000 | 0.667 | 3 | 2 | 2 |" in scores.as_markdown()


@pytest.mark.parametrize(
    ("truth", "told", "complaint"),
    [
        ({"roof": []}, {}, "truth: the recording 'roof' has no duration"),
        ({"gate": [TimedEvent("crash", 0, 1)]}, {"gate": [TimedEvent("bang", 0, 1)]}, "told: gate: the class 'bang'"),
        ({"gate": [TimedEvent("crash", 5, 5)]}, {}, "from 5 to 5 ms"),
        ({"gate": [TimedEvent("crash", -5, 5)]}, {}, "from -5 to 5 ms"),
        ({"gate": []}, {"gate": [TimedEvent("crash", 0, 1)]}, "the truth has no event"),
    ],
)
def test_what_cannot_be_judged_is_refused(truth, told, complaint):
    with pytest.raises(ModelError, match=complaint):
        score(truth, told)


@pytest.mark.parametrize("lengths", [{"segment_ms": 0}, {"collar_ms": -1}])
def test_lengths_that_make_no_sense_are_refused(lengths):
    with pytest.raises(ModelError, match="expected at least 1 ms and 0 ms"):
        score({"gate": [TimedEvent("crash", 0, 1)]}, {}, **lengths)

"""The verdict of the demonstration."""

from processors.modality import Modality
from processors.scenes import LabelledEvent
from streams.demo import score
from streams.records import Coverage, Detection, ItemRange

START_MS = 1_000_000
TOPICS = {"v": Modality.VIDEO, "a": Modality.AUDIO, "t": Modality.TRANSCRIPT}
ALARM = LabelledEvent("fire_alarm", 4_000, 7_000, (Modality.VIDEO,))


def told(start_ms, event=None, *, revision=0, final=False, offsets=(), source="cam", stored_after_ms=30):
    return Detection(
        id=f"{source}/{START_MS + start_ms}/4000",
        source_id=source,
        start_ms=START_MS + start_ms,
        end_ms=START_MS + start_ms + 4_000,
        revision=revision,
        final=final,
        digest="d",
        closed_by="watermark",
        coverage=Coverage(),
        event=event,
        items=tuple(ItemRange(topic="v", partition=0, first_offset=a, last_offset=b) for a, b in offsets),
        closed_ms=5,
        stored_ms=5 + stored_after_ms,
    )


def report(*detections, events=(ALARM,), sent=3):
    counts = {"cam": {Modality.VIDEO: sent, Modality.AUDIO: 0, Modality.TRANSCRIPT: 0}}
    return score(detections, scene_source="cam", scene_start_ms=START_MS, events=events, sent=counts, topics=TOPICS)


def test_an_event_is_found_by_a_window_that_names_it_and_overlaps_it():
    assert report(told(2_000, "fire_alarm")).outcomes[0].is_found
    assert not report(told(2_000, "collision")).outcomes[0].is_found
    assert not report(told(8_000, "fire_alarm")).outcomes[0].is_found


def test_a_class_named_where_it_did_not_happen_is_one_false_alarm_per_stretch():
    found = report(told(10_000, "collision"), told(12_000, "collision"), told(30_000, "collision"))
    assert [len(alarm) for alarm in found.false_alarms] == [2, 1]


def test_an_event_named_at_another_source_is_a_false_alarm():
    found = report(told(4_000, "fire_alarm", source="lobby"))
    assert not found.outcomes[0].is_found
    assert len(found.false_alarms) == 1


def test_the_last_answer_to_a_window_counts():
    assert not report(told(2_000, "fire_alarm"), told(2_000, None, revision=1)).outcomes[0].is_found


def test_items_in_two_windows_are_covered_once():
    source = report(told(0, offsets=[(0, 1)]), told(2_000, offsets=[(1, 2)])).sources[0]
    assert source.covered[Modality.VIDEO] == 3
    assert source.is_whole


def test_an_item_in_no_window_is_missed():
    assert not report(told(0, offsets=[(0, 1)])).sources[0].is_whole


def test_delays_are_those_of_first_answers():
    found = report(
        told(0, stored_after_ms=10), told(0, revision=1, stored_after_ms=9_000), told(2_000, stored_after_ms=30)
    )
    assert found.delay_quantile_ms(0.5) == 20
    assert found.revisions == 1

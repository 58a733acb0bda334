"""From records that were read to items in windows, one partition number at a time."""

from dataclasses import dataclass, field

import pytest

from processors.modality import Modality
from streams.align import AlignSettings, WindowClosed, WindowSealed
from streams.errors import PoisonItem
from streams.records import ItemLimits, encode_heartbeat, encode_video_frame
from streams.records.dead_letters import OriginRecord
from streams.worker.position import PartitionPosition
from streams.worker.record_path import RecordPath

TOPICS = {"v": Modality.VIDEO, "a": Modality.AUDIO}
WALL_MS = 10**12


@dataclass
class Reader:
    """What a consumer would know."""

    unread: set = field(default_factory=set)
    fetched: dict = field(default_factory=lambda: dict.fromkeys(TOPICS, 0))
    positions: dict = field(default_factory=dict)

    def has_unread(self, topic):
        return topic in self.unread

    def fetched_ms(self, topic):
        return self.fetched[topic]

    def is_caught_up(self):
        return False

    def position(self, topic):
        return self.positions.get(topic)

    def end(self, topic):
        return self.positions.get(topic)


class Outcome:
    """Keeps what came out."""

    def __init__(self):
        self.poisoned, self.items, self.latecomers, self.events = [], [], [], []
        self.refused = set()

    def admit(self, source_id):
        if source_id in self.refused:
            raise PoisonItem("one too many", code="source.limit", stage="align")

    def poison(self, record, error):
        self.poisoned.append((record.offset, error.code))

    def placed(self, record, item, windows):
        self.items.append((record.topic, record.offset, windows))

    def late(self, record, item, late_for):
        self.latecomers.append((record.offset, late_for))

    def happened(self, event):
        self.events.append(event)


class Bench:
    def __init__(self):
        self.position = PartitionPosition(TOPICS, None, dict.fromkeys(TOPICS, 0))
        self.outcome, self.reader = Outcome(), Reader()
        settings = AlignSettings(size_ms=1_000, hop_ms=1_000, out_of_orderness_ms=0, allowed_lateness_ms=0)
        self.path = RecordPath(
            TOPICS,
            ItemLimits(),
            self.position,
            lambda source_id: settings,
            self.outcome,
            remembered_sources=10,
            wall_ms=lambda: WALL_MS,
            monotonic_ms=lambda: 0,
        )

    def take(self, topic, *records, fetched_ms=0):
        self.reader.fetched[topic] = fetched_ms
        self.path.accept(topic, records, fetched_ms)

    def process(self):
        return self.path.process(self.reader, 64)


@pytest.fixture
def bench():
    return Bench()


def frame(offset, at_ms, source_id="dock-1"):
    made = encode_video_frame(source_id, f"f{offset}", at_ms, b"jpeg")
    return OriginRecord("v", 0, offset, made.key, made.value, made.headers, at_ms)


def beat(topic, offset, at_ms):
    made = encode_heartbeat(TOPICS[topic], "dock-1", f"h{offset}", at_ms)
    return OriginRecord(topic, 0, offset, made.key, made.value, made.headers, at_ms)


def test_a_record_waits_until_the_other_topics_were_looked_at_no_earlier_than_it(bench):
    bench.take("v", frame(0, 500), fetched_ms=90)
    bench.reader.fetched["a"] = 89
    assert bench.process() == 0, "what came by the other topic meanwhile would be passed by"
    bench.reader.fetched["a"] = 90
    assert bench.process() == 1
    assert bench.outcome.items == [("v", 0, 1)]


def test_a_record_waits_while_another_topic_has_unread_records(bench):
    bench.reader.unread = {"a"}
    bench.take("v", frame(0, 500))
    assert bench.process() == 0
    bench.take("a", beat("a", 0, 400), beat("a", 1, 600))
    assert bench.process() == 3, "a head is known of each"


def test_windows_close_and_are_sealed_as_their_topics_go_on(bench):
    bench.take("v", frame(0, 500), beat("v", 1, 2_000))
    bench.take("a", beat("a", 0, 2_000))
    bench.process()
    told = [type(event) for event in bench.outcome.events if isinstance(event, WindowClosed | WindowSealed)]
    assert told == [WindowClosed]  # the transcript has not been heard of
    assert bench.position.trackers["a"].position == 1


def test_poison_and_sources_too_many_are_told_and_hold_the_position_until_they_are_buried(bench):
    bench.outcome.refused = {"other"}
    bad = OriginRecord("v", 0, 0, b"no spaces", b"x", (), 100)
    bench.take("v", bad, frame(1, 200, "other"), beat("v", 2, 300))
    bench.process()
    assert bench.outcome.poisoned == [(0, "key.illegal"), (1, "source.limit")]
    tracker = bench.position.trackers["v"]
    assert tracker.position == 0
    tracker.done(0)
    tracker.done(1)
    assert tracker.position == 3


def test_a_record_that_is_read_twice_is_passed_over(bench):
    bench.take("v", frame(0, 500), frame(0, 500), frame(1, 600))
    assert bench.process() == 3
    assert bench.outcome.items == [("v", 0, 1), ("v", 1, 1)]


def test_transaction_markers_at_the_end_are_passed_once_everything_is_aligned(bench):
    bench.reader.positions = {"v": 2, "a": 1}
    bench.take("v", beat("v", 0, 500))
    bench.process()
    assert {topic: tracker.position for topic, tracker in bench.position.trackers.items()} == {"v": 2, "a": 1}

"""Where a new owner begins to read."""

import pytest
from prometheus_client import REGISTRY

from streams.store import Position
from streams.worker.joining import TopicOffsets, starting_offsets

TOPIC = "braid.video"


def start(stored, committed, *, beginning=0, end=100):
    position = None if stored is None else Position(next_offsets={} if stored == "other" else {TOPIC: stored})
    return starting_offsets(0, {TOPIC: TopicOffsets(committed, beginning, end)}, position)[TOPIC]


@pytest.mark.parametrize(
    ("stored", "committed", "expected"),
    [
        (None, None, 0),
        (40, None, 40),
        (40, 50, 40),
        (40, 30, 30),
        (None, 50, 0),
        ("other", 50, 0),
        (100, 100, 100),
    ],
)
def test_reading_begins_at_the_smaller_of_store_and_commit_and_at_the_beginning_if_the_store_knows_nothing(
    stored, committed, expected
):
    assert start(stored, committed) == expected


def expired():
    return REGISTRY.get_sample_value("braid_expired_records_total", {"topic": TOPIC}) or 0


def test_what_kafka_no_longer_holds_is_counted():
    before = expired()
    assert start(40, 50, beginning=60) == 60
    assert expired() - before == 20


def test_a_position_behind_the_end_of_a_topic_that_was_made_anew_begins_at_its_beginning():
    assert start(200, 200, beginning=5, end=100) == 5

"""The topics of a partition are read in step."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from streams.worker.merge import PartitionMerge


@dataclass(frozen=True)
class Record:
    """A record with nothing but its place."""

    topic: str
    timestamp: int


def records(topic, *timestamps):
    return [Record(topic, timestamp) for timestamp in timestamps]


def test_records_come_in_order_of_time_over_all_topics():
    merge = PartitionMerge(["a", "b"])
    merge.extend("a", records("a", 1, 4))
    merge.extend("b", records("b", 2, 3))
    assert [record.timestamp for record in merge.pop_ready(lambda topic: False)] == [1, 2, 3, 4]


def test_a_topic_with_unread_records_holds_the_others_back():
    merge = PartitionMerge(["a", "b"])
    merge.extend("a", records("a", 1, 4))
    assert list(merge.pop_ready(lambda topic: topic == "b")) == []
    merge.extend("b", records("b", 2))
    assert [record.timestamp for record in merge.pop_ready(lambda topic: topic == "b")] == [1, 2]


def test_a_fully_read_topic_holds_nobody_back():
    merge = PartitionMerge(["a", "b"])
    merge.extend("a", records("a", 1, 4))
    assert len(list(merge.pop_ready(lambda topic: False))) == 2
    assert merge.is_empty


def test_only_topics_with_nothing_buffered_are_wanted():
    merge = PartitionMerge(["a", "b"])
    merge.extend("a", records("a", 1))
    assert list(merge.wanted) == ["b"]


def test_at_equal_times_the_topic_named_first_comes_first():
    merge = PartitionMerge(["b", "a"])
    merge.extend("a", records("a", 1, 2, 2))
    merge.extend("b", records("b", 2, 2, 3))
    read = [(record.topic, record.timestamp) for record in merge.pop_ready(lambda topic: False)]
    assert read == [("a", 1), ("b", 2), ("b", 2), ("a", 2), ("a", 2), ("b", 3)]


def test_a_topic_that_runs_empty_with_unread_records_stops_the_others():
    merge = PartitionMerge(["a", "b"])
    merge.extend("a", records("a", 1, 4))
    merge.extend("b", records("b", 2))
    assert [record.timestamp for record in merge.pop_ready(lambda topic: True)] == [1, 2]
    assert list(merge.wanted) == ["b"]


@given(
    st.fixed_dictionaries({topic: st.lists(st.integers(0, 99)).map(sorted) for topic in "abc"}),
    st.randoms(use_true_random=False),
)
def test_the_order_does_not_depend_on_how_topics_were_fetched(timestamps, rng):
    """Equal time stamps may come in either order of topics: only what the fetches decide is ruled out."""
    merge, unread = PartitionMerge("abc"), {topic: records(topic, *times) for topic, times in timestamps.items()}
    read = []
    while any(unread.values()) or not merge.is_empty:
        for topic in merge.wanted:
            size = rng.randrange(0, 5)
            merge.extend(topic, unread[topic][:size])
            unread[topic] = unread[topic][size:]
        read += merge.pop_ready(lambda topic: bool(unread[topic]))
    assert [record.timestamp for record in read] == sorted(time for times in timestamps.values() for time in times)

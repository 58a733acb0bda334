"""The position that follows from what is done, and what of it is sent to the store."""

from processors.modality import Modality
from streams.store import Position
from streams.worker.position import PartitionPosition

TOPICS = {"v": Modality.VIDEO, "a": Modality.AUDIO}


def fresh(stored=None, starts=None):
    return PartitionPosition(TOPICS, stored, starts or {"v": 10, "a": 5})


def do(position, topic, offset, source_id="cam", watermark_ms=0):
    position.trackers[topic].add(offset, source_id, watermark_ms)
    position.trackers[topic].done(offset)


def test_the_first_move_expects_nothing_and_names_every_topic():
    move = fresh().next_move()
    assert move.expected is None
    assert move.new == Position(next_offsets={"v": 10, "a": 5})


def test_there_is_nothing_to_move_until_something_is_done():
    position = fresh()
    position.acknowledge(position.next_move())
    assert position.next_move() is None
    do(position, "v", 10, watermark_ms=700)
    move = position.next_move()
    assert move.expected == {"v": 10, "a": 5}
    assert move.new == Position(next_offsets={"v": 11, "a": 5}, watermarks={"cam": {"video": 700}})
    assert position.stored_offsets == {"v": 10, "a": 5}
    position.acknowledge(move)
    assert position.stored_offsets == {"v": 11, "a": 5}
    assert position.next_move() is None


def test_only_sources_whose_watermark_changed_are_sent_with_all_of_their_modalities():
    position = fresh(Position(next_offsets={"v": 10, "a": 5}, watermarks={"cam": {"audio": 3}, "other": {"video": 1}}))
    assert position.next_move() is None
    do(position, "v", 10, watermark_ms=700)
    assert position.next_move().new.watermarks == {"cam": {Modality.VIDEO: 700, Modality.AUDIO: 3}}


def test_what_the_store_holds_beyond_the_commit_stays_done_while_it_is_read_again():
    position = fresh(Position(next_offsets={"v": 20, "a": 5}))
    do(position, "v", 10)
    assert position.next_move() is None
    for offset in range(11, 21):
        do(position, "v", offset)
    assert position.next_move().new.next_offsets == {"v": 21, "a": 5}


def test_a_forgotten_source_is_named_once_and_not_when_it_is_back():
    marks = {"cam": {"video": 1}, "other": {"video": 2}}
    position = fresh(Position(next_offsets={"v": 10, "a": 5}, watermarks=marks))
    position.forget("cam")
    position.forget("other")
    assert position.watermarks("cam") == {}
    do(position, "v", 10, "other", 9)
    move = position.next_move()
    assert move.forgotten == ("cam",)
    assert move.new.watermarks == {"other": {Modality.VIDEO: 9}}
    position.acknowledge(move)
    do(position, "v", 11, "other", 10)
    assert position.next_move().forgotten == ()

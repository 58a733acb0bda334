"""Dead letters on Kafka and back."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.errors import PoisonItem
from streams.records import DeadLetter, OriginRecord
from streams.records.dead_letters import DROPPED_PAYLOAD_HEADERS, LETTER_HEADERS

OURS = st.sampled_from([*LETTER_HEADERS, *DROPPED_PAYLOAD_HEADERS])
HEADERS = st.lists(st.tuples(st.one_of(st.text(max_size=12), OURS), st.binary(max_size=20)), max_size=12)
TEXT = st.text(st.characters(codec="utf-8"), max_size=40)


def origin(**changes):
    record = OriginRecord("braid.video", 2, 41, b"dock-1", b"payload", (("ce_id", b"f-1"),), 1_700_000_000_000)
    return replace(record, **changes)


def letter(**changes):
    return DeadLetter.of(origin(**changes), PoisonItem("ends early", code="video.truncated", stage="decode"))


def on_kafka(own):
    """The record of the dead-letter topic."""
    return OriginRecord("braid.dead-letters", 0, 7, own.key, own.value, own.encode(), 5)


@given(
    st.builds(
        DeadLetter,
        topic=st.from_regex(r"[A-Za-z0-9._-]{1,40}", fullmatch=True),
        partition=st.integers(0, 2**31),
        offset=st.integers(0, 2**62),
        timestamp_ms=st.integers(-1, 2**50),
        key=st.none() | st.binary(max_size=10),
        value=st.binary(max_size=50),
        headers=HEADERS.map(tuple),
        code=TEXT,
        stage=TEXT,
        message=TEXT,
    )
)
def test_what_is_buried_is_read_back_whole_and_without_its_payload(own):
    for sent in (own, own.without_payload()):
        assert DeadLetter.parse(on_kafka(sent)) == sent


def test_a_record_that_looks_like_a_letter_itself_is_buried_and_comes_back_as_it_was():
    inner = letter().without_payload()
    outer = letter(headers=inner.encode(), value=b"")
    assert DeadLetter.parse(on_kafka(outer)).headers == inner.encode()


def test_the_id_is_the_place_of_the_record_whatever_was_wrong():
    errors = [PoisonItem("a", code="late", stage="align"), PoisonItem("b", code="video.corrupt", stage="decode")]
    assert {DeadLetter.of(origin(), error).id for error in errors} == {"braid.video-2-41"}


def test_a_dropped_payload_leaves_size_and_digest_and_only_it_fits_again():
    dropped = letter().without_payload()
    assert (dropped.value, dropped.size_bytes, dropped.is_whole) == (b"", 7, False)
    assert dropped.payload_sha256 == hashlib.sha256(b"payload").hexdigest()
    assert dropped.with_payload(b"payload") == letter()
    with pytest.raises(ValueError, match="not the payload"):
        dropped.with_payload(b"another")


def test_the_record_comes_back_as_it_was():
    record = origin(headers=(("braid_error_code", b"mine"), ("braid_error_code", b"twice")))
    own = DeadLetter.of(record, PoisonItem("late", code="late", stage="align"))
    assert DeadLetter.parse(on_kafka(own)).origin == record


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("ce_id", b"f-1"),),
        letter().encode()[:-1],
        (*letter().encode()[:-1], ("braid_origin_timestamp_ms", b"soon")),
        (*letter().encode()[:-1], ("braid_origin_timestamp_ms", b"\xff")),
        (*letter().encode()[:-1], ("braid_origin_timestamp_ms", None)),
        (*letter().encode(), ("braid_payload_bytes", b"many"), ("braid_payload_sha256", b"00")),
    ],
)
def test_what_is_no_dead_letter_is_not_read_as_one(headers):
    assert DeadLetter.parse(OriginRecord("braid.dead-letters", 0, 7, b"k", b"v", headers, 5)) is None

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.modality import Modality
from streams.errors import ContractBroken
from streams.store.positions import (
    POSITION_VERSION,
    Position,
    encode_offsets,
    encode_watermarks,
    position_of_hash,
    watermark_field,
)

names = st.sampled_from(["braid.video", "braid.audio", "dock-1", "é", "z"])
offsets = st.dictionaries(names, st.integers(0, 2**53))
watermarks = st.dictionaries(
    names, st.dictionaries(st.sampled_from(Modality), st.integers(-(2**53), 2**53)), max_size=3
)


@settings(max_examples=20)
@given(offsets, watermarks)
def test_a_position_reads_back_as_written(next_offsets, marks):
    stored = {b"version": str(POSITION_VERSION).encode(), b"next_offsets": encode_offsets(next_offsets)}
    stored |= {watermark_field(source).encode(): encode_watermarks(own) for source, own in marks.items()}
    assert position_of_hash(stored, "key") == Position(next_offsets=next_offsets, watermarks=marks)


@settings(max_examples=20)
@given(offsets)
def test_equal_offsets_have_equal_bytes(next_offsets):
    assert encode_offsets(dict(reversed(next_offsets.items()))) == encode_offsets(next_offsets)


def test_nothing_stored_is_no_position():
    assert position_of_hash({}, "key") is None


@pytest.mark.parametrize(
    "stored",
    [
        {b"next_offsets": b"{}"},
        {b"version": b"1", b"next_offsets": b"{}"},
        {b"version": b"2"},
        {b"version": b"2", b"next_offsets": b'{"a":"x"}'},
        {b"version": b"2", b"next_offsets": b"{}", b"source:a": b"[]"},
    ],
)
def test_what_is_no_position_is_refused(stored):
    with pytest.raises(ContractBroken, match="Redis key key: not a position"):
        position_of_hash(stored, "key")

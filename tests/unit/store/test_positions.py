import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from processors.modality import Modality
from streams.store import Position

names = st.sampled_from(["braid.video", "braid.audio", "dock-1", "é", "z"])
offsets = st.dictionaries(names, st.integers(0, 2**53))
watermarks = st.dictionaries(
    names, st.dictionaries(st.sampled_from(Modality), st.integers(-(2**53), 2**53)), max_size=3
)


@settings(max_examples=20)
@given(offsets, watermarks)
def test_a_position_reads_back_as_written(next_offsets, marks):
    position = Position(next_offsets=next_offsets, watermarks=marks)
    assert Position.from_json(position.to_json()) == position


@settings(max_examples=20)
@given(offsets, watermarks)
def test_equal_positions_have_equal_bytes(next_offsets, marks):
    turned = Position(
        next_offsets=dict(reversed(next_offsets.items())),
        watermarks={source: dict(reversed(own.items())) for source, own in reversed(marks.items())},
    )
    assert turned.to_json() == Position(next_offsets=next_offsets, watermarks=marks).to_json()


@pytest.mark.parametrize("text", [b"", b"{}", b'{"version":2,"next_offsets":{}}', b'{"next_offsets":{"a":"x"}}'])
def test_what_is_no_position_is_refused(text):
    with pytest.raises(ValidationError):
        Position.from_json(text)

"""Which offsets are read for the items of a window."""

from hypothesis import given
from hypothesis import strategies as st

from streams.records import ItemRange
from streams.worker.window_items import _GAP_RECORDS, _spans


@st.composite
def ranges(draw):
    found = []
    for partition in draw(st.lists(st.integers(0, 3), unique=True, max_size=3)):
        offset = 0
        for _ in range(draw(st.integers(1, 6))):
            first = offset + draw(st.integers(0, 3 * _GAP_RECORDS))
            offset = first + draw(st.integers(1, 50))
            found.append(
                ItemRange(topic="braid.video", partition=partition, first_offset=first, last_offset=offset - 1)
            )
    return draw(st.permutations(found))


@given(ranges())
def test_every_item_is_read_once_and_little_else(own):
    wanted = {(part.partition, offset) for part in own for offset in range(part.first_offset, part.last_offset + 1)}
    spans = _spans(own)
    read = [(partition, offset) for partition, span, _ in spans for offset in span]
    assert len(read) == len(set(read))
    assert {(partition, offset) for partition, _, offsets in spans for offset in offsets} == wanted
    assert wanted <= set(read)
    assert len(read) - len(wanted) <= _GAP_RECORDS * max(0, len(own) - len(spans))

"""Which windows an item belongs to, and what a window says of itself."""

import pytest
from align_model import Item, starts_by_looking
from hypothesis import given
from hypothesis import strategies as st

from processors.modality import Modality
from streams.align import SealedBy, Window, windows_of


@given(
    start_ms=st.integers(-2_000, 2_000),
    length_ms=st.integers(0, 700),
    size_ms=st.integers(100, 400),
    data=st.data(),
)
def test_an_item_belongs_to_exactly_the_windows_that_it_overlaps(start_ms, length_ms, size_ms, data):
    hop_ms = data.draw(st.integers(20, size_ms))
    starts = windows_of(start_ms, start_ms + length_ms, size_ms, hop_ms)
    assert list(starts) == starts_by_looking(start_ms, start_ms + length_ms, size_ms, hop_ms)


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "expected"),
    [
        (4000, 4000, [2000, 4000]),  # a point at a start belongs to the window that begins there
        (3999, 3999, [0, 2000]),
        (3000, 4000, [0, 2000]),  # an interval that ends at a start does not reach that window
        (3000, 4001, [0, 2000, 4000]),
        (-1, -1, [-4000, -2000]),
        (5000, 4000, [2000, 4000]),  # an end before the start makes a point
    ],
)
def test_windows_are_half_open(start_ms, end_ms, expected):
    assert list(windows_of(start_ms, end_ms, size_ms=4000, hop_ms=2000)) == expected


def test_epoch_milliseconds_stay_exact_at_any_size():
    # 10**15 + 7 has no exact product with 0.001, so arithmetic in seconds would lose it.
    assert list(windows_of(10**15 + 7, 10**15 + 7, size_ms=101, hop_ms=101)) == [(10**15 + 7) // 101 * 101]


def make_window(*items, source_id="dock-1"):
    window = Window(source_id, 4000, 8000, 0)
    window.items.update({item.item_id: item for item in items})
    return window


def test_a_window_is_named_by_source_start_and_size():
    assert make_window().id == "dock-1/4000/4000"


def test_items_are_sorted_by_modality_start_and_id_whatever_their_arrival():
    items = [
        Item("a", Modality.AUDIO, 5000, 6000, 0),
        Item("c", Modality.VIDEO, 4000, 4000, 0),
        Item("b", Modality.VIDEO, 4500, 4500, 0),
        Item("d", Modality.VIDEO, 4500, 4500, 0),
    ]
    assert make_window(*items).sorted_items() == items == make_window(*reversed(items)).sorted_items()


def test_a_window_shows_its_state():
    window = make_window()
    assert not window.is_closed
    assert not window.is_sealed
    window.sealed_by = SealedBy.MEMORY
    assert window.is_sealed
    assert repr(window) == "<Window dock-1/4000/4000 items=0 closed_by=None sealed_by=memory>"

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.errors import ConfigurationError
from streams.store.identity import detection_id, items_digest, split_detection_id


@settings(max_examples=30)
@given(st.text("aZ09._-", min_size=1, max_size=20), st.integers(-(10**13), 10**13), st.integers(1, 10**6))
def test_an_id_reads_back_as_it_was_made(source_id, start_ms, size_ms):
    text = detection_id(source_id, start_ms, start_ms + size_ms)
    assert split_detection_id(text) == (source_id, start_ms, start_ms + size_ms)


@pytest.mark.parametrize(
    "text", ["", "dock-1", "dock-1/0", "/0/4000", "dock-1/x/4000", "dock-1/0/0", "dock-1/0/-1", "a/b/0/4000", "a/ 0/1"]
)
def test_anything_else_is_refused_with_what_an_id_looks_like(text):
    with pytest.raises(ConfigurationError, match="SOURCE/START_MS/SIZE_MS"):
        split_detection_id(text)


@settings(max_examples=30)
@given(st.lists(st.text("ab1:é", max_size=3), unique=True, max_size=5), st.randoms(use_true_random=False))
def test_a_digest_knows_neither_order_nor_repeats(item_ids, random):
    shuffled = item_ids + item_ids[:2]
    random.shuffle(shuffled)
    assert items_digest(shuffled) == items_digest(item_ids)


def test_no_two_sets_of_ids_share_a_digest():
    alphabet = ["", "1", "a", "1:a", "11:a", ":", "\n"]
    sets = [chosen for size in range(4) for chosen in itertools.combinations(alphabet, size)]
    assert len({items_digest(chosen) for chosen in sets}) == len(sets)

"""Parts of a set: whole recordings, drawn by the seed, with as much to see in each as there is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.errors import DatasetError
from processors.models.training.split import split_by_recording


def split(recordings, shown=None, seed=0, validation=0.2, test=0.2):
    names = np.array(recordings)
    seen = np.ones((len(names), 1), bool) if shown is None else shown
    return split_by_recording(names, seen, validation_share=validation, test_share=test, seed=seed)


@settings(max_examples=50)
@given(
    each=st.lists(st.integers(1, 4), min_size=3, max_size=20),
    shares=st.tuples(*[st.floats(0.01, 0.49)] * 2),
    seed=st.integers(0, 50),
)
def test_no_recording_is_in_two_parts_and_none_is_left_out(each, shares, seed):
    recordings = np.concatenate([[f"r{number}"] * count for number, count in enumerate(each)])
    parts = split(recordings, seed=seed, validation=shares[0], test=shares[1])
    names = [name for part in parts.named.values() for name in part]
    assert sorted(names) == sorted(set(recordings))
    assert all(parts.named.values())
    rows = [row for name in parts.named for row in parts.rows(name, recordings)]
    assert sorted(rows) == list(range(len(recordings)))
    for name, part in parts.named.items():
        assert set(recordings[parts.rows(name, recordings)]) == set(part)


def test_the_seed_alone_decides():
    recordings = [f"r{number}" for number in range(20)]
    assert split(recordings) == split(recordings)
    assert split(recordings) != split(recordings, seed=1)


def test_what_few_recordings_show_is_learned_first():
    recordings = [f"r{number}" for number in range(20)]
    shown = np.zeros((20, 2), bool)
    shown[:3, 0] = True
    shown[3, 1] = True
    for seed in range(10):
        parts = split(recordings, shown, seed)
        assert "r3" in parts.training
        for part in parts.named.values():
            assert {"r0", "r1", "r2"} & set(part)


def test_fewer_than_three_recordings_are_refused():
    with pytest.raises(DatasetError, match=r"2 recordings \(a, b\) cannot be split"):
        split(["a", "a", "b"])

"""Sets made of verdicts: what is known is written, what is not stays open, and recordings lie apart."""

from dataclasses import replace

import numpy as np
import pytest

from processors.datasets.windows import UNLABELLED_CLASS, read_windows, write_windows
from processors.modality import Modality
from processors.models.spec import EMBEDDING_DIMS, MAX_ITEMS
from streams.labels.examples import Example, window_set
from streams.store import Verdict

DAY_MS = 1_700_000_000_000


def inputs(marks, present=tuple(Modality)):
    """A window whose items carry a mark."""
    made = {}
    for modality in Modality:
        made[modality.value] = np.full((MAX_ITEMS[modality], EMBEDDING_DIMS[modality]), marks, np.float32)
        made[f"{modality}_time"] = np.full(MAX_ITEMS[modality], marks, np.float32)
        made[f"{modality}_weight"] = np.full(MAX_ITEMS[modality], float(modality in present), np.float32)
    return made


def example(start_ms, classes=(), *, asked=("crash", "alarm"), source_id="dock-1", at_ms=0, marks=0.5, **kwargs):
    verdict = Verdict(classes=classes, asked=asked, at_ms=at_ms)
    start_ms += DAY_MS
    return Example(source_id, start_ms, start_ms + 4000, verdict, inputs(marks, **kwargs))


def test_classes_that_were_asked_for_are_known_and_others_are_not():
    made = window_set(
        [
            example(0, ("crash",), asked=("crash", "alarm"), at_ms=1),
            example(2000, (), asked=("alarm", "smoke", "crash"), at_ms=2),
            example(4000, ("smoke",), asked=("smoke",), at_ms=0),
        ],
        60_000,
    )
    assert made.classes == ("alarm", "smoke", "crash"), "the order of the newest verdict's"
    np.testing.assert_array_equal(made.labels, [[0, np.nan, 1], [0, 0, 0], [np.nan, 1, np.nan]])


def test_without_a_verdict_nothing_is_known():
    unjudged = [replace(example(start_ms), verdict=None) for start_ms in (0, 2000)]
    made = window_set(unjudged, 60_000)
    assert made.classes == (UNLABELLED_CLASS,)
    assert np.isnan(made.labels).all()
    some = window_set([example(4000, ("crash",)), *unjudged], 60_000)
    np.testing.assert_array_equal(some.labels, [[1, 0], [np.nan, np.nan], [np.nan, np.nan]])


def test_a_recording_is_a_stretch_of_one_source_and_windows_begin_in_it():
    made = window_set([example(0), example(2000), example(66_000), example(0, source_id="dock-2")], 60_000)
    assert made.recordings.tolist() == [
        "dock-1/2023-11-14T22:13:20.000Z",
        "dock-1/2023-11-14T22:13:20.000Z",
        "dock-1/2023-11-14T22:14:26.000Z",
        "dock-2/2023-11-14T22:13:20.000Z",
    ]
    assert made.starts_ms.tolist() == [0, 2000, 0, 0]


def test_a_set_holds_each_windows_items_and_is_read_as_it_is(tmp_path):
    made = window_set([example(0, marks=0.25), example(2000, ("alarm",), marks=0.75)], 60_000)
    write_windows(made, tmp_path / "set.npz")
    read = read_windows(tmp_path / "set.npz")
    assert list(read.modalities) == list(Modality)
    for modality, part in read.modalities.items():
        assert part.items.shape == (2, MAX_ITEMS[modality], EMBEDDING_DIMS[modality])
        assert [set(window.ravel().tolist()) for window in part.items] == [{0.25}, {0.75}]
        assert [set(window.tolist()) for window in part.times] == [{0.25}, {0.75}]
    np.testing.assert_array_equal(read.labels, made.labels)


@pytest.mark.parametrize("absent", Modality)
def test_a_modality_that_no_window_has_is_left_out(absent):
    others = tuple(modality for modality in Modality if modality is not absent)
    made = window_set([example(0, present=others), example(2000, present=others)], 60_000)
    assert tuple(made.modalities) == others
    some = window_set([example(0, present=others), example(2000)], 60_000)
    assert tuple(some.modalities) == tuple(Modality)

"""Sets of windows: what is written is read, and every refusal names the file and the fault."""

import numpy as np
import pytest

from processors.datasets.windows import TaskLabels, WindowItems, WindowSet, read_windows, write_windows
from processors.errors import DatasetError
from processors.modality import Modality

COUNT = 3


def windows(**changes):
    rng = np.random.default_rng(0)
    values = {
        "classes": ("crash", "alarm"),
        "recordings": np.array(["a", "a", "b"]),
        "starts_ms": np.array([0, 2000, 0]),
        "labels": np.array([[1, 0], [0, np.nan], [0, 0]], np.float32),
        "modalities": {
            Modality.AUDIO: WindowItems(
                rng.normal(size=(COUNT, 4, 5)).astype(np.float16).astype(np.float32),
                rng.random((COUNT, 4), np.float32),
                np.ones((COUNT, 4), np.float32),
            )
        },
    }
    return WindowSet(**{**values, **changes})


def test_a_set_is_read_as_it_was_written(tmp_path):
    written = windows()
    write_windows(written, tmp_path / "set.npz")
    read = read_windows(tmp_path / "set.npz")
    assert (read.classes, len(read), list(read.modalities)) == (written.classes, COUNT, [Modality.AUDIO])
    for name in ("recordings", "starts_ms", "labels"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    for name in ("items", "times", "weights"):
        expected = getattr(written.modalities[Modality.AUDIO], name)
        np.testing.assert_array_equal(getattr(read.modalities[Modality.AUDIO], name), expected)


MOOD = TaskLabels(("bad", "good"), np.array([[1, 0], [np.nan, np.nan], [0, 1]], np.float32))


def test_further_tasks_are_read_as_they_were_written(tmp_path):
    write_windows(windows(tasks={"mood": MOOD}), tmp_path / "set.npz")
    (name, read), *others = read_windows(tmp_path / "set.npz").tasks.items()
    assert (name, read.classes, others) == ("mood", MOOD.classes, [])
    np.testing.assert_array_equal(read.labels, MOOD.labels)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": ("crash",)}, "one column for each"),
        ({"classes": ("crash", "crash")}, "all differ"),
        ({"labels": np.full((COUNT, 2), 0.5, np.float32)}, "other values than 0, 1 and NaN"),
        ({"labels": np.zeros((0, 2), np.float32)}, "at least one window"),
        ({"tasks": {"mood": TaskLabels(("bad",), MOOD.labels)}}, "`labels_mood` has shape"),
        ({"tasks": {"mood": TaskLabels(MOOD.classes, MOOD.labels[:1])}}, "`labels_mood` has 1 rows"),
        ({"tasks": {"mood": TaskLabels(MOOD.classes, MOOD.labels + 1)}}, "`labels_mood` holds other values"),
        ({"recordings": np.array(["a"])}, "`recording` has 1 rows"),
        ({"starts_ms": np.array([0.5, 1.0, 2.0])}, "expected whole numbers"),
        ({"modalities": {}}, "no modality"),
        (
            {"modalities": {Modality.AUDIO: WindowItems(*(np.ones((COUNT, 4, 5)), *[np.ones((COUNT, 3))] * 2))}},
            "`audio_time` has shape",
        ),
    ],
)
def test_a_set_with_a_fault_is_refused_by_name(changes, said, tmp_path):
    path = tmp_path / "set.npz"
    write_windows(windows(**changes), path)
    with pytest.raises(DatasetError, match=said) as refused:
        read_windows(path)
    assert str(path) in str(refused.value)

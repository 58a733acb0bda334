"""What of a set is learned, and what is refused, by name and with the mend."""

from dataclasses import replace

import numpy as np
import pytest

from processors.datasets.windows import TaskLabels, WindowItems
from processors.errors import DatasetError
from processors.modality import Modality
from processors.models.training.selection import refuse_unlearnable, select

WHERE = "set.npz"


def refused(made, plan):
    with pytest.raises(DatasetError) as caught:
        select(made, plan, WHERE)
    assert str(caught.value).startswith(WHERE)
    return str(caught.value)


def labels(made, column, value):
    changed = made.labels.copy()
    changed[:, column] = value
    return replace(made, labels=changed)


def test_labels_of_all_tasks_stand_side_by_side(windows, plan):
    made = windows()
    selection = select(made, plan(tasks={"mood": {}, "event": {}}, classes=["alarm"]), WHERE)
    assert [(task.name, task.classes, task.is_exclusive) for task in selection.tasks] == [
        ("mood", ("calm", "upset"), True),
        ("event", ("alarm",), False),
    ]
    np.testing.assert_array_equal(selection.labels[:, :2], made.tasks["mood"].labels)
    np.testing.assert_array_equal(selection.labels[:, 2], made.labels[:, 1])


def test_a_modality_that_is_left_out_is_no_input(windows, plan):
    selection = select(windows(), plan(modalities=["transcript", "video"]), WHERE)
    assert selection.examples.dims == {"video": 6, "transcript": 4}
    assert len(selection.examples.inputs) == 6


def test_an_absent_modality_is_refused_unless_it_is_left_out(windows, plan):
    made = windows()
    silent = made.modalities[Modality.AUDIO]
    nothing = WindowItems(silent.items, silent.times, np.zeros_like(silent.weights))
    for modalities in (
        {name: items for name, items in made.modalities.items() if name is not Modality.AUDIO},
        {**made.modalities, Modality.AUDIO: nothing},
    ):
        said = refused(replace(made, modalities=modalities), plan())
        assert "audio is absent from the whole set, which has video, transcript" in said
        assert "leave it out (`modalities`)" in said
        select(replace(made, modalities=modalities), plan(modalities=["video", "transcript"]), WHERE)


def test_a_class_that_never_happens_is_refused(windows, plan):
    assert "the class 'alarm' happens in no window" in refused(labels(windows(), 1, 0), plan())


def test_labels_that_are_all_unknown_are_refused(windows, plan):
    made = windows()
    nothing = replace(made, labels=np.full_like(made.labels, np.nan))
    assert "every label of the task 'event' is unknown (NaN)" in refused(nothing, plan())


def test_classes_and_tasks_that_the_set_does_not_have_are_refused(windows, plan):
    assert "no labels of the class 'fire'; it has crash, alarm" in refused(windows(), plan(classes=["fire"]))
    assert "no labels of the task 'age'; it has event, mood" in refused(windows(), plan(tasks={"age": {}}))


@pytest.mark.parametrize("row", [[1, 1], [0, 0], [1, np.nan]])
def test_a_window_with_any_number_of_exclusive_classes_but_one_is_refused(windows, plan, row):
    made = windows()
    mood = made.tasks["mood"].labels.copy()
    mood[4] = row
    two = replace(made, tasks={"mood": TaskLabels(("calm", "upset"), mood)})
    said = refused(two, plan(tasks={"mood": {}}))
    assert "the task 'mood' is exclusive, but row 4 is" in said
    select(two, plan(tasks={"mood": {"is_exclusive": False}}), WHERE)


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "the class 'crash' happens in no window of the recordings"), (1, "happens in every window that is known")],
)
def test_a_class_that_training_does_not_show_both_ways_is_refused(windows, plan, value, said):
    wanted = plan()
    selection = select(windows(), wanted, WHERE)
    training = selection.examples.take(np.arange(24))
    training.labels[:, 0] = value
    with pytest.raises(DatasetError, match=said):
        refuse_unlearnable({"training": training}, selection.shape(wanted), WHERE)


def test_a_part_that_knows_nothing_is_refused(windows, plan):
    wanted = plan()
    selection = select(windows(), wanted, WHERE)
    test = selection.examples.take(np.arange(5))
    test.labels[:] = np.nan
    parts = {"training": selection.examples, "test": test}
    with pytest.raises(DatasetError, match="nothing is known of the task 'event' in the recordings of test"):
        refuse_unlearnable(parts, selection.shape(wanted), WHERE)


def test_a_modality_that_training_does_not_have_is_refused(windows, plan):
    wanted = plan()
    selection = select(windows(), wanted, WHERE)
    parts = {"training": selection.examples.keep(frozenset({"video", "audio"}))}
    with pytest.raises(DatasetError, match="transcript is in no window of the recordings that are learned from"):
        refuse_unlearnable(parts, selection.shape(wanted), WHERE)

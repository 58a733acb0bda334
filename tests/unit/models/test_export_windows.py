"""Windows as a fusion graph takes them, and what they judge."""

from dataclasses import replace

import numpy as np
import pytest

from processors.datasets.windows import WindowItems, WindowSet
from processors.errors import DatasetError, ModelError
from processors.modality import Modality
from processors.models.compression.fusion import FusionExport, export_fusion
from processors.models.compression.windows import feeds_of, score_answers, split_windows, take_windows
from processors.models.fusion import ENSEMBLE_KIND, Ensemble, FusionShape, Task, TrainedFusion, make_fusion
from processors.models.spec import FUSION

DIMS = {Modality.VIDEO: 12, Modality.AUDIO: 8}
CLASSES = ("crash", "alarm")
THRESHOLDS = {"crash": 0.5, "alarm": 0.4}


def make_windows(count=90, seed=0, items=5):
    random = np.random.default_rng(seed)
    labels = (random.random((count, 2)) < 0.4).astype(np.float32)
    modalities = {}
    for modality, dim in DIMS.items():
        signal = random.normal(size=(2, dim)) * 0.5
        values = random.normal(size=(count, items, dim)) + (labels @ signal)[:, None]
        times = np.tile(np.arange(items, dtype=np.float32), (count, 1))
        modalities[modality] = WindowItems(values.astype(np.float32), times, np.ones((count, items), np.float32))
    recordings = np.array([f"day-{number % 9}" for number in range(count)])
    return WindowSet(CLASSES, recordings, np.arange(count, dtype=np.int64), labels, modalities)


def test_no_recording_is_on_both_sides_of_the_split():
    for seed in range(5):
        fitted_by, judged_by = split_windows(make_windows(), 1 / 3, seed)
        assert not set(fitted_by.recordings) & set(judged_by.recordings)
        assert len(fitted_by) + len(judged_by) == 90


def test_one_recording_cannot_be_split():
    windows = make_windows()
    one = take_windows(windows, np.flatnonzero(windows.recordings == "day-1"))
    with pytest.raises(DatasetError, match="all 10 windows are of one recording"):
        split_windows(one, 1 / 3, 0)


def feed_spec():
    inputs = tuple(
        replace(tensor, shape=(tensor.shape[0], DIMS.get(tensor.name, 384))) if len(tensor.shape) == 2 else tensor
        for tensor in FUSION.inputs
    )
    return replace(FUSION, inputs=inputs)


def test_windows_are_padded_to_what_the_graph_takes():
    windows = make_windows(count=3)
    (feed,) = feeds_of(windows, feed_spec())
    assert feed["video"].shape == (3, 32, 12)
    assert (feed["video"][:, :5] == windows.modalities[Modality.VIDEO].items).all()
    assert (feed["video_weight"] == np.pad(np.ones((3, 5)), ((0, 0), (0, 27)))).all()
    assert not feed["transcript_weight"].any()


def test_of_too_many_items_an_even_sample_is_taken():
    windows = make_windows(count=3, items=40)
    (feed,) = feeds_of(windows, feed_spec())
    times = feed["video_time"][0]
    assert len(times) == 32
    assert (times[0], times[-1]) == (0, 39)
    assert (np.diff(times) >= 1).all()


def test_items_of_another_length_are_refused():
    with pytest.raises(DatasetError, match="video items have 12 values, the model takes 1280"):
        list(feeds_of(make_windows(count=3), FUSION))


def test_what_nobody_knows_is_not_judged():
    windows = make_windows(count=4)
    windows.labels[:] = [[1, np.nan], [0, np.nan], [np.nan, 1], [1, np.nan]]
    stated = np.array([[0.9, 0], [0.1, 0], [0.0, 1], [0.2, 0]], np.float32)
    assert score_answers(stated, CLASSES, THRESHOLDS, windows) == {
        "crash": {"f1": pytest.approx(2 / 3), "average_precision": pytest.approx(1.0)}
    }


def test_windows_that_judge_nothing_are_refused():
    windows = make_windows(count=4)
    windows.labels[:] = 0
    with pytest.raises(DatasetError, match="none of the model's"):
        score_answers(np.zeros((4, 2), np.float32), CLASSES, THRESHOLDS, windows)


def test_a_model_that_cannot_be_served_is_refused(tmp_path):
    shape = FusionShape(modalities={"audio": 8}, tasks=(Task("mood", CLASSES, is_exclusive=False),), width=64)
    trained = TrainedFusion("concat", make_fusion("concat", shape), THRESHOLDS)
    windows = make_windows()
    with pytest.raises(ModelError, match="expected one called `event`"):
        export_fusion(trained, windows, windows, tmp_path, FusionExport(), source=tmp_path / "f", told=print)


def test_an_ensemble_is_not_pruned(tmp_path):
    shape = FusionShape(modalities={"audio": 8}, tasks=(Task("event", CLASSES, is_exclusive=False),), width=64)
    ensemble = Ensemble([make_fusion("concat", shape) for _ in range(2)])
    windows, how = make_windows(), FusionExport(share=0.5)
    with pytest.raises(ModelError, match="holds an ensemble, which is not pruned"):
        export_fusion(
            TrainedFusion(ENSEMBLE_KIND, ensemble, THRESHOLDS),
            windows,
            windows,
            tmp_path,
            how,
            source=tmp_path,
            told=print,
        )

import numpy as np
import pytest

from processors.datasets.windows import TaskLabels, WindowItems, WindowSet
from processors.modality import Modality
from processors.models.training.plan import TrainingPlan

DIMS = {Modality.VIDEO: 6, Modality.AUDIO: 5, Modality.TRANSCRIPT: 4}
CLASSES = ("crash", "alarm")


@pytest.fixture
def windows():
    """Makes sets of windows; any field may be given."""
    return _make_windows


def _make_windows(recordings=9, each=12, seed=0, noise=0.3, **changes):
    """Windows in which every modality tells both classes, and `crash` tells the mood; every third label is unknown."""
    rng = np.random.default_rng(seed)
    count = recordings * each
    labels = (rng.random((count, len(CLASSES))) < 0.4).astype(np.float32)
    modalities = {}
    for modality, dim in DIMS.items():
        items = noise * rng.normal(size=(count, 3, dim))
        items[:, :, :2] += 2 * labels[:, None] - 1
        weights = np.ones((count, 3), np.float32)
        weights[:, 2] = 0
        modalities[modality] = WindowItems(
            items.astype(np.float16).astype(np.float32), np.tile(np.arange(3, dtype=np.float32), (count, 1)), weights
        )
    mood = np.eye(2, dtype=np.float32)[labels[:, 0].astype(int)]
    known = labels.copy()
    known[::3, 1] = np.nan
    mood[::3] = np.nan
    values = {
        "classes": CLASSES,
        "recordings": np.repeat([f"r{number}" for number in range(recordings)], each),
        "starts_ms": np.tile(np.arange(each) * 2000, recordings),
        "labels": known,
        "modalities": modalities,
        "tasks": {"mood": TaskLabels(("calm", "upset"), mood)},
    }
    return WindowSet(**{**values, **changes})


@pytest.fixture
def plan(tmp_path):
    """A brief training; keys of sections are merged."""

    def plan(**changes):
        values = {
            "data": tmp_path / "windows.npz",
            "out": tmp_path / "out",
            "network": {"kind": "concat", "width": 16, "dropout": 0.1},
            "loop": {"epochs": 6, "batch_size": 16, "learning_rate": 0.02},
        }
        for key, value in changes.items():
            values[key] = {**values[key], **value} if isinstance(values.get(key), dict) else value
        return TrainingPlan(**values)

    return plan

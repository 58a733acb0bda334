from pathlib import Path

import numpy as np
import pytest

from processors.modality import Modality
from processors.models.fusion_training.recordings import find_recordings, pair_recordings
from processors.models.fusion_training.scenes import EncodedScene, Items
from processors.models.fusion_training.windows import cut_windows


def recording(frames: int, chunks: int) -> EncodedScene:
    """One with `frames` frames, one every 400 ms, and `chunks` seconds of sound."""
    times = np.arange(frames) * 400
    starts = np.arange(chunks) * 1000
    items = {
        Modality.VIDEO: Items(np.ones((frames, 1280), np.float32), np.stack([times, times], axis=1)),
        Modality.AUDIO: Items(np.ones((chunks, 1280), np.float32), np.stack([starts, starts + 1000], axis=1)),
        Modality.TRANSCRIPT: Items(np.zeros((0, 384), np.float32), np.zeros((0, 2), np.int64)),
    }
    return EncodedScene(items, (), (), 10_000)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(6)


def test_each_sound_is_paired_with_footage_as_often_as_asked(rng: np.random.Generator):
    pairs = pair_recordings([recording(40, 0), recording(0, 5), recording(0, 6)], rng, 3)
    assert len(pairs) == 6
    assert {pair.duration_ms for pair in pairs} == {5000, 6000}


def test_a_pair_starts_at_its_first_frame_and_shows_no_event(rng: np.random.Generator):
    for pair in pair_recordings([recording(40, 0), recording(0, 5)], rng, 5):
        times = pair.items[Modality.VIDEO].spans_ms[:, 0]
        assert times[0] == 0
        assert times[-1] < 5000
        assert not any(window.evidence.any() or window.is_unclear.any() for window in cut_windows(pair))


def test_without_footage_there_are_no_pairs(rng: np.random.Generator):
    assert pair_recordings([recording(0, 5)], rng, 2) == []


def test_media_files_are_found_in_folders_and_other_files_are_left(tmp_path: Path):
    for name in ("b/two.flac", "one.mp4", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert find_recordings([tmp_path]) == [tmp_path / "b/two.flac", tmp_path / "one.mp4"]
    assert find_recordings([tmp_path / "one.mp4"]) == [tmp_path / "one.mp4"]

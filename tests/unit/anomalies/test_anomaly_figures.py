"""Figures over judged frames, and the windows that they are of."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from processors.errors import DatasetError
from processors.models.evaluation.anomalies import AnomalyReport
from processors.models.evaluation.anomaly_pictures import PICTURED, draw_sheet
from processors.models.evaluation.anomaly_run import RunSettings, judge_source
from processors.models.evaluation.anomaly_scores import (
    Answer,
    JudgedFrame,
    auc_of,
    false_alarms_per_hour,
    ks_distance,
    measure_auc,
)
from processors.models.evaluation.anomaly_windows import HOP_MS, WINDOW_MS, Observer, cut_windows
from processors.normality import Observation
from processors.normality.observation import THUMBNAIL_SHAPE
from processors.scenes.anomalies import FPS, Hearing, Kind, Place, Source, Stretch, compose_held_out
from processors.scenes.anomalies.hearing import Named, SoundPart
from processors.scenes.real.things import Thing

RATE_HZ = 10.0
FRAME_MS = round(1000 / FPS)


class MeanEncoders:
    """The mean colour stands for a picture, the level for a second, the length for a line."""

    def __init__(self) -> None:
        self.calls = 0

    def encode_pictures(self, squares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.calls += 1
        means = squares.reshape(len(squares), -1, 3).mean(axis=1).astype(np.float32)
        return means, np.broadcast_to(means[:, None, None], (len(means), 2, 2, 3)).astype(np.float16)

    def encode_seconds(self, seconds: np.ndarray) -> np.ndarray:
        return np.abs(seconds).mean(axis=1, keepdims=True).astype(np.float32)

    def encode_lines(self, lines: list[str]) -> np.ndarray:
        return np.array([[len(line)] for line in lines], np.float32).reshape(len(lines), 1)


@pytest.fixture
def source() -> Source:
    rng = np.random.default_rng(0)
    footage = rng.integers(60, 200, size=(150, 216, 287, 3), dtype=np.uint8)
    thing = Thing("other.mp4", np.full((2, 30, 20, 4), 255, np.uint8))
    place = Place(
        name="hall.mp4",
        footage=footage,
        rate_hz=RATE_HZ,
        learned=((0, 20),),
        held_out=((20, 150),),
        is_shuttled=False,
        runs=(),
        is_directed=False,
        activity=np.zeros((216, 287), np.float32),
        own_things=(),
        foreign_things=(thing,),
    )
    sounds = tuple(Named(f"{name}.wav", rng.standard_normal(8000).astype(np.float32)) for name in "abcd")
    part = SoundPart((sounds[0], sounds[1]), sounds[2], {"d": (sounds[3],)})
    return Source(place, Hearing(("a", "b", "c"), part, part), 0)


@pytest.fixture
def stretch(source: Source) -> Stretch:
    return compose_held_out(source, Kind.DARK, 0)


def frame(score: float, *, kind: Kind | None = None, stretch: int = 0, source: str = "a") -> JudgedFrame:
    return JudgedFrame(source, stretch, kind, kind is not None, Answer(score, 0.5))


def test_auc_is_the_share_of_ordered_pairs_where_ties_count_half() -> None:
    rng = np.random.default_rng(0)
    normal, anomalous = rng.integers(0, 5, 40).astype(float), rng.integers(2, 7, 30).astype(float)
    pairs = [(one > other) + 0.5 * (one == other) for one in anomalous for other in normal]
    assert auc_of(normal, anomalous) == pytest.approx(np.mean(pairs))


def test_a_kind_is_measured_against_the_normal_of_sources_that_it_befalls() -> None:
    frames = [frame(0.5), frame(0.9, kind=Kind.DARK), frame(5.0, source="b"), frame(0.1, kind=Kind.SMOKE, source="b")]
    assert measure_auc(frames, Kind.DARK) == 1.0
    assert measure_auc(frames, Kind.SMOKE) == 0.0


def test_false_alarms_that_follow_each_other_within_a_second_are_one() -> None:
    anomalies = [frame(score, kind=Kind.DARK, stretch=number) for number, score in enumerate([2.0] * 9 + [0.1])]
    scores = [3.0, 0.0, 3.0, *[0.0] * 20, 3.0]
    normal = [frame(score, stretch=20) for score in scores]
    per_hour = 3600 / (len(normal) / 5)
    assert false_alarms_per_hour([*anomalies, *normal], 0.9, 0.2) == pytest.approx(2 * per_hour)
    assert false_alarms_per_hour([*anomalies, *[frame(0.0, stretch=20)] * 5], 0.9, 0.2) == 0.0


def test_the_distance_of_even_p_values_is_small_and_that_of_equal_ones_is_large() -> None:
    assert ks_distance((np.arange(100) + 0.5) / 100) == pytest.approx(0.005)
    assert ks_distance(np.full(100, 0.1)) == pytest.approx(0.9)


def test_a_window_ends_with_the_frame_that_it_is_labelled_by(stretch: Stretch) -> None:
    observed = Observer(MeanEncoders(), "1").observe(stretch)
    windows = list(cut_windows(stretch, observed, 1000))
    assert len(windows) == (stretch.duration_ms - WINDOW_MS) // HOP_MS + 1
    for window in windows:
        last_ms = window.observation.frames[-1].at_ms - 1000
        assert window.observation.end_ms == 1000 + last_ms + FRAME_MS
        assert window.observation.start_ms == window.observation.end_ms - WINDOW_MS
        assert window.is_anomalous == stretch.is_anomalous(last_ms)
        assert len(window.observation.frames) == WINDOW_MS // FRAME_MS
        assert window.observation.frames[0].thumbnail.shape == THUMBNAIL_SHAPE


def test_normal_windows_that_still_hold_some_of_the_anomaly_are_not_counted(stretch: Stretch) -> None:
    observed = Observer(MeanEncoders(), "1").observe(stretch)
    for window in cut_windows(stretch, observed, 0):
        holds_some = any(stretch.is_anomalous(each.at_ms) for each in window.observation.frames)
        assert window.is_counted == (window.is_anomalous or not holds_some)


def test_what_is_kept_is_found_again_and_that_of_other_encoders_is_not(stretch: Stretch, tmp_path: Path) -> None:
    encoders = MeanEncoders()
    first = Observer(encoders, "1", tmp_path).observe(stretch)
    calls = encoders.calls
    again = Observer(encoders, "1", tmp_path).observe(stretch)
    assert encoders.calls == calls
    assert (first.embeddings == again.embeddings).all()
    Observer(encoders, "2", tmp_path).observe(stretch)
    assert encoders.calls > calls


class Recorder:
    """Remembers what it was given."""

    def __init__(self) -> None:
        self.learned: list[Observation] = []
        self.judged: list[Observation] = []

    def learn(self, observations: Sequence[Observation]) -> None:
        assert not self.judged
        self.learned += observations

    def answers(self, observations: Sequence[Observation]) -> list[Answer]:
        self.judged += observations
        return [Answer(0.0)] * len(observations)


def test_all_scorers_learn_and_judge_the_same_windows_in_order_of_time(source: Source) -> None:
    one, other = Recorder(), Recorder()
    settings = RunSettings(learned_s=9.0, normal_stretches=1)
    judged = judge_source(source, Observer(MeanEncoders(), "1"), {"one": lambda: one, "other": lambda: other}, settings)
    for recorder in (one, other):
        starts = [each.start_ms for each in (*recorder.learned, *recorder.judged)]
        assert starts == sorted(set(starts))
    assert [each.start_ms for each in one.learned] == [each.start_ms for each in other.learned]
    assert [each.start_ms for each in one.judged] == [each.start_ms for each in other.judged]
    assert len(judged["one"]) == len(judged["other"]) == len(one.judged)
    assert {each.kind for each in judged["one"]} == {None, *Kind} - {Kind.TOO_FAST, Kind.BACKWARDS}


def test_a_sheet_of_pictures_has_a_row_for_each_kind_that_befalls(source: Source, tmp_path: Path) -> None:
    observer, settings = Observer(MeanEncoders(), "1"), RunSettings(learned_s=24.0)
    draw_sheet(tmp_path / "sheet.png", [source], observer, settings)
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet.shape[0] % (len(PICTURED) - 1) == 0
    with pytest.raises(DatasetError, match=r"sheet\.nothing cannot be written"):
        draw_sheet(tmp_path / "sheet.nothing", [source], observer, settings)


def test_a_report_tells_each_kind_and_the_spread_over_seeds() -> None:
    runs = {seed: [frame(0.1), frame(0.2), frame(0.3 - 0.15 * seed, kind=Kind.DARK, stretch=1)] for seed in range(2)}
    document = AnomalyReport(RunSettings(), runs).as_json()
    assert document["kinds"]["dark"]["auc"] == {"median": 0.75, "least": 0.5, "greatest": 1.0, "values": [1.0, 0.5]}
    assert document["anomalies"] == [1, 1]
    assert "`dark` | 0.750 (0.500 to 1.000)" in AnomalyReport(RunSettings(), runs).as_markdown()

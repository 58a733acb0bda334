import numpy as np
import pytest

from processors.modality import Modality
from processors.models.fusion import FusionNetwork
from processors.models.fusion_training.fitting import predict
from processors.models.fusion_training.scenes import EncodedScene, Items
from processors.models.fusion_training.scoring import EventScore, choose_thresholds, count_events
from processors.models.fusion_training.windows import Window, cut_windows, overlap_ms, pack_windows
from processors.models.spec import EMBEDDING_DIMS, EVENT_CLASSES, FUSION
from processors.scenes import LabelledEvent
from processors.scenes.words import EVENT_LINES, MENTIONS

VIDEO, AUDIO, WORDS = range(3)
ALARM, COLLISION = EVENT_CLASSES.index("fire_alarm"), EVENT_CLASSES.index("collision")
ALARM_LINE = EVENT_LINES["fire_alarm"][0]


def make_scene(*events: LabelledEvent, said: tuple[tuple[int, int, str], ...] = (), duration_ms: int = 20_000):
    spans = {
        Modality.VIDEO: [(time, time) for time in range(0, duration_ms, 200)],
        Modality.AUDIO: [(time, time + 1000) for time in range(0, duration_ms, 1000)],
        Modality.TRANSCRIPT: [(start, end) for start, end, _ in said],
    }
    items = {
        modality: Items(
            np.full((len(spans[modality]), EMBEDDING_DIMS[modality]), 0.1, np.float32),
            np.array(spans[modality], np.int64).reshape(-1, 2),
        )
        for modality in Modality
    }
    return EncodedScene(items, tuple(text for _, _, text in said), events, duration_ms)


def alarm(start_ms: int, end_ms: int, *modalities: Modality) -> LabelledEvent:
    return LabelledEvent("fire_alarm", start_ms, end_ms, modalities or (Modality.VIDEO, Modality.AUDIO))


def starts(windows: list[Window], row: int, column: int) -> list[int]:
    return [window.start_ms for window in windows if window.evidence[row, column]]


def test_windows_of_four_seconds_every_two_cover_the_scene_from_the_phase_on():
    assert [w.start_ms for w in cut_windows(make_scene(duration_ms=10_000))] == [0, 2000, 4000, 6000]
    assert [w.start_ms for w in cut_windows(make_scene(duration_ms=10_000), 500)] == [500, 2500, 4500]


def test_a_window_shows_an_event_of_which_it_holds_a_second_in_the_modalities_that_carry_it():
    windows = cut_windows(make_scene(alarm(7000, 9000, Modality.AUDIO)))
    assert starts(windows, AUDIO, ALARM) == [4000, 6000, 8000]
    assert starts(windows, VIDEO, ALARM) == []
    assert starts(windows, AUDIO, COLLISION) == []


def test_a_window_that_holds_less_than_a_second_is_unclear():
    windows = cut_windows(make_scene(alarm(7001, 8999)))
    assert [w.start_ms for w in windows if w.is_unclear[ALARM]] == [4000, 8000]
    assert not any(w.is_unclear[COLLISION] for w in windows)


def test_words_show_an_event_only_where_half_of_them_are_heard_and_they_belong_to_it():
    said = ((5000, 7000, ALARM_LINE), (12_000, 14_000, MENTIONS[0]))
    windows = cut_windows(make_scene(alarm(4500, 8500), said=said))
    assert starts(windows, WORDS, ALARM) == [2000, 4000, 6000]


def test_packed_windows_are_the_inputs_of_the_spec():
    inputs = pack_windows(cut_windows(make_scene(alarm(4500, 8500), said=((5000, 7000, ALARM_LINE),))))
    assert [tuple(tensor.shape[1:]) for tensor in inputs] == [tensor.shape for tensor in FUSION.inputs]
    assert inputs[2].sum(dim=1).tolist() == [20] * 9
    assert inputs[5].sum(dim=1).tolist() == [4] * 9


def test_thinning_takes_frames_away_and_nothing_else():
    windows = cut_windows(make_scene())
    thinned = pack_windows(windows, np.random.default_rng(0))
    whole = pack_windows(windows)
    frames = thinned[2].sum(dim=1)
    assert (frames <= 20).all()
    assert (frames < 20).any()
    assert (thinned[5] == whole[5]).all()


def test_predictions_without_any_modality_are_all_alike():
    windows = cut_windows(make_scene(alarm(4500, 8500)))
    probabilities = predict(FusionNetwork().eval(), windows, (False, False, False))
    assert probabilities.shape == (len(windows), len(EVENT_CLASSES))
    assert np.ptp(probabilities, axis=0) == pytest.approx(np.zeros(len(EVENT_CLASSES)), abs=1e-6)


@pytest.mark.parametrize(
    ("told", "score"),
    [
        ([], EventScore(0, 1, 0)),
        ([4000], EventScore(1, 0, 0)),
        ([4000, 6000, 8000], EventScore(1, 0, 0)),
        ([14_000], EventScore(0, 1, 1)),
        ([12_000, 14_000], EventScore(0, 1, 1)),
        ([10_000, 14_000], EventScore(0, 1, 2)),
        ([8000, 10_000], EventScore(1, 0, 1)),
    ],
    ids=["nothing", "one", "run", "wrong place", "one wrong run", "two wrong runs", "run that lasts too long"],
)
def test_a_false_alarm_is_a_run_of_windows_that_overlap_no_event(told: list[int], score: EventScore):
    windows = cut_windows(make_scene(alarm(7000, 9000)))
    is_told = np.array([window.start_ms in told for window in windows])
    assert count_events(windows, is_told, "fire_alarm") == score


def test_events_of_two_scenes_are_not_joined():
    first, second = make_scene(alarm(1000, 5000)), make_scene()
    windows = cut_windows(first) + cut_windows(second)
    is_told = np.array([window.scene is second and window.start_ms == 2000 for window in windows])
    assert count_events(windows, is_told, "fire_alarm") == EventScore(0, 1, 1)


def test_a_threshold_lies_in_the_middle_of_those_that_make_no_mistake():
    windows = cut_windows(make_scene(alarm(7000, 9000)))
    probabilities = np.full((len(windows), len(EVENT_CLASSES)), 0.3, np.float32)
    shown = [window.evidence[:, ALARM].any() for window in windows]
    probabilities[shown, ALARM] = 0.8
    thresholds = choose_thresholds(windows, probabilities)
    assert list(thresholds) == list(EVENT_CLASSES)
    assert thresholds["fire_alarm"] == pytest.approx(0.55, abs=0.03)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [((0, 10), (10, 20), 0), ((0, 10), (9, 20), 1), ((0, 10), (2, 5), 3), ((5, 6), (0, 10), 1)],
)
def test_overlap_is_half_open(one: tuple[int, int], other: tuple[int, int], shared: int):
    assert overlap_ms(one, other) == overlap_ms(other, one) == shared

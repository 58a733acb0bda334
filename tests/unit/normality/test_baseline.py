"""The baseline of a source: what it finds, what it withstands, what it forgets."""

import numpy as np
import pytest
from sources import DAY_MS, HOUR_MS, DrawnSource

from processors.errors import ModelError
from processors.normality import Part, PartFeatures, SourceBaseline, WindowFeatures
from processors.normality.evaluation.p_values import ks_distance

_ONE_HOUR_OF_WINDOWS = 450
_HOP_MS = 8_000


def _learned(source, count, *, oddities=frozenset(), kind=None, words=None):
    baseline = SourceBaseline()
    for number in range(count):
        baseline.learn(*source.window(number * _HOP_MS, kind if number in oddities else None, words))
    return baseline


@pytest.mark.parametrize("kind", ["cell", "sound"])
def test_what_a_source_never_showed_is_anomalous(kind):
    source = DrawnSource(1)
    baseline = _learned(source, 400)

    judgements = [baseline.judge(source.window(2_000_000, kind)[1]) for _ in range(5)]

    assert max(each.anomaly_p for each in judgements) < 0.01


def test_an_anomaly_is_told_by_its_part_its_cell_and_its_second():
    source = DrawnSource(1)
    baseline = _learned(source, 400)

    cell = baseline.judge(source.window(2_000_000, "cell")[1])
    sound = baseline.judge(source.window(2_000_000, "sound")[1])

    assert min(cell.parts, key=cell.parts.get) is Part.APPEARANCE
    assert np.unravel_index(cell.heat[Part.APPEARANCE].argmax(), (3, 3)) == source.odd_cell
    assert min(sound.parts, key=sound.parts.get) is Part.SOUND
    oddest = min(sound.seconds, key=lambda place: place.p)
    assert oddest.start_ms == 2_000_000 + source.odd_second * 1_000


def test_a_window_is_like_windows_that_were_learned():
    source = DrawnSource(1)
    baseline = _learned(source, 400)

    similar = baseline.judge(source.window(2_000_000)[1]).similar

    learned = {source.window(number * _HOP_MS)[0] for number in range(400)}
    assert 1 <= len(similar) <= 3
    assert set(similar) <= learned


def test_p_is_one_until_the_end_of_the_warm_up():
    source = DrawnSource(2)
    baseline = SourceBaseline()

    judgements = [baseline.learn(*source.window(number * _HOP_MS)) for number in range(300)]

    warm = [each.warming_up for each in judgements].index(False)
    assert 100 < warm < 280
    assert all(each.anomaly_p == 1 for each in judgements[:warm])
    assert not any(each.warming_up for each in judgements[warm:])


def test_p_of_normal_windows_is_uniform():
    source = DrawnSource(3)
    baseline = SourceBaseline()

    p = np.sort([baseline.learn(*source.window(number * _HOP_MS)).anomaly_p for number in range(1_300)][300:])

    # 1.63 / sqrt(1000): one uniform sample in a hundred is farther away.
    assert np.abs(p - np.arange(1, 1_001) / 1_000).max() < 0.052


def test_p_of_normal_windows_is_uniform_from_the_end_of_the_warm_up():
    told = []
    for seed in range(5):
        source, baseline = DrawnSource(seed), SourceBaseline()
        judged = [baseline.learn(*source.window(number * _HOP_MS)) for number in range(480)]
        warm = [each.warming_up for each in judged].index(False)
        told.append([each.anomaly_p for each in judged[warm : warm + 200]])

    # 1.63 / sqrt(N): one uniform sample in a hundred is farther away.
    assert ks_distance(np.concatenate(told)) < 1.63 / np.sqrt(1_000)
    assert max(ks_distance(np.array(each)) for each in told) < 1.63 / np.sqrt(200)


@pytest.mark.parametrize("kind", ["cell", "sound", "words"])
@pytest.mark.parametrize("when", ["scattered", "at first", "in the middle"])
def test_five_percent_of_anomalies_in_the_first_hour_do_not_make_them_normal(kind, when):
    share = _ONE_HOUR_OF_WINDOWS // 20
    oddities = {
        "scattered": frozenset(np.random.default_rng(4).choice(_ONE_HOUR_OF_WINDOWS, share, replace=False).tolist()),
        "at first": frozenset(range(share)),
        "in the middle": frozenset(range(250, 250 + share)),
    }[when]
    source = DrawnSource(5)
    words = ("all", "is", "well") if kind == "words" else None
    baseline = _learned(source, _ONE_HOUR_OF_WINDOWS, oddities=oddities, kind=kind, words=words)

    again = [baseline.judge(source.window(HOUR_MS, kind, words)[1]).anomaly_p for _ in range(5)]

    assert max(again) < 0.01


@pytest.mark.parametrize("kind", ["cell", "sound"])
def test_a_change_that_stays_becomes_normal_within_450_windows_and_not_at_once(kind):
    source = DrawnSource(6)
    baseline = _learned(source, _ONE_HOUR_OF_WINDOWS)

    p = [baseline.learn(*source.window(HOUR_MS + number * _HOP_MS, kind)).anomaly_p for number in range(480)]

    assert max(p[:30]) < 0.01
    assert np.median(p[450:]) > 0.2


def test_what_was_normal_before_a_change_still_is_after_it():
    source = DrawnSource(7)
    baseline = _learned(source, 600, oddities=frozenset(range(350, 600)), kind="cell")

    p = [baseline.judge(source.window(HOUR_MS)[1]).anomaly_p for _ in range(20)]

    assert np.median(p) > 0.2


def test_what_is_rare_becomes_normal_once_it_came_in_six_hours():
    source = DrawnSource(8)
    baseline = SourceBaseline()
    p = []
    for hour in range(8):
        for number in range(150):
            start_ms = hour * HOUR_MS + number * 20_000
            judgement = baseline.learn(*source.window(start_ms, "cell" if number % 50 == 20 else None))
            p += [judgement.anomaly_p] if number % 50 == 20 else []

    assert max(p[6:9]) < 0.02
    assert np.median(p[-3:]) > 0.1


def test_windows_that_are_vouched_for_are_normal_however_rare():
    source = DrawnSource(9)
    baseline = SourceBaseline()
    for number in range(400):
        baseline.learn(*source.window(number * _HOP_MS, "cell" if number in {50, 51} else None), trusted=True)

    assert np.median([baseline.judge(source.window(HOUR_MS, "cell")[1]).anomaly_p for _ in range(5)]) > 0.1


def _noise_of_day_and_night(days, night_is_loud_on=None, windows_an_hour=12):
    """Loud from 8 to 20 o'clock; at night only on one day, if any."""
    rng = np.random.default_rng(10)
    for day in range(days):
        for number in range(24 * windows_an_hour):
            start_ms = day * DAY_MS + number * HOUR_MS // windows_an_hour
            hour = number // windows_an_hour
            loud = 8 <= hour < 20 or (day == night_is_loud_on and hour == 2)
            level = (60 if loud else 20) + rng.normal(0, 1, (4, 1))
            parts = {Part.LOUDNESS: PartFeatures(level.astype(np.float32), None, (start_ms,) * 4)}
            yield f"yard/{start_ms}/4000", WindowFeatures(start_ms, start_ms + 4_000, parts)


def test_loud_at_night_is_anomalous_where_nights_are_quiet():
    baseline = SourceBaseline()
    by_hour = {}
    for window_id, features in _noise_of_day_and_night(7, night_is_loud_on=6):
        judgement = baseline.learn(window_id, features)
        by_hour.setdefault(features.start_ms // HOUR_MS, []).append(judgement.anomaly_p)

    assert max(by_hour[6 * 24 + 2]) < 0.01
    assert np.median(by_hour[6 * 24 + 12]) > 0.1
    assert np.median(by_hour[6 * 24 + 5]) > 0.1


def test_no_hour_is_told_apart_before_it_was_seen_on_three_days():
    baseline = SourceBaseline()
    p = []
    for window_id, features in _noise_of_day_and_night(3, night_is_loud_on=2):
        judgement = baseline.learn(window_id, features)
        if features.start_ms // HOUR_MS == 2 * 24 + 2:
            p.append(judgement.anomaly_p)

    assert np.median(p) > 0.1


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused_before_anything_changes(bad):
    source = DrawnSource(11)
    baseline = _learned(source, 50)
    before = baseline.to_bytes()
    window_id, features = source.window(HOUR_MS)
    features.parts[Part.SOUND].vectors[1, 3] = bad

    for deed in (
        lambda: baseline.judge(features),
        lambda: baseline.learn(window_id, features),
        lambda: baseline.teach(window_id, features, "normal"),
    ):
        with pytest.raises(ModelError, match=r"sound.* not finite"):
            deed()
    assert baseline.to_bytes() == before


def test_vectors_of_another_dimension_are_refused_before_anything_changes():
    source = DrawnSource(12)
    baseline = _learned(source, 50)
    before = baseline.to_bytes()
    window_id, features = source.window(HOUR_MS)
    parts = dict(features.parts) | {Part.SOUND: PartFeatures(np.zeros((4, 7), np.float32), None, (0, 1, 2, 3))}

    with pytest.raises(ModelError, match=r"sound.*\(1, 7\).*\(1, 64\)"):
        baseline.learn(window_id, WindowFeatures(HOUR_MS, HOUR_MS + 4_000, parts))
    assert baseline.to_bytes() == before


def test_a_window_without_any_part_is_learned_and_judged_as_nothing():
    baseline = _learned(DrawnSource(13), 300)

    judgement = baseline.learn("cam/9000000/4000", WindowFeatures(9_000_000, 9_004_000, {}))

    assert judgement.score == 0
    assert judgement.anomaly_p == 1


def test_constant_features_are_normal_and_a_change_of_them_is_not():
    baseline = SourceBaseline()
    still = PartFeatures(np.full((9, 5), 0.5, np.float32), (3, 3))
    moved = PartFeatures(np.where(np.arange(9)[:, None] == 4, 0.9, still.vectors).astype(np.float32), (3, 3))
    for number in range(300):
        start_ms = number * _HOP_MS
        last = baseline.learn(
            f"cam/{start_ms}/4000", WindowFeatures(start_ms, start_ms + 4_000, {Part.APPEARANCE: still})
        )

    assert last.anomaly_p == 1
    assert baseline.judge(WindowFeatures(HOUR_MS, HOUR_MS + 4_000, {Part.APPEARANCE: moved})).anomaly_p < 0.02


def test_words_never_heard_are_named_and_make_a_window_unusual():
    source = DrawnSource(14)
    baseline = SourceBaseline()
    for number in range(400):
        baseline.learn(*source.window(number * _HOP_MS, words=("all", "is", "well")))

    usual = baseline.judge(source.window(HOUR_MS, words=("all", "is", "well"))[1])
    unusual = baseline.judge(source.window(HOUR_MS, words=("all", "is", "burning"))[1])

    assert usual.words == ()
    assert usual.parts[Part.VOCABULARY] > 0.05
    assert unusual.words == ("burning",)
    assert unusual.parts[Part.VOCABULARY] < 0.02


def test_a_word_that_was_heard_once_or_twice_is_still_told():
    source = DrawnSource(15)
    baseline = _learned(source, 400, words=("all", "is", "well"))

    told = [baseline.learn(*source.window(HOUR_MS + number * _HOP_MS, "words", ("all", "is"))) for number in range(3)]

    assert [each.words for each in told] == [("fire",)] * 3
    assert max(each.parts[Part.VOCABULARY] for each in told) < 0.01


def test_a_word_that_stays_becomes_usual():
    source = DrawnSource(16)
    baseline = _learned(source, 450, words=("all", "is", "well"))

    for number in range(450, 900):
        last = baseline.learn(*source.window(number * _HOP_MS, "words", ("all", "is", "well")))

    assert last.words == ()
    assert last.parts[Part.VOCABULARY] > 0.05


def test_where_rare_words_are_common_one_more_is_nothing_and_many_new_ones_are():
    rng = np.random.default_rng(17)
    source = DrawnSource(17)
    lines = [tuple(f"word{line}{place}" for place in range(5)) for line in range(30)]
    baseline = SourceBaseline()
    p = []
    for number in range(900):
        judgement = baseline.learn(*source.window(number * 4_000, words=lines[rng.integers(len(lines))]))
        p += [judgement.parts[Part.VOCABULARY]] if number >= 400 else []
    alarm = baseline.judge(source.window(HOUR_MS, words=("fire", "get", "out"))[1])

    assert np.mean(np.array(p) < 0.05) < 0.1
    assert alarm.parts[Part.VOCABULARY] < 0.001
    assert alarm.words == ("fire", "get", "out")

"""What people teach a baseline."""

import pytest
from sources import HOUR_MS, DrawnSource

from processors.normality import Part, SourceBaseline

_HOP_MS = 4_000


_WORDS = ("all", "is", "well")


def _learned(source, count=400, words=None):
    baseline = SourceBaseline()
    for number in range(count):
        baseline.learn(*source.window(number * _HOP_MS, words=words))
    return baseline


@pytest.mark.parametrize("kind", ["cell", "sound", "everywhere"])
def test_a_window_taught_normal_is_normal_at_once_and_so_are_windows_like_it(kind):
    source = DrawnSource(1)
    baseline = _learned(source)
    taught_id, taught = source.window(HOUR_MS, kind)
    assert baseline.judge(taught).anomaly_p < 0.01

    baseline.teach(taught_id, taught, "normal")

    assert baseline.judge(taught).anomaly_p > 0.1
    assert baseline.judge(source.window(2 * HOUR_MS, kind)[1]).anomaly_p > 0.02


def test_a_lesson_makes_nothing_else_normal():
    source = DrawnSource(2)
    baseline = _learned(source)

    baseline.teach(*source.window(HOUR_MS, "cell"), "normal")

    assert baseline.judge(source.window(2 * HOUR_MS, "sound")[1]).anomaly_p < 0.01


@pytest.mark.parametrize("kind", ["cell", "sound"])
def test_windows_like_one_taught_anomalous_stay_so_however_often_they_come(kind):
    source = DrawnSource(3)
    baseline = _learned(source)
    baseline.teach(*source.window(HOUR_MS, kind), "anomalous")

    judgements = [baseline.learn(*source.window(HOUR_MS + number * _HOP_MS, kind)) for number in range(500)]

    assert max(each.anomaly_p for each in judgements) <= 1e-4
    assert all(each.is_anomalous for each in judgements)
    assert baseline.judge(source.window(3 * HOUR_MS)[1]).anomaly_p > 0.001


def test_a_window_that_looks_normal_can_be_taught_anomalous():
    source = DrawnSource(4)
    baseline = _learned(source)
    taught_id, taught = source.window(HOUR_MS)

    baseline.teach(taught_id, taught, "anomalous")

    assert baseline.judge(taught).anomaly_p <= 1e-4


@pytest.mark.parametrize("taught_as", ["normal", "anomalous"])
@pytest.mark.parametrize("kind", [None, "cell", "sound", "everywhere"])
def test_undo_restores_the_former_answer(taught_as, kind):
    source = DrawnSource(5)
    baseline = _learned(source)
    taught_id, taught = source.window(HOUR_MS, kind)
    before = baseline.judge(taught)

    baseline.teach(taught_id, taught, taught_as)
    baseline.teach(taught_id, taught, taught_as, undo=True)

    after = baseline.judge(taught)
    assert (after.anomaly_p, after.score, after.parts) == (before.anomaly_p, before.score, before.parts)


def test_undo_of_the_other_word_or_of_nothing_changes_nothing():
    source = DrawnSource(6)
    baseline = _learned(source, 300)
    taught_id, taught = source.window(HOUR_MS, "cell")
    baseline.teach(taught_id, taught, "normal")
    before = baseline.to_bytes()

    baseline.teach(taught_id, taught, "anomalous", undo=True)
    baseline.teach("cam/1/4000", taught, "normal", undo=True)

    assert baseline.to_bytes() == before


def test_a_later_word_on_a_window_replaces_an_earlier_one():
    source = DrawnSource(7)
    baseline = _learned(source)
    taught_id, taught = source.window(HOUR_MS, "cell")

    baseline.teach(taught_id, taught, "anomalous")
    baseline.teach(taught_id, taught, "normal")

    assert baseline.judge(taught).anomaly_p > 0.1


def test_lessons_survive_a_restart():
    source = DrawnSource(8)
    baseline = _learned(source)
    normal_id, normal = source.window(HOUR_MS, "cell")
    anomalous_id, anomalous = source.window(2 * HOUR_MS, "sound")
    baseline.teach(normal_id, normal, "normal")
    baseline.teach(anomalous_id, anomalous, "anomalous")

    again = SourceBaseline.from_bytes(baseline.to_bytes())

    for features in (normal, anomalous):
        assert again.judge(features).anomaly_p == baseline.judge(features).anomaly_p
    again.teach(normal_id, normal, "normal", undo=True)
    assert again.judge(normal).anomaly_p < 0.01


def test_a_lesson_of_another_source_keeps_its_name_over_a_restart():
    source = DrawnSource(8)
    baseline = _learned(source)
    window_id, features = source.window(HOUR_MS, "sound")
    # Its source begins like the one that was learned.
    other_id = window_id.replace("/", "0/", 1)
    baseline.teach(other_id, features, "normal")

    again = SourceBaseline.from_bytes(baseline.to_bytes())

    assert again.judge(features).anomaly_p > 0.1
    again.teach(other_id, features, "normal", undo=True)
    assert again.judge(features).anomaly_p < 0.01


def test_of_more_than_32_lessons_the_oldest_goes():
    source = DrawnSource(9)
    baseline = _learned(source)
    first_id, first = source.window(HOUR_MS, "cell")
    baseline.teach(first_id, first, "anomalous")
    for number in range(31):
        baseline.teach(*source.window(2 * HOUR_MS + number * _HOP_MS, "sound"), "anomalous")
    assert baseline.judge(first).anomaly_p <= 1e-4

    baseline.teach(*source.window(3 * HOUR_MS, "sound"), "anomalous")

    kept = baseline.to_bytes()
    baseline.teach(first_id, first, "anomalous", undo=True)
    assert baseline.to_bytes() == kept


def test_a_window_taught_anomalous_for_its_words_stays_so_however_often_it_comes():
    source = DrawnSource(10)
    baseline = _learned(source, words=_WORDS)
    baseline.teach(*source.window(HOUR_MS, "words", _WORDS), "anomalous")

    judgements = [baseline.learn(*source.window(HOUR_MS + number * _HOP_MS, "words", _WORDS)) for number in range(200)]

    assert max(each.anomaly_p for each in judgements) <= 1e-4
    assert all(each.is_anomalous for each in judgements)
    assert judgements[-1].words == ("fire",)
    usual = baseline.judge(source.window(3 * HOUR_MS, words=_WORDS)[1])
    assert usual.anomaly_p > 0.001
    assert not usual.is_anomalous


def test_a_window_is_like_one_taught_anomalous_for_its_words_if_it_has_half_of_them():
    source = DrawnSource(11)
    baseline = _learned(source, words=_WORDS)
    baseline.teach(*source.window(HOUR_MS, words=("fire", "in", "the", "hall")), "anomalous")

    half = baseline.judge(source.window(2 * HOUR_MS, words=("all", "the", "fire"))[1])
    less = baseline.judge(source.window(2 * HOUR_MS, words=("all", "in", "well"))[1])

    assert half.is_anomalous
    assert half.anomaly_p <= 1e-4
    assert less.score < half.score


def test_a_window_with_many_new_words_is_normal_once_taught_so():
    source = DrawnSource(12)
    baseline = _learned(source, words=_WORDS)
    taught_id, taught = source.window(HOUR_MS, words=tuple(f"new{number}" for number in range(40)))
    assert baseline.judge(taught).parts[Part.VOCABULARY] < 0.01

    baseline.teach(taught_id, taught, "normal")

    after = baseline.judge(taught)
    assert after.parts[Part.VOCABULARY] > 0.1
    assert after.words == ()


@pytest.mark.parametrize("taught_as", ["normal", "anomalous"])
def test_undo_and_a_restart_hold_for_words_too(taught_as):
    source = DrawnSource(13)
    baseline = _learned(source, words=_WORDS)
    taught_id, taught = source.window(HOUR_MS, "words", _WORDS)
    before = baseline.judge(taught)

    baseline.teach(taught_id, taught, taught_as)
    again = SourceBaseline.from_bytes(baseline.to_bytes())

    assert again.judge(taught).anomaly_p == baseline.judge(taught).anomaly_p
    assert again.to_bytes() == baseline.to_bytes()
    again.teach(taught_id, taught, taught_as, undo=True)
    after = again.judge(taught)
    assert (after.anomaly_p, after.score, after.parts, after.words) == (
        before.anomaly_p,
        before.score,
        before.parts,
        before.words,
    )

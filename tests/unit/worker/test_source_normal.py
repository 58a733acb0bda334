"""The baseline of a source over windows that overlap: half of them are learned, all of them are told."""

import numpy as np
import pytest

from processors.normality import Part, PartFeatures, WindowFeatures
from streams.settings import BaselineSettings
from streams.store import PendingWindow
from streams.worker.observing import KeptFeatures
from streams.worker.source_normal import SourceNormal, chained

SIZE_MS, HOP_MS = 4_000, 2_000
MODELS = {"video_encoder": "1"}
WARM_UP = 700
SETTINGS = BaselineSettings(alarms_per_day=300)


def _window(number, *, is_odd=False, models=MODELS):
    start_ms = number * HOP_MS
    rng = np.random.default_rng(number)
    vectors = (8.0 if is_odd else 0.0) + rng.normal(size=(4, 6))
    parts = {Part.MOTION: PartFeatures(vectors.astype(np.float32), (2, 2))}
    kept = KeptFeatures(models, WindowFeatures(start_ms, start_ms + SIZE_MS, parts))
    return PendingWindow(f"cam/{start_ms}/{SIZE_MS}", start_ms, start_ms + SIZE_MS, True, kept.to_bytes())


def _normal():
    return SourceNormal.of_store("cam", None, SETTINGS, None)


def _threshold(normal):
    """How low the p-value of a window must be to be told."""
    return normal.baseline._whole._budget.threshold


@pytest.fixture(scope="module")
def learned():
    normal = _normal()
    normal.learn([_window(number) for number in range(WARM_UP)])
    return normal.to_store(0)


def _going_on(learned):
    return SourceNormal.of_store("cam", None, SETTINGS, learned)


def test_an_alarm_of_a_window_that_is_passed_over_is_charged_to_the_budget(learned):
    quiet, told = _going_on(learned), _going_on(learned)
    later = WARM_UP + 100  # no earlier alarm goes on
    quiet.learn([_window(later), _window(later + 1)])
    told.learn([_window(later)])
    odd = _window(later + 1, is_odd=True)
    assert told.judge(KeptFeatures.from_bytes(odd.features)).judgement.is_anomalous
    told.learn([odd])
    assert _threshold(told) < _threshold(quiet)


def test_windows_that_are_passed_over_change_nothing_that_was_learned(learned):
    whole, halved = _going_on(learned), _going_on(learned)
    whole.learn([_window(WARM_UP + number) for number in range(40)])
    halved.learn([_window(WARM_UP + number) for number in range(0, 40, 2)])
    assert (whole.about.learned, whole.about.digest) == (halved.about.learned, halved.about.digest)
    digest = learned.about.digest
    for number in range(0, 40, 2):
        digest = chained(digest, _window(WARM_UP + number).id)
    assert whole.about.digest == digest
    found, expected = whole.baseline, halved.baseline
    for number in range(900, 905):
        features = KeptFeatures.from_bytes(_window(number).features).features
        assert found.judge(features).anomaly_p == expected.judge(features).anomaly_p


def test_a_fold_that_goes_on_from_any_snapshot_has_the_same_budget(learned):
    coming = [_window(WARM_UP + number, is_odd=number % 7 == 3) for number in range(30)]
    whole = _going_on(learned)
    whole.learn(coming)
    for cut in (1, 2, 15):
        first = _going_on(learned)
        first.learn(coming[:cut])
        second = _going_on(first.to_store(0))
        second.learn([each for each in coming if each.start_ms > second.about.through_ms])
        assert second.about.digest == whole.about.digest
        for name, array in whole.baseline._whole._budget.state().items():
            np.testing.assert_array_equal(second.baseline._whole._budget.state()[name], array)


def test_a_day_earns_as_much_whether_windows_overlap_or_not():
    day = 86_400_000 // HOP_MS
    earned = []
    for step in (1, 2):
        normal = _normal()
        budget = normal.baseline._whole._budget
        for number in range(0, day, step):
            budget.observe(number * HOP_MS, 0.5)
        earned.append(budget.state()["levels"][1])
    assert earned[0] == pytest.approx(earned[1], rel=1e-3)


def test_an_unusual_window_keeps_its_features_for_people_to_teach_with_though_it_is_passed_over(learned):
    normal = _going_on(learned)
    usual, odd = _window(WARM_UP), _window(WARM_UP + 1, is_odd=True)
    normal.learn([usual, odd])
    assert odd.id not in normal.settled


def test_a_passed_over_window_of_another_encoder_neither_counts_nor_begins_anew(learned):
    normal = _going_on(learned)
    normal.learn([_window(WARM_UP)])
    before = _threshold(normal)
    normal.learn([_window(WARM_UP + 1, is_odd=True, models={"video_encoder": "2"})])
    assert normal.about.models == MODELS
    assert _threshold(normal) == before

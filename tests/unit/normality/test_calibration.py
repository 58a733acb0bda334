import json

import numpy as np
import pytest

from processors.errors import ModelError
from processors.normality.calibration import WARM_UP, Calibrator


def _calibrated(scores):
    calibrator = Calibrator()
    for score in scores:
        calibrator.add(float(score))
    return calibrator


def _ks_distance(p_values):
    ordered = np.sort(p_values)
    ranks = np.arange(1, len(ordered) + 1) / len(ordered)
    return max((ranks - ordered).max(), (ordered - ranks + 1 / len(ordered)).max())


def test_before_the_end_of_the_warm_up_p_is_1():
    calibrator = _calibrated(np.arange(WARM_UP - 1))
    assert not calibrator.is_warm
    assert calibrator.p_of(1e9) == 1.0
    calibrator.add(1.0)
    assert calibrator.is_warm
    assert calibrator.p_of(1e9) < 0.05


@pytest.mark.parametrize("draw", ["exponential", "normal", "t"])
def test_p_values_of_further_scores_are_uniform(draw):
    rng = np.random.default_rng(3)
    scores = _draw(draw, rng, 3_000)
    calibrator = _calibrated(scores[:1_000])
    told = []
    for score in scores[1_000:]:
        told.append(calibrator.p_of(float(score)))
        calibrator.add(float(score))
    assert _ks_distance(np.array(told)) <= 0.05


@pytest.mark.parametrize("draw", ["exponential", "normal", "t"])
def test_the_tail_is_right_within_a_factor_far_beyond_the_scores_that_were_seen(draw):
    rng = np.random.default_rng(5)
    high = np.quantile(_draw(draw, rng, 1_000_000), [1 - 1e-3, 1 - 1e-4, 1 - 1e-5])
    medians = np.median(
        [
            [calibrator.p_of(float(score)) for score in high]
            for calibrator in (_calibrated(_draw(draw, rng, 6_000)) for _ in range(5))
        ],
        axis=0,
    )
    assert 1e-3 / 2 < medians[0] < 1e-3 * 2
    assert 1e-4 / 4 < medians[1] < 1e-4 * 4
    assert 1e-5 / 12 < medians[2] < 1e-5 * 12


def test_p_falls_with_the_score_without_a_gap_down_to_one_in_a_million():
    calibrator = _calibrated(np.random.default_rng(1).exponential(size=5_000))
    told = np.array([calibrator.p_of(score) for score in np.arange(0, 40, 0.005)])
    assert (np.diff(told) <= 0).all()
    assert 0 < told[-1] < 1e-6
    below = told[told < 0.05]
    assert (below[1:] / below[:-1]).min() > 0.9


def test_higher_scores_differ_however_far_out_they_are():
    calibrator = _calibrated(np.random.default_rng(0).normal(size=2000))
    p_values = [calibrator.p_of(10.0**exponent) for exponent in range(1, 30)]
    assert 0 < p_values[-1] < p_values[0] < 1e-10
    assert (np.diff(p_values) < 0).all()


@pytest.mark.parametrize("count", [20, 61, 99, 100, 1000])
def test_scores_that_are_there_all_at_once_are_of_one_age_and_have_a_tail_however_few_they_are(count):
    scores = np.random.default_rng(count).exponential(size=count)
    calibrator = Calibrator.of(scores.tolist())
    assert calibrator.is_warm
    middle = np.median(scores)
    assert calibrator.p_of(middle) == pytest.approx(Calibrator.of(scores[::-1].tolist()).p_of(middle))
    assert calibrator.p_of(middle) == pytest.approx(0.5, abs=0.06)
    beyond = [calibrator.p_of(scores.max() + more) for more in (1, 2, 3, 50)]
    assert sorted(set(beyond), reverse=True) == beyond


def test_the_tail_leaves_the_conformal_region_as_it_is():
    scores = np.arange(1.0, 101.0)
    calibrator = Calibrator(half_life=10**9)
    for _ in range(60):
        for score in np.random.default_rng(0).permutation(scores):
            calibrator.add(float(score))
    told = np.array([calibrator.p_of(float(score)) for score in scores[:98]])
    np.testing.assert_allclose(told, (101 - scores[:98]) / 100, atol=0.015)


def test_equal_scores_never_make_a_small_p():
    calibrator = _calibrated(np.where(np.arange(4_000) % 50, 0.1, 0.7))
    assert calibrator.p_of(0.1) == 1.0
    assert calibrator.p_of(0.7) == pytest.approx(0.02, rel=0.2)
    assert calibrator.p_of(0.0) == 1.0


def test_silence_alone_leaves_the_first_sound_unlikely_and_the_next_silence_usual():
    calibrator = _calibrated(np.zeros(3_000))
    assert calibrator.p_of(0.0) == 1.0
    assert calibrator.p_of(0.001) < 1e-3


def test_a_level_that_stays_becomes_normal():
    rng = np.random.default_rng(2)
    calibrator = _calibrated(rng.normal(size=3_000))
    assert calibrator.p_of(6.0) < 1e-4
    for score in 5 + rng.normal(size=600):
        calibrator.add(float(score))
    assert calibrator.p_of(6.0) > 0.02


def test_what_a_young_baseline_scored_is_soon_outweighed():
    rng = np.random.default_rng(9)
    calibrator = _calibrated(np.concatenate([20 + rng.normal(size=200), rng.normal(size=1_800)]))
    assert calibrator.p_of(15.0) < 0.015


def test_a_level_that_is_gone_is_forgotten():
    rng = np.random.default_rng(10)
    calibrator = Calibrator(half_life=300)
    for score in np.concatenate([20 + rng.normal(size=1_500), rng.normal(size=3_000)]).tolist():
        calibrator.add(score)
    assert calibrator.p_of(15.0) < 0.005


def test_a_state_gives_the_same_p_values_to_the_bit_now_and_later():
    rng = np.random.default_rng(7)
    calibrator = _calibrated(rng.standard_t(4, size=777))
    again = Calibrator.from_state(calibrator.state())
    for score in rng.standard_t(4, size=100).tolist():
        assert again.p_of(3 * score) == calibrator.p_of(3 * score)
        calibrator.add(score)
        again.add(score)
    for name, array in calibrator.state().items():
        np.testing.assert_array_equal(again.state()[name], array, strict=True)


def test_the_state_is_at_most_two_kilobytes_however_long_the_source_lives():
    rng = np.random.default_rng(8)
    calibrator = Calibrator()
    largest = 0
    for score in np.concatenate([rng.standard_t(3, 6_000), np.round(rng.normal(size=2_000), 1)]).tolist():
        calibrator.add(score)
        largest = max(largest, sum(array.nbytes for array in calibrator.state().values()))
    assert largest <= 2_048


def test_a_score_that_is_no_number_is_refused():
    calibrator = _calibrated(np.arange(200))
    with pytest.raises(ModelError, match="NaN"):
        calibrator.add(float("nan"))
    with pytest.raises(ModelError, match="NaN"):
        calibrator.p_of(float("nan"))


@pytest.mark.parametrize("fault", [{"weights": None}, {"values": np.zeros(3, np.float32)}, {"count": np.array(["x"])}])
def test_a_state_that_is_none_is_refused(fault):
    state = {k: v for k, v in (_calibrated(np.arange(200)).state() | fault).items() if v is not None}
    with pytest.raises(ModelError, match="calibration"):
        Calibrator.from_state(state)


def test_infinite_scores_are_the_highest_of_all():
    calibrator = _calibrated([*np.arange(500), float("inf")])
    assert calibrator.p_of(float("inf")) <= calibrator.p_of(499.0)
    assert json.dumps(calibrator.p_of(float("inf")), allow_nan=False)


def _draw(name, rng, count):
    if name == "t":
        return rng.standard_t(4, count)
    return getattr(rng, name)(size=count)

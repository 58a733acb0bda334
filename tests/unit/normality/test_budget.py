import numpy as np
import pytest

from processors.errors import ModelError
from processors.normality.budget import AlarmBudget

_HOP_MS = 10_000
_DAY_MS = 86_400_000
_A_DAY = _DAY_MS // _HOP_MS


def _episodes(budget, p_values, first=0):
    """Start of each alarm in event time."""
    starts, last = [], -(10**15)
    for at in (first + np.flatnonzero(_observed(budget, p_values, first))) * _HOP_MS:
        if at - last > 60_000:
            starts.append(int(at))
        last = at
    return starts


def _observed(budget, p_values, first=0):
    return np.array([budget.observe((first + at) * _HOP_MS, p) for at, p in enumerate(np.asarray(p_values).tolist())])


def _clustered(rng, count, misfit=1.0):
    """P-values that come in threes; too low by a factor."""
    return np.minimum(np.repeat(rng.random(-(-count // 3)), 3)[:count] / misfit, 1.0)


@pytest.fixture(scope="module")
def settled():
    """The state of a budget of one alarm a day after ten days, and the threshold at which it has settled."""
    budget = AlarmBudget(1)
    thresholds = []
    for at, p in enumerate(_clustered(np.random.default_rng(0), 10 * _A_DAY).tolist()):
        budget.observe(at * _HOP_MS, p)
        thresholds.append(budget.threshold)
    return budget.state(), float(np.median(thresholds))


@pytest.mark.parametrize("per_day", [3, 10])
@pytest.mark.parametrize("misfit", [0.2, 1.0, 5.0])
def test_alarms_keep_to_the_budget_also_where_p_values_are_off(per_day, misfit):
    p_values = _clustered(np.random.default_rng(int(10 * misfit) + per_day), 20 * _A_DAY, misfit)
    told = len(_episodes(AlarmBudget(per_day), p_values))
    assert 0.75 < told / 20 / per_day < 1.25


@pytest.mark.parametrize("hours", [1, 6, 24])
def test_a_burst_of_true_anomalies_lowers_the_threshold_to_a_sixth_at_most(settled, hours):
    state, threshold = settled
    budget = AlarmBudget.from_state(state, 1)
    burst = np.where(np.arange(_A_DAY * hours // 24) % 20 < 3, 1e-9, 0.5)
    assert len(_episodes(budget, burst, 10 * _A_DAY)) == hours * 18
    assert budget.threshold > threshold / 6


def test_two_quiet_days_after_a_burst_bring_most_of_the_threshold_back(settled):
    state, threshold = settled
    budget = AlarmBudget.from_state(state, 1)
    _observed(budget, np.where(np.arange(_A_DAY // 4) % 20 < 3, 1e-9, 0.5), 10 * _A_DAY)
    _observed(budget, np.full(2 * _A_DAY, 0.5), 10 * _A_DAY + _A_DAY // 4)
    assert budget.threshold > threshold / 3


def test_what_is_certain_is_told_however_many_alarms_came_before():
    budget = AlarmBudget(1)
    _observed(budget, np.where(np.arange(6 * _A_DAY) % 20 < 3, 1e-9, 0.5))
    # Of the budget's own share of a window, and of where it may settle, a hundredth and four tenths.
    certain_p = np.exp(-4.6 - 0.9) / _A_DAY
    assert certain_p > 1e-7
    assert budget.is_anomalous(0.99 * certain_p)


def test_anomalous_windows_with_short_pauses_are_one_alarm():
    lone, together = AlarmBudget(3), AlarmBudget(3)
    _observed(lone, [1.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    _observed(together, [1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    np.testing.assert_array_equal(together.state()["levels"], lone.state()["levels"])
    apart = AlarmBudget(3)
    _observed(apart, [1.0, 1.0, 0.0, *[1.0] * 10, 0.0])
    assert apart.threshold < lone.threshold


def test_an_alarm_without_an_end_cannot_hide_from_the_budget():
    budget = AlarmBudget(10)
    _observed(budget, [1.0, 1.0])
    before = budget.threshold
    _observed(budget, np.zeros(_A_DAY), 2)
    assert budget.threshold < before


def test_a_pause_of_the_source_brings_no_credit():
    paused, unpaused = AlarmBudget(3), AlarmBudget(3)
    for at in range(100):
        unpaused.observe(at * _HOP_MS, 0.5)
        paused.observe(at * _HOP_MS + (_DAY_MS if at >= 50 else 0), 0.5)
    assert paused.threshold == unpaused.threshold


def test_a_larger_budget_has_a_higher_threshold_at_once():
    budget = AlarmBudget(1)
    _observed(budget, np.full(1_000, 0.5))
    more = AlarmBudget.from_state(budget.state(), 10)
    assert more.threshold > 5 * budget.threshold


def test_a_state_goes_on_as_if_nothing_had_happened():
    p_values = _clustered(np.random.default_rng(3), 4 * _A_DAY, 20.0)
    whole, first = AlarmBudget(3), AlarmBudget(3)
    half = len(p_values) // 2
    _observed(first, p_values[:half])
    second = AlarmBudget.from_state(first.state(), 3)
    told = np.concatenate([_observed(AlarmBudget(3), p_values[:half]), _observed(second, p_values[half:], half)])
    np.testing.assert_array_equal(told, _observed(whole, p_values))
    for name, array in whole.state().items():
        np.testing.assert_array_equal(second.state()[name], array, strict=True)
    assert sum(array.nbytes for array in whole.state().values()) < 100


def test_before_the_second_window_nothing_is_anomalous():
    assert not AlarmBudget(100).observe(0, 0.0)


@pytest.mark.parametrize("state", [{}, {"levels": np.zeros(2), "times_ms": np.zeros(4, np.int64)}])
def test_a_state_that_is_none_is_refused(state):
    with pytest.raises(ModelError, match="alarm budget"):
        AlarmBudget.from_state(state, 3)


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(ValueError, match="more than 0"):
        AlarmBudget(0)

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from processors.normality import Part, SourceBaseline, WindowFeatures
from processors.normality.evaluation import budgets, bursts
from processors.normality.evaluation.budgets import BudgetReport, measure_budgets
from processors.normality.evaluation.bursts import BurstReport, measure_bursts
from processors.normality.evaluation.p_values import compare_p_values, ks_distance, measure_p_values
from processors.normality.evaluation.simulation import SimulationSettings, simulate_scores
from processors.normality.evaluation.told import tell_alarms, tell_p_values
from processors.normality.evaluation.windows import simulate_windows
from streams.cli.app import command_line
from streams.errors import ConfigurationError
from streams.settings import Settings


@pytest.fixture(scope="module")
def scores():
    return simulate_scores(SimulationSettings(days=2), 0)


def test_the_same_seed_gives_the_same_source_and_another_seed_another(scores):
    again, other = (simulate_scores(SimulationSettings(days=2), seed) for seed in (0, 1))
    np.testing.assert_array_equal(again.parts[Part.SOUND], scores.parts[Part.SOUND])
    assert (other.parts[Part.MOTION] != scores.parts[Part.MOTION]).all()


def test_windows_resemble_their_neighbours_and_parts_rise_together(scores):
    picture, motion = (np.log(scores.parts[part]) for part in (Part.APPEARANCE, Part.MOTION))
    assert np.corrcoef(picture[1:], picture[:-1])[0, 1] > 0.5
    assert np.corrcoef(picture, motion)[0, 1] > 0.5


def test_words_come_and_go(scores):
    absent = np.isnan(scores.parts[Part.WORDS])
    assert 0.6 < absent.mean() < 0.8
    assert np.mean(absent[1:] == absent[:-1]) > 0.8
    assert not np.isnan(scores.parts[Part.APPEARANCE]).any()


def test_a_drifting_source_ends_higher_than_it_began():
    drifting = simulate_scores(SimulationSettings(days=4, passing_per_hour=0, drift_per_day=0.5), 0).parts[Part.MOTION]
    day = len(drifting) // 4
    assert np.median(drifting[-day:]) / np.median(drifting[:day]) == pytest.approx(np.exp(1.5), rel=0.1)


def test_distance_from_uniform_is_that_of_kolmogorov_and_smirnov():
    assert ks_distance(np.array([0.5])) == 0.5
    assert ks_distance((np.arange(100) + 0.5) / 100) == pytest.approx(0.005)
    assert ks_distance(np.zeros(10)) == 1.0


def test_alarms_of_a_source_with_nothing_unusual_keep_to_their_budget():
    scores = simulate_scores(SimulationSettings(days=8, hop_s=120), 0)
    told = tell_alarms(tell_p_values(scores), scores.hop_ms, 10)
    assert 0.75 < len(told.starts_ms) / 8 / 10 < 1.25


def test_alarms_keep_to_their_budget_where_windows_overlap_and_not_all_are_learned():
    report = measure_budgets([0], days=4, hop_s=60, window_s=120, budgets=(10,))
    assert report.broken() == []


def test_alarms_of_a_source_that_drifts_keep_to_their_budget_within_half():
    report = measure_budgets([0, 1], days=6, hop_s=120, window_s=120, budgets=(10,))
    assert all(0.5 < ratio < 1.5 for ratio in report.ratios["slow drift"][10])
    assert report.broken() == []


def test_a_budget_that_is_not_kept_is_said_and_the_command_fails(monkeypatch):
    report = BudgetReport(30, 2, 4, (0, 1, 2), {"stationary": {3: [1.2, 1.3, 1.4]}, "slow drift": {3: [1.4, 0.6, 1.6]}})
    assert report.broken() == [
        "stationary, 3 a day, windows of 4 s every 2 s: alarms over budget 1.30, expected 0.75 to 1.25"
    ]
    monkeypatch.setattr(budgets, "measure_budgets", lambda *_, **__: report)
    monkeypatch.setattr(bursts, "measure_bursts", lambda *_, **__: BurstReport((), {}))
    arguments = ["evaluate", "budget", "--window", "4", "--hop", "2"]
    assert CliRunner().invoke(command_line(), arguments).exit_code == 0
    failed = CliRunner().invoke(command_line(), [*arguments, "--check"])
    assert failed.exit_code == 1
    assert "alarms over budget 1.30" in failed.output


def test_budgets_are_measured_with_the_windows_of_the_settings_unless_others_are_given(monkeypatch):
    asked = []
    empty = BudgetReport(30, 2, 4, (), {})
    monkeypatch.setattr(budgets, "measure_budgets", lambda *_, **told: asked.append(told) or empty)
    monkeypatch.setattr(bursts, "measure_bursts", lambda *_, **__: BurstReport((), {}))
    for options in ([], ["--hop", "5"], ["--window", "6", "--hop", "3"]):
        assert CliRunner().invoke(command_line(), ["evaluate", "budget", *options, "--json"]).exit_code == 0
    default = Settings().windows
    lengths = [(told["window_s"], told["hop_s"]) for told in asked]
    assert lengths == [(default.size_ms / 1000, default.hop_ms / 1000), (10, 10), (5, 5), (6, 3)]
    with pytest.raises(ConfigurationError, match=r"--hop is 8 s.*lower --hop"):
        CliRunner().invoke(
            command_line(), ["evaluate", "budget", "--window", "4", "--hop", "8"], catch_exceptions=False
        )


def test_a_simulated_part_warms_up_as_that_of_a_baseline_does():
    """30 windows until a part's scores count, 100 scores of it, and 100 of the whole."""
    scores = simulate_scores(SimulationSettings(days=0.05), 0)
    warm = np.flatnonzero(~np.isnan(tell_p_values(scores)))[0]
    windows = SourceBaseline()
    always_there = [
        WindowFeatures(each.start_ms, each.end_ms, {part: each.parts[part] for part in (Part.APPEARANCE, Part.MOTION)})
        for each in simulate_windows(0, 300)
    ]
    judged = [windows.learn(f"simulated/{each.start_ms}/10000", each).warming_up for each in always_there]
    assert warm == judged.index(False)


def test_alarms_a_minute_apart_are_one():
    p_values = np.ones(50)
    p_values[[10, 11, 17, 40]] = 1e-12
    assert tell_alarms(p_values, 10_000, 10).starts_ms.tolist() == [100_000, 400_000]


def test_p_values_of_normal_windows_are_uniform():
    report = measure_p_values([0], days=0.7, windows=0)
    assert report.windows["simulated scores"] > 3_000
    assert report.distances["simulated scores"][0] <= 0.05


def test_a_burst_is_told_and_so_are_the_anomalies_after_it():
    figures = measure_bursts([0], days=2, hop_s=20, budgets=(3,), factor=1e4).medians()[3]
    assert figures.told > 0.9
    assert figures.later_told > 0.9
    assert figures.threshold_after > 1 / 12


def test_simulated_windows_have_words_now_and_then():
    windows = list(simulate_windows(0, 200))
    speaking = [each for each in windows if each.words]
    assert 20 < len(speaking) < 120
    assert all((Part.WORDS in each.parts) == bool(each.words) for each in windows)
    assert windows[1].start_ms == windows[0].end_ms


def test_the_commands_print_one_document():
    budget = ["budget", "--days", "2", "--hop", "60", "--window", "120"]
    for arguments in (budget, ["pvalues", "--days", "0.3", "--windows", "0"]):
        result = CliRunner().invoke(command_line(), ["evaluate", *arguments, "--seeds", "1", "--json"])
        assert result.exit_code == 0, result.output
        document = json.loads(result.stdout)
        assert document.get("windows", [document])[0]["seeds"] == [0]


def test_p_values_told_elsewhere_are_compared_by_name():
    report = compare_p_values({"a.mp4": ((np.arange(100) + 0.5) / 100).tolist(), "b.mp4": [0.001]}).as_json()
    assert report["a.mp4"]["ks_distance"]["median"] == pytest.approx(0.005)
    assert report["b.mp4"]["share_below_over_level"]["0.1"] == 10

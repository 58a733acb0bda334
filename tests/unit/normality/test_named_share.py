"""What a state with a name counts for."""

import numpy as np
import pytest
from sources import HOUR_MS, DrawnSource

from processors.normality import Part, PartFeatures, SourceBaseline, WindowFeatures
from processors.normality.hearing import LOUDNESS_UNITS
from processors.normality.named_share import NamedShare
from processors.normality.sound_measures import SOUND_MEASURES
from processors.normality.state_file import unpack_state

_HOP_MS = 4_000
_LEVEL = SOUND_MEASURES.index("level_db")


def test_the_p_of_a_name_is_the_share_of_windows_with_one_this_one_counted_in():
    share = NamedShare.of([0.0] * 96 + [1.0] * 3)
    assert share.p_of(1.0) == pytest.approx(4 / 100)
    assert share.p_of(0.0) == 1.0


def test_names_of_five_percent_of_the_windows_wait_and_those_of_seven_count():
    rng = np.random.default_rng(0)
    p = {}
    for odd in (0.05, 0.07):
        share = NamedShare()
        for number in rng.permutation(2_000):
            share.learn(float(number < odd * 2_000))
        p[odd] = share.p_of(1.0)
    assert p[0.05] < 0.01
    assert p[0.07] > 0.05


def test_a_name_that_somebody_vouches_for_counts_at_once():
    share = NamedShare()
    for number in range(100):
        share.learn(float(number == 7), trusted=True)
    assert share.p_of(1.0) == pytest.approx(2 / 101, rel=0.01)


def test_it_goes_on_from_its_state():
    share = NamedShare()
    for number in range(50):
        share.learn(float(number % 9 == 0), trusted=number < 20)
    again = NamedShare.from_state(share.state())
    assert again.p_of(1.0) == share.p_of(1.0)
    share.learn(1.0)
    again.learn(1.0)
    assert again.state()["counts"].tolist() == share.state()["counts"].tolist()


class _Yard:
    """A place with a sound of its own, 20 dB below full scale or, where the microphone is dead, none."""

    def __init__(self, seed):
        self._source = DrawnSource(seed)
        self._rng = np.random.default_rng(seed)

    def window(self, start_ms, *, muted=False):
        window_id, features = self._source.window(start_ms)
        measures = np.tile(np.array([-20.0, 0.1, 0.0, 0.0], np.float32), (4, 1))
        measures[:, _LEVEL] = -100 if muted else self._rng.normal(-20, 1, 4)
        loudness = PartFeatures(
            (measures * LOUDNESS_UNITS).astype(np.float32), None, features.parts[Part.SOUND].starts_ms
        )
        return window_id, WindowFeatures(start_ms, features.end_ms, {**features.parts, Part.LOUDNESS: loudness})


def _learned(yard, count=400):
    baseline = SourceBaseline()
    for number in range(count):
        baseline.learn(*yard.window(number * _HOP_MS))
    return baseline


def test_a_state_makes_a_window_unusual_and_is_told_as_a_part():
    yard = _Yard(1)
    baseline = _learned(yard)
    muted = baseline.judge(yard.window(HOUR_MS, muted=True)[1])
    assert muted.states == ("audio.muted",)
    assert muted.parts[Part.STATES] == pytest.approx(1 / 401, rel=0.05)
    assert muted.anomaly_p < 0.01
    assert baseline.judge(yard.window(2 * HOUR_MS)[1]).parts[Part.STATES] == 1


def test_a_state_that_was_taught_normal_is_named_and_counts_for_nothing():
    yard = _Yard(2)
    baseline = _learned(yard)
    taught_id, taught = yard.window(HOUR_MS, muted=True)

    baseline.teach(taught_id, taught, "normal")

    for each in (baseline, SourceBaseline.from_bytes(baseline.to_bytes())):
        judgement = each.judge(taught)
        assert judgement.states == ("audio.muted",)
        assert judgement.parts[Part.STATES] == 1
        assert judgement.anomaly_p > 0.1
    baseline.teach(taught_id, taught, "normal", undo=True)
    assert baseline.judge(taught).parts[Part.STATES] < 0.01


def test_what_states_are_told_from_goes_on_to_the_bit_after_a_restart():
    yard = _Yard(3)
    stayed = _learned(yard, 100)
    restarted = SourceBaseline.from_bytes(stayed.to_bytes())
    for number in range(100, 300):
        window = yard.window(number * _HOP_MS, muted=number % 40 == 0)
        stayed.learn(*window)
        restarted.learn(*window)
        if number % 10 == 0:
            restarted = SourceBaseline.from_bytes(restarted.to_bytes())
    assert restarted.to_bytes() == stayed.to_bytes()
    bounds = {name for name in unpack_state(stayed.to_bytes())[1]["states"] if name.startswith("bounds.")}
    assert bounds >= {"bounds.low", "bounds.high", "bounds.share", "bounds.mark"}

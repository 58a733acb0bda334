"""A baseline as bytes: the same after a restart, bounded, and refused where it is not its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sources import DAY_MS, DrawnSource

from processors.errors import ModelError
from processors.normality import Part, PartFeatures, SourceBaseline, WindowFeatures

_HOP_MS = 4_000
_KINDS = st.sampled_from([None, None, None, "cell", "sound", "everywhere"])


def _learn(baseline, source, numbers, kind=None):
    return [baseline.learn(*source.window(number * _HOP_MS, kind)) for number in numbers]


def _same(one, other):
    assert (one.anomaly_p, one.score, one.parts, one.similar) == (
        other.anomaly_p,
        other.score,
        other.parts,
        other.similar,
    )
    assert (one.warming_up, one.seconds, one.words, one.is_anomalous) == (
        other.warming_up,
        other.seconds,
        other.words,
        other.is_anomalous,
    )
    for part, heat in one.heat.items():
        np.testing.assert_array_equal(heat, other.heat[part])


@settings(max_examples=10)
@given(
    st.integers(0, 10_000),
    st.integers(0, 260),
    st.lists(_KINDS, max_size=30),
    st.sampled_from([None, "normal", "anomalous"]),
)
def test_a_baseline_goes_on_after_a_restart_as_if_there_had_been_none(seed, learned, kinds, taught_as):
    source = DrawnSource(seed)
    baseline = SourceBaseline()
    _learn(baseline, source, range(learned))
    if taught_as:
        baseline.teach(*source.window(learned * _HOP_MS, "cell"), taught_as)

    again = SourceBaseline.from_bytes(baseline.to_bytes())

    assert again.to_bytes() == baseline.to_bytes()
    for number, kind in enumerate(kinds, learned + 1):
        window_id, features = source.window(number * _HOP_MS * 100, kind, words=("a", "b"))
        _same(baseline.learn(window_id, features), again.learn(window_id, features))
    assert again.to_bytes() == baseline.to_bytes()


def test_the_same_windows_give_the_same_bytes():
    made = []
    for _ in range(2):
        baseline, source = SourceBaseline(), DrawnSource(1)
        _learn(baseline, source, range(300))
        made.append(baseline.to_bytes())

    assert made[0] == made[1]


def test_judging_changes_nothing():
    baseline, source = SourceBaseline(), DrawnSource(2)
    _learn(baseline, source, range(300))
    before = baseline.to_bytes()

    baseline.judge(source.window(DAY_MS, "cell")[1])

    assert baseline.to_bytes() == before


def _crowded_window(rng, number):
    """Of every part as many values as there can be, never the same."""
    start_ms = number * 1_800_000
    dims = {
        Part.LIGHT: 4,
        Part.STEADINESS: 4,
        Part.LOUDNESS: 4,
        Part.TALK: 2,
        Part.THINGS: 4,
        Part.LOOKS: 14,
        Part.MOTION: 7,
        Part.AGREEMENT: 16,
    }
    cells = PartFeatures(rng.normal(0, 1, (25, 80)).astype(np.float32), (5, 5))
    parts = {Part.APPEARANCE: cells}
    for part in set(Part) - {Part.APPEARANCE, Part.VOCABULARY, Part.STATES}:
        count = 1 if part in {Part.SCENE, Part.LIGHT, Part.STEADINESS, Part.TALK} else 8
        moments = tuple(start_ms + 1_000 * each for each in range(count))
        vectors = rng.normal(0, 1, (count, dims.get(part, 1_280))).astype(np.float32)
        parts[part] = PartFeatures(vectors, None, moments)
    words = tuple(f"word{each}" for each in rng.integers(0, 10_000, 20))
    picture = rng.integers(0, 256, (30, 40)).astype(np.uint8)
    return f"{'s' * 128}/{start_ms}/4000", WindowFeatures(start_ms, start_ms + 4_000, parts, words, picture)


def test_a_baseline_that_is_full_fits_into_64_kb():
    rng = np.random.default_rng(4)
    baseline = SourceBaseline()
    for number in range(400):
        baseline.learn(*_crowded_window(rng, number))
    for number in range(400, 440):
        baseline.teach(*_crowded_window(rng, number), "normal" if number % 2 else "anomalous")

    assert len(baseline.to_bytes()) <= 64 * 1024


def _small():
    baseline, source = SourceBaseline(), DrawnSource(5)
    _learn(baseline, source, range(60))
    return baseline.to_bytes()


@settings(max_examples=30)
@given(st.data())
def test_bytes_that_are_cut_or_changed_are_refused(data):
    whole = _small()
    at = data.draw(st.integers(0, len(whole) - 1))
    cut = whole[:at]
    changed = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]

    for damaged in (cut, changed, whole + b"x"):
        with pytest.raises(ModelError, match="baseline"):
            SourceBaseline.from_bytes(damaged)


def test_another_layout_is_refused_by_its_number():
    whole = _small()

    with pytest.raises(ModelError, match=r"layout 7; this version reads layout 4"):
        SourceBaseline.from_bytes(whole[:4] + b"\x07\x00" + whole[6:])

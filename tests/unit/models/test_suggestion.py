"""The laws of what should be looked at next."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from processors.errors import ModelError
from processors.models.suggestion import AnsweredWindows, disagreement, suggest, uncertainty

CLASSES, MODALITIES, DIM = 2, 3, 4
NOBODY = np.zeros((0, DIM))
few = settings(max_examples=50)


def unit(rows):
    rows = np.asarray(rows, np.float64)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def certain_of(embeddings, probability=0.9):
    """Windows that teach equally much by themselves."""
    count = len(embeddings)
    return AnsweredWindows(
        np.full((count, CLASSES), probability), np.zeros((count, MODALITIES, CLASSES)), unit(embeddings)
    )


@st.composite
def answered(draw):
    count, seed = draw(st.integers(1, 12)), draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    probabilities = draw(arrays.arrays(np.float64, (count, CLASSES), elements=st.floats(0, 1)))
    return AnsweredWindows(
        probabilities, rng.uniform(-1, 1, (count, MODALITIES, CLASSES)), unit(rng.normal(size=(count, DIM)))
    )


thresholds_ = arrays.arrays(np.float64, CLASSES, elements=st.sampled_from((0.0, 0.05, 0.3, 0.5, 0.95, 1.0)))


@few
@given(thresholds_, st.floats(0, 1), st.floats(0, 1))
def test_the_nearer_to_the_threshold_the_less_certain(thresholds, near, far):
    near, far = sorted((near, far))
    for end in (0.0, 1.0):
        if end in thresholds:
            continue
        rows = np.stack([thresholds + share * (end - thresholds) for share in (0.0, near, far, 1.0)])
        found = uncertainty(rows, thresholds)
        assert (np.diff(found, axis=0) <= 1e-9).all()
        np.testing.assert_allclose(found[0], 1.0)
        np.testing.assert_allclose(found[-1], 0.0, atol=1e-12)


@few
@given(arrays.arrays(np.float64, (3, MODALITIES, CLASSES), elements=st.floats(-1, 1)))
def test_modalities_disagree_where_two_pull_in_opposite_directions_and_as_hard_as_the_weaker_does(contributions):
    found = disagreement(contributions)
    for n, c in np.ndindex(found.shape):
        pulls = contributions[n, :, c]
        assert found[n, c] == max(0.0, *(min(max(a, 0), max(-b, 0)) for a in pulls for b in pulls))
    np.testing.assert_allclose(disagreement(-contributions), found)


@few
@given(answered(), thresholds_)
def test_every_window_is_named_once(windows, thresholds):
    assert sorted(one.index for one in suggest(windows, thresholds, NOBODY)) == list(range(len(windows)))


@few
@given(answered(), thresholds_)
def test_the_first_is_the_one_that_teaches_most_by_itself(windows, thresholds):
    teaches = 1 - (1 - uncertainty(windows.probabilities, thresholds).max(axis=1)) * (
        1 - disagreement(windows.contributions).max(axis=1)
    )
    first = next(suggest(windows, thresholds, NOBODY))
    assert teaches[first.index] == teaches.max()
    assert first.novelty == 1.0


@few
@given(answered(), thresholds_)
def test_each_next_one_has_the_largest_product_of_teaching_and_distance(windows, thresholds):
    left, named = set(range(len(windows))), []
    for one in suggest(windows, thresholds, NOBODY):
        products = {}
        for index in left:
            doubt = uncertainty(windows.probabilities[[index]], thresholds).max()
            dispute = disagreement(windows.contributions[[index]]).max()
            away = min(
                (np.linalg.norm(windows.embeddings[index] - windows.embeddings[n]) / 2 for n in named), default=1
            )
            products[index] = (1 - (1 - doubt) * (1 - dispute)) * min(away, 1)
        assert products[one.index] == pytest.approx(max(products.values()))
        left.remove(one.index)
        named.append(one.index)


@few
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_among_equals_k_named_ones_cover_all_within_twice_the_best_radius(seed, k):
    windows = certain_of(np.random.default_rng(seed).normal(size=(7, DIM)))
    away = np.linalg.norm(windows.embeddings[:, None] - windows.embeddings[None], axis=2)
    named = [one.index for one, _ in zip(suggest(windows, np.full(CLASSES, 0.5), NOBODY), range(k), strict=False)]
    best = min(
        away[:, list(chosen)].min(axis=1).max()
        for chosen in ([a, b, c, d] for a in range(7) for b in range(7) for c in range(7) for d in range(7))
        if len(set(chosen)) <= k
    )
    assert away[:, named].min(axis=1).max() <= 2 * best + 1e-9


def test_of_ten_alike_one_is_named_before_all_that_differ():
    alike, others = [[1, 0, 0, 0]] * 10, [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    windows = certain_of([*alike, *others])
    first_four = [one.index for one, _ in zip(suggest(windows, np.full(CLASSES, 0.5), NOBODY), range(4), strict=False)]
    assert {0 if index < 10 else index for index in first_four} == {0, 10, 11, 12}


def test_what_was_looked_at_already_comes_last_however_uncertain():
    windows = AnsweredWindows(
        np.array([[0.5, 0.5], [0.9, 0.1]]), np.zeros((2, MODALITIES, CLASSES)), unit([[1, 0, 0, 0], [0, 1, 0, 0]])
    )
    named = list(suggest(windows, np.full(CLASSES, 0.5), unit([[1, 0, 0, 0]])))
    assert [one.index for one in named] == [1, 0]
    assert named[1].novelty == 0.0


def test_where_all_are_alike_what_teaches_most_still_comes_first():
    windows = certain_of([[1, 0, 0, 0]] * 3)
    windows.probabilities[:, 0] = (0.9, 0.6, 0.7)
    assert [one.index for one in suggest(windows, np.full(CLASSES, 0.5), NOBODY)] == [1, 2, 0]


def test_the_classes_named_are_those_in_doubt_and_in_dispute():
    contributions = np.zeros((1, MODALITIES, CLASSES))
    contributions[0, :, 0] = (0.4, -0.3, 0.0)
    windows = AnsweredWindows(np.array([[0.9, 0.5]]), contributions, unit([[1, 0, 0, 0]]))
    [one] = suggest(windows, np.full(CLASSES, 0.5), NOBODY)
    assert (one.uncertain_class, one.disputed_class) == (1, 0)
    assert (one.uncertainty, one.disagreement) == (pytest.approx(1.0), pytest.approx(0.3))


def test_nothing_is_suggested_of_nothing():
    nothing = AnsweredWindows(np.zeros((0, CLASSES)), np.zeros((0, MODALITIES, CLASSES)), NOBODY)
    assert list(suggest(nothing, np.full(CLASSES, 0.5), NOBODY)) == []


@pytest.mark.parametrize("thresholds", [[0.5], [0.5, 1.1], [-0.1, 0.5], [np.nan, 0.5]])
def test_thresholds_that_cannot_be_are_refused(thresholds):
    with pytest.raises(ModelError, match="thresholds"):
        suggest(certain_of([[1, 0, 0, 0]]), np.array(thresholds), NOBODY)

"""Which words count as heard: enough windows or hours, in a table that is never too large."""

import numpy as np
import pytest

from processors.errors import ModelError
from processors.normality.vocabulary import Vocabulary, hash_word

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


def _hashes(*words):
    return [hash_word(word) for word in words]


def _is_waiting(vocabulary, word):
    return bool(vocabulary.look_up(_hashes(word)).waiting[0])


def _learn(vocabulary, count, oddities=frozenset(), first_ms=0):
    for number in range(count):
        words = ("all", "is", "well", *(("fire",) if number in oddities else ()))
        vocabulary.learn(_hashes(*words), first_ms + number * 1_000)


@pytest.mark.parametrize("count", [100, 450, 2_000, 20_000])
def test_a_word_waits_in_five_percent_of_windows_and_not_in_eight(count):
    rng = np.random.default_rng(count)
    five, eight = Vocabulary(), Vocabulary()
    for vocabulary, share in ((five, 0.05), (eight, 0.08)):
        for number in rng.permutation(count).tolist():
            vocabulary.learn(_hashes("well", *(("fire",) if number < share * count else ())), 0)

    assert _is_waiting(five, "fire")
    assert not _is_waiting(eight, "fire")
    assert not _is_waiting(five, "well")


def test_a_word_that_came_in_six_hours_no_longer_waits():
    vocabulary = Vocabulary()
    waiting = []
    for hour in range(7):
        _learn(vocabulary, 300, {5, 6, 7}, hour * _HOUR_MS)
        waiting.append(_is_waiting(vocabulary, "fire"))

    assert waiting == [True] * 5 + [False] * 2


def test_a_word_of_six_hours_waits_again_once_it_was_gone_for_a_month():
    vocabulary = Vocabulary()
    for hour in range(6):
        _learn(vocabulary, 300, {5}, hour * _HOUR_MS)
    kept = []
    for day in range(1, 40):
        _learn(vocabulary, 10, first_ms=day * _DAY_MS)
        kept.append(not _is_waiting(vocabulary, "fire"))

    assert all(kept[:14])
    assert not any(kept[30:])


def test_a_word_that_is_vouched_for_does_not_wait():
    vocabulary = Vocabulary()
    _learn(vocabulary, 300)
    vocabulary.learn(_hashes("fire"), 0, trusted=True)

    assert not _is_waiting(vocabulary, "fire")


def _many(vocabulary, count):
    """Every word in seven hours."""
    words = [f"word{number}" for number in range(count)]
    for hour in range(7):
        for first in range(0, count, 10):
            vocabulary.learn(_hashes(*words[first : first + 10]), hour * _HOUR_MS)
    return words


@pytest.mark.parametrize("count", [1_000, 3_000, 10_000])
def test_of_unheard_words_few_are_taken_as_heard_however_many_were(count):
    vocabulary = Vocabulary()
    _many(vocabulary, count)

    unheard = vocabulary.look_up(_hashes(*(f"unheard{number}" for number in range(2_000))))

    assert np.mean(unheard.counts > 0) < 0.02
    assert np.mean(~unheard.waiting) < 0.02


@pytest.mark.parametrize(("count", "share"), [(2_500, 0.99), (3_000, 0.8)])
def test_words_are_remembered_as_long_as_the_table_holds_them(count, share):
    vocabulary = Vocabulary()
    words = _many(vocabulary, count)

    assert np.mean(~vocabulary.look_up(_hashes(*words)).waiting) > share


def test_words_that_come_once_do_not_push_out_those_of_many_hours():
    vocabulary = Vocabulary()
    words = _many(vocabulary, 500)
    for number in range(20_000):
        vocabulary.learn(_hashes(f"once{number}"), 7 * _HOUR_MS + 1_000 * number)

    assert np.mean(~vocabulary.look_up(_hashes(*words)).waiting) > 0.99


def test_it_goes_on_after_a_restart_as_if_there_had_been_none():
    vocabulary = Vocabulary()
    _many(vocabulary, 3_000)
    again = Vocabulary.from_state(vocabulary.state())
    for each in (vocabulary, again):
        _learn(each, 300, {5, 6}, 20 * _HOUR_MS)

    for name, array in vocabulary.state().items():
        np.testing.assert_array_equal(array, again.state()[name])


def test_another_state_is_refused():
    with pytest.raises(ModelError, match="vocabulary has"):
        Vocabulary.from_state({})
    state = Vocabulary().state() | {"codes": np.zeros((2, 1_024), np.uint8)}
    with pytest.raises(ModelError, match=r"uint8 \(2, 1024\), expected uint8 \(352, 8\)"):
        Vocabulary.from_state(state)

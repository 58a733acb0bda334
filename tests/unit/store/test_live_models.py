"""What promote, roll back and shadow make of a model's versions, and how comparisons add up."""

import random

import orjson
import pytest

from streams.errors import ConfigurationError
from streams.store import Comparison, DifferingWindow, LiveModels, ModelVersions, add_up
from streams.store.models import DIFFERING_AT_MOST

FIRST = ModelVersions(live=1, highest=1)


def test_a_rollback_leads_back_through_what_was_live_before():
    third = FIRST.promoted(2).promoted(3)
    assert (third.live, third.rolled_back().live, third.rolled_back().rolled_back()) == (3, 2, FIRST.deployed(3))
    with pytest.raises(ConfigurationError, match="none was live before"):
        FIRST.rolled_back()


def test_to_promote_what_is_live_changes_nothing():
    assert FIRST.promoted(1) == FIRST


def test_what_is_remembered_for_a_rollback_is_bounded():
    versions = FIRST
    for version in range(2, 100):
        versions = versions.promoted(version)
    assert versions.before == tuple(range(83, 99))


def test_a_shadow_that_becomes_live_is_none_any_more():
    assert FIRST.shadowed(2).promoted(2).shadow is None
    assert FIRST.promoted(2).shadowed(1).rolled_back().shadow is None
    assert FIRST.shadowed(3).promoted(2).shadow == 3
    assert FIRST.shadowed(2).shadowed(None).shadow is None


def test_the_live_version_is_not_its_own_shadow():
    with pytest.raises(ConfigurationError, match="its own shadow"):
        FIRST.shadowed(1)


@pytest.mark.parametrize(("version", "role"), [(2, "live"), (3, "the shadow"), (1, "rollback")])
def test_a_version_that_is_needed_is_not_removed(version, role):
    with pytest.raises(ConfigurationError, match=role):
        FIRST.promoted(2).shadowed(3).without(version)


def test_a_version_that_is_removed_is_no_longer_rolled_back_to_and_its_number_is_not_given_out_again():
    versions = FIRST.promoted(2).promoted(3).promoted(4).without(2)
    assert versions.before == (1, 3)
    assert FIRST.deployed(5).without(5).highest == 5


def test_a_change_makes_the_next_revision_and_no_change_none():
    document = LiveModels().changed("fusion", FIRST)
    assert (document.revision, document.changed("fusion", FIRST)) == (1, document)
    assert document.changed("fusion", FIRST.promoted(2)).revision == 2


def test_what_workers_compared_adds_up():
    one = Comparison(answers=3, other_event=1, difference_sum=0.3, difference_max=0.2, most_different="a", failed=1)
    other = Comparison(answers=1, difference_sum=0.5, difference_max=0.5, most_different="b", skipped=2)
    assert add_up([one, other]) == add_up([other, one])
    assert add_up([one, other]) == Comparison(
        answers=4, other_event=1, difference_sum=0.8, difference_max=0.5, most_different="b", failed=1, skipped=2
    )
    assert add_up([]) == Comparison()


def differing(window_id, shadow_probability, shadow_event="alarm"):
    return DifferingWindow(
        window_id=window_id,
        event_class="alarm",
        live_probability=0.5,
        shadow_probability=shadow_probability,
        live_event="alarm",
        shadow_event=shadow_event,
    )


def listed(windows):
    return add_up(Comparison(differing=(window,)) for window in windows).differing


def test_windows_with_another_event_are_listed_first_and_then_those_that_differ_most():
    windows = [differing("a", 0.9), differing("b", 0.4, None), differing("c", 0.6), differing("d", 0.2, None)]
    assert [window.window_id for window in listed(windows)] == ["d", "b", "a", "c"]


def test_a_window_is_listed_once_as_it_differs_most():
    assert listed([differing("a", 0.7), differing("a", 0.9), differing("a", 0.6)]) == (differing("a", 0.9),)


def test_the_list_is_bounded_and_the_same_in_whatever_order_and_however_often_windows_come():
    windows = [differing(f"w{number % 40}", (number * 37 % 100) / 100) for number in range(120)]
    expected = listed(windows)
    assert len(expected) == DIFFERING_AT_MOST
    for seed in range(20):
        shuffled = windows + random.Random(seed).sample(windows, 60)
        random.Random(seed).shuffle(shuffled)
        assert listed(shuffled) == expected


def test_a_version_keeps_its_thresholds_until_it_is_removed():
    versions = FIRST.deployed(2, {"alarm": 0.4}).promoted(2).promoted(1).promoted(3)
    assert versions.thresholds == {2: {"alarm": 0.4}}
    assert versions.without(2).thresholds == {}
    assert versions.with_thresholds(2, None).thresholds == {}


def test_thresholds_of_versions_that_are_nowhere_any_more_are_forgotten():
    versions = FIRST.deployed(2, {"alarm": 0.4}).deployed(3, {"alarm": 0.3}).deployed(4, {"alarm": 0.2}).promoted(2)
    assert versions.among([1, 3]).thresholds == {2: {"alarm": 0.4}, 3: {"alarm": 0.3}}


def test_a_document_without_thresholds_keeps_its_bytes_and_one_with_them_is_read_back():
    document = LiveModels().changed("fusion", FIRST)
    assert orjson.loads(document.encode())["models"]["fusion"].keys() == {"live", "before", "shadow", "highest"}
    own = document.changed("fusion", FIRST.deployed(2, {"alarm": 0.4}))
    assert LiveModels.read(own.encode(), "key") == own

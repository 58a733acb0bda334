"""What promote, roll back and shadow make of a model's versions, and how comparisons add up."""

import pytest

from streams.errors import ConfigurationError
from streams.store import Comparison, LiveModels, ModelVersions, add_up

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

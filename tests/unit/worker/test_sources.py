"""One source too many."""

import pytest

from streams.errors import PoisonItem
from streams.settings import LimitSettings
from streams.worker.sources import SourceRegister


def test_a_source_too_many_is_refused_until_another_has_left():
    register = SourceRegister(LimitSettings(max_sources=2, unknown_sources="dead_letter"))
    register.enter("a")
    register.enter("b")
    with pytest.raises(PoisonItem, match=r"source c .*limits\.max_sources") as refused:
        register.enter("c")
    assert refused.value.code == "source.limit"
    register.leave(1)
    register.enter("c")


def test_by_default_it_is_taken_all_the_same():
    register = SourceRegister(LimitSettings(max_sources=1))
    for source_id in "abc":
        register.enter(source_id)

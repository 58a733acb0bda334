"""What explains a window: similar windows that there are."""

from dataclasses import replace

import pytest
from sources import HOUR_MS, DrawnSource

from processors.normality import SourceBaseline

_HOP_MS = 8_000


def _learn(baseline, source, numbers, source_id="cam", size_ms=4_000):
    """The ids of the windows learned."""
    ids = []
    for number in numbers:
        start_ms = number * _HOP_MS
        features = replace(source.window(start_ms)[1], end_ms=start_ms + size_ms)
        ids.append(f"{source_id}/{start_ms}/{size_ms}")
        baseline.learn(ids[-1], features)
    return ids


@pytest.mark.parametrize("first", [400, 100])
def test_after_an_import_elsewhere_similar_windows_are_those_of_the_new_source(first):
    source, baseline = DrawnSource(1), SourceBaseline()
    here = _learn(baseline, source, range(400), "here")
    baseline = SourceBaseline.from_bytes(baseline.to_bytes())
    before = baseline.judge(source.window(HOUR_MS)[1]).similar

    there = _learn(baseline, source, range(first, first + 2), "there")
    after = SourceBaseline.from_bytes(baseline.to_bytes()).judge(source.window(HOUR_MS)[1]).similar

    assert before
    assert set(before) <= set(here)
    assert after
    assert set(after) <= set(there)


def test_windows_of_another_length_are_like_those_that_were_learned_as_they_were():
    source, baseline = DrawnSource(1), SourceBaseline()
    short = _learn(baseline, source, range(400))
    window = replace(source.window(HOUR_MS)[1], end_ms=HOUR_MS + 6_000)
    before = baseline.judge(window).similar

    long = _learn(baseline, source, range(400, 420), size_ms=6_000)
    after = baseline.judge(window).similar

    assert before
    assert set(before) <= set(short)
    assert after
    assert set(after) <= set(long)

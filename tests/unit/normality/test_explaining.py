"""What explains a window: the seconds of all that hears, and similar windows that there are."""

from dataclasses import replace

import numpy as np
import pytest
from sources import HOUR_MS, DrawnSource

from processors.normality import Part, PartFeatures, SourceBaseline, WindowFeatures

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


def _heard(start_ms, rng, odd):
    """Four seconds of each part; `odd` has part to the seconds in which it is unusual."""
    moments = tuple(start_ms + 1_000 * second for second in range(4))
    parts = {}
    for part in (Part.SOUND, Part.LOUDNESS, Part.AGREEMENT):
        vectors = rng.normal(0, 1, (4, 4))
        vectors[list(odd.get(part, ()))] += 30
        parts[part] = PartFeatures(vectors.astype(np.float32), None, moments)
    return WindowFeatures(start_ms, start_ms + 4_000, parts)


@pytest.mark.parametrize("part", [Part.SOUND, Part.LOUDNESS, Part.AGREEMENT])
def test_seconds_are_those_of_every_part_that_hears(part):
    rng, baseline = np.random.default_rng(2), SourceBaseline()
    for number in range(300):
        baseline.learn(f"cam/{number * _HOP_MS}/4000", _heard(number * _HOP_MS, rng, {}))

    alone = baseline.judge(_heard(HOUR_MS, np.random.default_rng(3), {part: (2,)}))
    together = baseline.judge(_heard(HOUR_MS, np.random.default_rng(3), {part: (2,), Part.LOUDNESS: (1, 2)}))

    assert min(alone.seconds, key=lambda each: each.p).start_ms == HOUR_MS + 2_000
    starts = [each.start_ms for each in together.seconds]
    assert starts == sorted(set(starts))
    assert {HOUR_MS + 1_000, HOUR_MS + 2_000} <= set(starts)
    second = next(each for each in together.seconds if each.start_ms == HOUR_MS + 2_000)
    assert second.p == pytest.approx(min(together.parts[part], together.parts[Part.LOUDNESS]), rel=1e-5)

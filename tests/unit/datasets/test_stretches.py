"""Stretches hold what belongs together and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from processors.datasets.stretches import stretches_of

spans = st.lists(st.tuples(st.integers(0, 400), st.integers(1, 30)).map(lambda span: (span[0], sum(span))), max_size=20)
gaps = st.integers(1, 40)


def between(one, other):
    """Milliseconds between two windows; 0 or less where they touch or overlap."""
    return max(one[0], other[0]) - min(one[1], other[1])


@given(spans, gaps)
def test_windows_of_different_stretches_are_a_gap_apart(spans_ms, gap_ms):
    begins = stretches_of(spans_ms, gap_ms)
    for one, its in zip(spans_ms, begins, strict=True):
        for other, others in zip(spans_ms, begins, strict=True):
            assert its == others or between(one, other) >= gap_ms


@given(spans, gaps)
def test_a_stretch_is_the_windows_that_are_linked_by_less_than_a_gap(spans_ms, gap_ms):
    linked = {index: {index} for index in range(len(spans_ms))}
    for index, one in enumerate(spans_ms):
        for number, other in enumerate(spans_ms):
            if between(one, other) < gap_ms:
                joined = linked[index] | linked[number]
                linked |= dict.fromkeys(joined, joined)
    begins = stretches_of(spans_ms, gap_ms)
    for index in linked:
        assert begins[index] == min(spans_ms[number][0] for number in linked[index])


def test_the_gap_itself_divides_and_a_millisecond_less_does_not():
    assert stretches_of([(0, 10), (20, 30)], 10) == [0, 20]
    assert stretches_of([(0, 10), (20, 30)], 11) == [0, 0]

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.models.observing import is_finite, observe, windows
from processors.normality.observation import THUMBNAIL_SHAPE


class CountingEncoders:
    """Answers what it is given, in short, and counts."""

    def __init__(self) -> None:
        self.pictures = 0

    def encode_pictures(self, squares):
        self.pictures += len(squares)
        brightness = squares.mean(axis=(1, 2, 3), dtype=np.float32)
        return np.stack([brightness, brightness], axis=1), np.zeros((len(squares), 5, 5, 4), np.float16)

    def encode_seconds(self, seconds):
        return np.abs(seconds).mean(axis=1, keepdims=True)

    def encode_lines(self, lines):
        return np.array([[len(line)] for line in lines], np.float32)


def _clip(count, fps=10):
    return [(number * 1000 // fps, np.full((48, 64, 3), number % 256, np.uint8)) for number in range(count)]


def test_every_frame_is_encoded_once_however_many_windows_overlap():
    encoders = CountingEncoders()
    observed = observe(encoders, _clip(40))
    assert [len(each.frames) for each in windows(observed, 1000, 100)] == [10] * 31
    assert encoders.pictures == 40
    assert [frame.embedding[0] for frame in observed.frames] == list(range(40))
    assert observed.frames[0].thumbnail.shape == THUMBNAIL_SHAPE


@given(
    fps=st.integers(1, 30),
    count=st.integers(1, 40),
    window_ms=st.integers(100, 3000),
    hop_ms=st.integers(50, 3000),
    lines=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 2000)), max_size=5),
)
def test_a_window_holds_what_is_over_at_its_end_and_was_not_at_its_start(fps, count, window_ms, hop_ms, lines):
    said = sorted((start_ms, start_ms + length_ms, "word") for start_ms, length_ms in lines)
    observed = observe(CountingEncoders(), _clip(count, fps), np.zeros(16_000 * count // fps, np.float32), said)
    for each in windows(observed, window_ms, hop_ms):
        inside = range(each.start_ms, each.end_ms)
        assert [frame.at_ms for frame in each.frames] == [at for at, _ in _clip(count, fps) if at in inside]
        expected = sorted(line[:2] for line in said if each.start_ms < line[1] <= each.end_ms)
        assert sorted((segment.start_ms, segment.end_ms) for segment in each.segments) == expected
        assert all(each.start_ms < second.end_ms <= each.end_ms for second in each.seconds)


def test_what_comes_later_changes_no_earlier_window():
    sound = np.random.default_rng(0).normal(0, 0.1, 64_000).astype(np.float32)
    whole = list(windows(observe(CountingEncoders(), _clip(40), sound), 1000, 500))
    begun = list(windows(observe(CountingEncoders(), _clip(20), sound[:32_000]), 1000, 500))
    for earlier, later in zip(begun, whole, strict=False):
        assert [second.start_ms for second in earlier.seconds] == [second.start_ms for second in later.seconds]
        assert [frame.at_ms for frame in earlier.frames] == [frame.at_ms for frame in later.frames]


def test_a_recording_shorter_than_a_window_is_one_window():
    [only] = windows(observe(CountingEncoders(), _clip(3)), 1000, 100)
    assert (only.start_ms, only.end_ms, len(only.frames)) == (0, 1000, 3)


def test_the_end_of_a_recording_is_that_of_its_last_frame():
    assert observe(CountingEncoders(), _clip(20)).end_ms == 2000
    assert observe(CountingEncoders(), (), np.zeros(40_000, np.float32)).end_ms == 2500
    assert observe(CountingEncoders()).end_ms == 0


@pytest.mark.parametrize("sound", [np.zeros(16_000, np.float32), np.full(16_000, np.nan, np.float32)])
def test_what_is_no_number_is_noticed(sound):
    [only] = windows(observe(CountingEncoders(), _clip(10), sound), 1000, 1000)
    assert is_finite(only) == bool(np.isfinite(sound).all())

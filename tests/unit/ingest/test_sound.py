from fractions import Fraction

import numpy as np
import pytest

from processors.modality import Modality


def pcm_of(chunks):
    return np.frombuffer(b"".join(chunk.payload for chunk in chunks), np.int16)


def onset_ms(chunks):
    """Event time of the first loud sample, by the rule for samples in a chunk."""
    for chunk in chunks:
        loud = np.flatnonzero(np.abs(np.frombuffer(chunk.payload, np.int16).astype(int)) > 4000)
        if loud.size:
            return chunk.start_ms + int(loud[0]) * 1000 // 16_000
    raise LookupError("no loud sample")


def test_sound_comes_in_chunks_of_a_second_and_the_last_is_shorter(make, read):
    chunks = read(make(frames=0, sound_s=2.5)).contents(Modality.AUDIO)
    assert [(chunk.start_ms, chunk.due_ms, chunk.samples) for chunk in chunks] == [
        (0, 1000, 16_000),
        (1000, 2000, 16_000),
        (2000, 2500, 8_000),
    ]
    assert [len(chunk.payload) for chunk in chunks] == [32_000, 32_000, 16_000]


@pytest.mark.parametrize("samples", [1, 15_999, 16_000, 16_001, 40_123])
def test_no_sample_is_lost_or_added(make, read, samples):
    chunks = read(make(frames=0, sound_s=Fraction(samples, 16_000))).contents(Modality.AUDIO)
    assert sum(chunk.samples for chunk in chunks) == samples == len(pcm_of(chunks))


def test_samples_that_need_no_conversion_are_the_same_to_the_bit(make, read):
    chunks = read(make(frames=0, click_s=0.5)).contents(Modality.AUDIO)
    expected = np.zeros(32_000, np.int16)
    expected[8_000:8_160] = 16_000
    np.testing.assert_array_equal(pcm_of(chunks), expected)


@pytest.mark.parametrize(("rate_hz", "layout"), [(48_000, "stereo"), (44_100, "mono"), (8_000, "mono")])
def test_other_rates_and_channels_become_mono_at_16_khz_in_time(make, read, rate_hz, layout):
    chunks = read(make(frames=0, rate_hz=rate_hz, layout=layout, click_s=1.25)).contents(Modality.AUDIO)
    assert onset_ms(chunks) == pytest.approx(1250, abs=1)
    assert sum(chunk.samples for chunk in chunks) == pytest.approx(32_000, abs=16)


def test_an_offset_between_picture_and_sound_stays(make, read):
    result = read(make(sound_delay_s=Fraction(3, 10), click_s=1.0))
    assert result.contents(Modality.VIDEO)[0].start_ms == 0
    chunks = result.contents(Modality.AUDIO)
    assert chunks[0].start_ms == 300
    assert onset_ms(chunks) == 1300
    assert result.reading.end_ms == 2300


def test_after_a_hole_time_goes_on_where_the_file_says(make, read):
    chunks = read(make(frames=0, sound_s=3, hole_s=(0.5, 1.2), click_s=2.0)).contents(Modality.AUDIO)
    assert [(chunk.start_ms, chunk.due_ms) for chunk in chunks] == [(0, 500), (1200, 2200), (2200, 3000)]
    assert onset_ms(chunks) == 2000

"""Tuning of the audio encoder: what a chunk is said to hold, what moves, and that a seed tells all."""

import numpy as np
import pytest
import torch

from processors.models.audio_training.chunks import draw_chunk, level_of, measure, mix_at, sounding_seconds
from processors.models.audio_training.encoding import EncodedChunks, encode_chunks
from processors.models.audio_training.fitting import EncoderSettings, tune_encoder
from processors.models.audio_training.probing import encode_probe, probe_encoder
from processors.models.encoders import AudioEncoder

RATE_HZ = 16_000


def tone(frequency_hz, seconds=2.0, amplitude=0.3):
    moments = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    return (amplitude * np.sin(2 * np.pi * frequency_hz * moments)).astype(np.float32)


@pytest.fixture(scope="module")
def recordings():
    """Low and high tones in two groups."""
    return [
        measure(tone((200, 3_000)[label] + 40 * number, 1.25), label, f"fold {group}")
        for group in (1, 2)
        for label in (0, 1)
        for number in range(2)
    ]


@pytest.fixture(scope="module")
def chunks():
    """Maps of two kinds, told apart by half of their channels."""
    heard = torch.eye(2).repeat(16, 1)
    maps = torch.randn(32, 192, 4, 4, generator=torch.Generator().manual_seed(0)) * 0.3
    maps[heard[:, 1] == 1, :96] += 0.5
    return EncodedChunks(maps.half(), heard)


def tune(chunks):
    return tune_encoder(chunks, EncoderSettings(epochs=2, batch_size=16))


def test_a_bed_lies_so_far_below_the_loudest_second_as_is_said():
    recording = measure(tone(440), 0, "fold 1")
    bed = np.random.default_rng(0).standard_normal(RATE_HZ)
    silence = np.zeros(RATE_HZ, np.float32)
    laid = level_of(mix_at(silence, bed, recording.loudest, 10.0))
    assert 20 * np.log10(recording.loudest / laid) == pytest.approx(10.0, abs=0.01)


def test_seconds_well_below_the_loudest_hold_nothing():
    clip = np.concatenate([tone(440, 1.0), np.zeros(RATE_HZ, np.float32), tone(440, 1.0, 0.003)])
    recording = measure(clip, 0, "fold 1")
    assert len(sounding_seconds(recording)) == 1
    assert not recording.is_steady

    last = measure(clip[RATE_HZ:], 0, "fold 1")
    silent = [draw_chunk([recording, last], 0, 2, np.random.default_rng(seed)).heard for seed in range(40)]
    assert any(heard.sum() == 0 for heard in silent)
    assert all(heard[1] == 0 for heard in silent)


def test_digital_silence_holds_nothing():
    recording = measure(np.zeros(2 * RATE_HZ, np.float32), 1, "fold 1")
    assert not sounding_seconds(recording)
    assert draw_chunk([recording], 0, 2, np.random.default_rng(0)).heard.sum() == 0


def test_a_chunk_is_mixed_with_clips_of_its_own_group_alone(recordings):
    """A class that only the other group holds is never heard."""
    lone = [measure(tone(9 * number + 200), label, f"fold {label}") for label in (0, 1) for number in range(3)]
    for number in range(len(lone)):
        for seed in range(30):
            chunk = draw_chunk(lone, number, 2, np.random.default_rng(seed))
            assert chunk.heard[1 - lone[number].label] == 0
    both = [draw_chunk(recordings, 0, 2, np.random.default_rng(seed)).heard for seed in range(60)]
    assert any((heard > 0).all() for heard in both)


def test_a_chunk_is_a_second_within_bounds_and_told_by_its_seed(recordings):
    one, same, other = (draw_chunk(recordings, 3, 2, np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert one.samples.shape == (RATE_HZ,)
    assert one.samples.dtype == np.float32
    assert np.abs(one.samples).max() <= 1.0
    np.testing.assert_array_equal(one.samples, same.samples)
    assert not np.array_equal(one.samples, other.samples)
    assert ((one.heard >= 0) & (one.heard <= 1)).all()


def test_only_the_upper_blocks_move_and_a_seed_gives_the_same_encoder(chunks):
    one, other = tune(chunks).state_dict(), tune(chunks).state_dict()
    plain = AudioEncoder(weights=None).state_dict()
    assert all(torch.equal(one[name], other[name]) for name in one)
    moved = {name for name in plain if not torch.equal(plain[name], one[name])}
    assert moved
    assert all(name.startswith("upper.") and "running_" not in name for name in moved)


def test_drawn_chunks_become_maps_that_the_encoder_goes_on_from(recordings):
    drawn = encode_chunks(recordings[:2], 2, versions=2, seed=0, progress=lambda _: None)
    assert drawn.maps.shape == (4, 192, 4, 4)
    assert drawn.heard.shape == (4, 2)


def test_a_probe_tells_low_from_high_tones_of_recordings_it_has_not_heard(recordings):
    encoder = AudioEncoder(weights=None)
    figures = probe_encoder(encoder, encode_probe(recordings, [], 0), ["fold 1"], ["fold 2"], [])
    assert figures["clips"] == 1.0
    assert figures["chunks"] == 1.0
    assert set(figures) == {"clips", "chunks", "chunks at 10 dB", "chunks at 0 dB"}

"""Sounds as pictures: what counts is what sounds, not how loud, nor how much silence lies around it."""

import numpy as np
import pytest
import torch

from processors.models._mel import LogMel
from processors.models.sound_pictures import (
    CLIP_SAMPLES,
    PICTURE_SHAPE,
    Spectrograms,
    cut_clips,
    draw,
    repeat_sound,
    standardise,
)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, samples).astype(np.float32)


def test_the_fast_transform_hears_what_the_exported_one_hears():
    samples = torch.from_numpy(noise(16_000))[None]
    exported = LogMel(16_000, n_fft=2048, hop=160, n_mels=128)(torch.nn.functional.pad(samples, (1024, 1024)))
    torch.testing.assert_close(Spectrograms()(samples)[:, 2].flip(1), exported, atol=1e-2, rtol=0)


def test_a_picture_has_the_same_shape_and_does_not_tell_loudness():
    spectrograms = Spectrograms()
    clip = torch.from_numpy(noise(CLIP_SAMPLES))[None]
    loud, soft = (draw(standardise(spectrograms(clip * gain))) for gain in (1.0, 0.1))
    assert loud.shape == (1, *PICTURE_SHAPE)
    torch.testing.assert_close(loud, soft, atol=1e-2, rtol=0)


def test_digital_silence_is_a_picture_too():
    picture = draw(standardise(Spectrograms()(torch.zeros(1, CLIP_SAMPLES))))
    assert torch.isfinite(picture).all()


@pytest.mark.parametrize(
    ("samples", "clips"), [(1, 1), (79_000, 1), (80_000, 1), (80_016, 1), (112_000, 2), (160_000, 2), (400_000, 5)]
)
def test_clips_cover_the_recording_and_no_more_are_cut_than_needed(samples, clips):
    sound = noise(samples) + 1.0
    cut = cut_clips(sound)
    assert cut.shape == (clips, CLIP_SAMPLES)
    assert cut[0, 0] == sound[0]
    if samples >= CLIP_SAMPLES:
        assert cut[-1, -1] == sound[-1 if clips > 1 else CLIP_SAMPLES - 1]
    else:
        assert not cut[0, samples:].any()


def test_silence_around_a_sound_is_filled_with_the_sound():
    clip = np.zeros(CLIP_SAMPLES, np.float32)
    clip[30_000:40_000] = noise(10_000)
    filled = repeat_sound(clip)
    assert filled.shape == clip.shape
    assert np.mean(np.abs(filled) > 1e-3) > 0.85
    np.testing.assert_array_equal(filled[:10_000], clip[30_000:40_000])


def test_a_clip_that_sounds_to_its_end_or_not_at_all_stays():
    for clip in (noise(CLIP_SAMPLES), np.zeros(CLIP_SAMPLES, np.float32)):
        np.testing.assert_array_equal(repeat_sound(clip), clip)

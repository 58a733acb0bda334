"""What else a clip could have sounded like: time shift, noise, gain, tone, speed, pitch, and holes (SpecAugment).

Mixup takes place between clips, in `fitting`. Park et al., "SpecAugment" (2019).
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from processors.models.sound_pictures import draw, repeat_sound, standardise

__all__ = ["bend_tone", "change_samples", "change_spectrogram", "draw_noise", "pierce", "shift_pitch"]

_NOISE_DB: Final = (10.0, 40.0)
_GAIN_DB: Final = (-12.0, 6.0)
_TONE_DB: Final = 6.0
_TONE_POINTS: Final = 4
_LEAST_LENGTH: Final = 0.75
_PITCH_SHARE: Final = 0.047
_HOLES: Final = 2
_HOLE_ROWS: Final = 0.125
_HOLE_LENGTH: Final = 0.08


def change_samples(clip: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Another clip of the same class: silence filled or not, turned in time, with noise, louder or softer.

    Args:
        clip: float32 [T].
        rng: of everything drawn.

    Returns:
        float32 [T].
    """
    changed = repeat_sound(clip) if rng.random() < 0.5 else clip
    changed = np.roll(changed, int(rng.integers(len(changed))))
    if rng.random() < 0.5:
        loudness = float(np.sqrt(np.mean(changed**2))) + 1e-6
        changed = changed + draw_noise(len(changed), rng) * loudness * 10.0 ** (-rng.uniform(*_NOISE_DB) / 20.0)
    return (changed * 10.0 ** (rng.uniform(*_GAIN_DB) / 20.0)).astype(np.float32)


def change_spectrogram(spectrogram: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """The picture of a clip heard by another microphone, faster or slower, higher or lower, with holes.

    Args:
        spectrogram: float32 [3, H, W] in dB.
        rng: of everything drawn.

    Returns:
        The picture float32 [3, 192, 160].
    """
    columns = spectrogram.shape[2]
    changed = bend_tone(spectrogram, rng)
    length = int(columns * rng.uniform(_LEAST_LENGTH, 1.0))
    first = int(rng.integers(columns - length + 1))
    changed = shift_pitch(changed[:, :, first : first + length], rng)
    return draw(pierce(standardise(changed[None])[0], rng, 0.0)[None])[0]


def bend_tone(spectrogram: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Some pitches louder, others softer, as another microphone hears them: float32 [C, H, W] in dB."""
    rows = spectrogram.shape[1]
    points = rng.uniform(-_TONE_DB, _TONE_DB, _TONE_POINTS)
    tone = np.interp(np.linspace(0, _TONE_POINTS - 1, rows), range(_TONE_POINTS), points)
    return spectrogram + torch.from_numpy(tone).float()[None, :, None]


def shift_pitch(spectrogram: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Moves everything up or down by a few rows; the edge row fills the gap."""
    most = round(spectrogram.shape[1] * _PITCH_SHARE)
    rows = int(rng.integers(-most, most + 1))
    moved = spectrogram.roll(-rows, dims=1)
    if rows > 0:
        moved[:, -rows:] = spectrogram[:, -1:]
    elif rows < 0:
        moved[:, :-rows] = spectrogram[:, :1]
    return moved


def pierce(picture: torch.Tensor, rng: np.random.Generator, filling: float) -> torch.Tensor:
    """A picture [C, H, W] with two bands of pitch and two moments hidden, as in SpecAugment; changed in place."""
    _, rows, length = picture.shape
    for _ in range(_HOLES):
        height = int(rng.integers(int(rows * _HOLE_ROWS) + 1))
        width = int(rng.integers(int(length * _HOLE_LENGTH) + 1))
        top, left = int(rng.integers(rows - height + 1)), int(rng.integers(length - width + 1))
        picture[:, top : top + height] = filling
        picture[:, :, left : left + width] = filling
    return picture


def draw_noise(count: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """White or pink, of deviation 1."""
    white = rng.standard_normal(count)
    if rng.random() < 0.5:
        return white
    spectrum = np.fft.rfft(white)
    pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), count)
    return pink / pink.std()

"""A clip of sound as a picture: one log-mel spectrogram each in red, green and blue.

The three differ in the length of their windows: a short one tells moments apart, a long one pitches. A network that
knows photographs looks at all three at the price of one.
"""

import math
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from processors.models._mel import mel_filters
from processors.models.spec import AUDIO_RATE_HZ

__all__ = ["CLIP_SAMPLES", "PICTURE_SHAPE", "Spectrograms", "cut_clips", "draw", "repeat_sound", "standardise"]

CLIP_SAMPLES: Final = 5 * AUDIO_RATE_HZ
PICTURE_SHAPE: Final = (3, 192, 160)
"""Colours, pitches (high at the top), moments."""

_WINDOWS: Final = (512, 1024, 2048)
_N_FFT: Final = 2048
"""Shorter windows are padded to it: their own bins are wider than the lowest bands, some of which would stay empty."""

_HOP: Final = 160
_MELS: Final = 128
_FLOOR_POWER: Final = 1e-10
_RANGE_DB: Final = 80.0
"""What lies further below the loudest spot of a picture counts as silence."""

_LEAST_DEVIATION_DB: Final = 3.0
_SPARE_CLIP: Final = 0.1
"""A recording that is longer than a whole number of clips by no more than this share of one makes no further clip."""

_SILENT: Final = 1e-5
_QUIET: Final = 1e-3
"""Share of the peak below which a recording's beginning and end are taken for padding."""

_LEAST_SAMPLES: Final = AUDIO_RATE_HZ // 2
_TAIL_SAMPLES: Final = AUDIO_RATE_HZ // 20


class Spectrograms(nn.Module):
    """Samples to decibels, by a fast Fourier transform: for training and scoring, not for export."""

    filters: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        for size in _WINDOWS:
            window = torch.hann_window(size)
            # Scaled so that a full-scale sine has power 1.
            self.register_buffer(f"window_{size}", window * 2.0 / window.sum(), persistent=False)
        self.register_buffer("filters", mel_filters(AUDIO_RATE_HZ, _N_FFT, _MELS), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Transforms clips.

        Args:
            samples: float32 [N, T] mono -1..1 at 16 kHz.

        Returns:
            float32 [N, 3, 128, frames] power in dB, high pitches first.
        """
        colours = []
        for size in _WINDOWS:
            window = self.get_buffer(f"window_{size}")
            parts = torch.stft(
                samples, _N_FFT, _HOP, win_length=size, window=window, pad_mode="constant", return_complex=True
            )
            power = self.filters @ parts.abs().square()
            colours.append(10.0 * torch.log10(power + _FLOOR_POWER))
        return torch.stack(colours, dim=1).flip(2)


def standardise(spectrograms: torch.Tensor) -> torch.Tensor:
    """Brings each clip and colour to mean 0 and deviation 1, so that loudness does not count.

    Args:
        spectrograms: float32 [N, 3, H, W] in dB.
    """
    floor = spectrograms.amax((2, 3), keepdim=True) - _RANGE_DB
    heard = torch.maximum(spectrograms, floor)
    mean, deviation = heard.mean((2, 3), keepdim=True), heard.std((2, 3), keepdim=True)
    return (heard - mean) / deviation.clamp_min(_LEAST_DEVIATION_DB)


def draw(standardised: torch.Tensor) -> torch.Tensor:
    """Scales standardised spectrograms to the size that the network looks at: float32 [N, 3, 192, 160]."""
    return nn.functional.interpolate(
        standardised, size=PICTURE_SHAPE[1:], mode="bilinear", align_corners=False, antialias=True
    )


def cut_clips(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Cuts a recording into as few clips as cover it, spread evenly; a short one is padded with silence.

    Args:
        samples: float32 [T] at 16 kHz, T at least 1.

    Returns:
        float32 [P, 80000].
    """
    count = max(1, math.ceil(len(samples) / CLIP_SAMPLES - _SPARE_CLIP))
    padded = np.pad(samples, (0, max(0, CLIP_SAMPLES - len(samples))))
    last = len(padded) - CLIP_SAMPLES
    starts = [last * number // (count - 1) for number in range(count)] if count > 1 else [0]
    return np.stack([padded[start : start + CLIP_SAMPLES] for start in starts])


def repeat_sound(clip: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Fills a clip that is partly silence by saying again what is in it.

    A bark of half a second in five of silence is otherwise a picture of silence.

    Args:
        clip: float32 [T].

    Returns:
        float32 [T]; the clip itself if it sounds to its end, or not at all.
    """
    loudness = np.abs(clip)
    sounding = np.flatnonzero(loudness > max(float(loudness.max()) * _QUIET, _SILENT))
    if not len(sounding):
        return clip
    first, end = int(sounding[0]), int(sounding[-1]) + 1
    if end > 0.98 * len(clip):
        return clip
    heard = clip[first : end + _TAIL_SAMPLES]
    return np.resize(np.pad(heard, (0, max(0, _LEAST_SAMPLES - len(heard)))), len(clip))

"""A log-mel spectrogram made of plain matrix products, so that it exports to any graph format.

The short-time Fourier transform is a strided convolution with windowed cosines and sines (ONNX has an STFT operator,
but few runtimes run it); the mel filters are the triangles of the HTK book (Young et al., section 5.4).
"""

from typing import Final

import torch
from torch import nn

__all__ = ["LogMel", "mel_filters"]

_FLOOR_DB: Final = -100.0
"""What digital silence becomes, instead of minus infinity."""


class LogMel(nn.Module):
    """Samples to a log-mel picture in decibels.

    Args:
        rate_hz: sample rate.
        n_fft: samples of one analysis window (Hann); a longer one tells pitches better apart, a shorter one moments.
        hop: samples between windows.
        n_mels: mel bands between 50 Hz and half the sample rate.
    """

    _transform: torch.Tensor
    _filters: torch.Tensor

    def __init__(self, rate_hz: int, *, n_fft: int, hop: int, n_mels: int) -> None:
        super().__init__()
        self._hop = hop
        self.register_buffer("_transform", _windowed_transform(n_fft)[:, None, :], persistent=False)
        self.register_buffer("_filters", mel_filters(rate_hz, n_fft, n_mels), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Transforms one batch.

        Args:
            samples: float32 [N, T] mono -1..1.

        Returns:
            float32 [N, n_mels, frames] power in dB, at least -100.
        """
        parts = nn.functional.conv1d(samples[:, None, :], self._transform, stride=self._hop)
        real, imaginary = parts.chunk(2, dim=1)
        power = self._filters @ (real * real + imaginary * imaginary)
        # log(power + 1e-10) scaled up: graph optimisers take so small an addend for zero and drop it.
        return 10.0 * torch.log10(power * 10.0 ** (-_FLOOR_DB / 10.0) + 1.0) + _FLOOR_DB


def _windowed_transform(n_fft: int) -> torch.Tensor:
    """Rows of cosines, then of sines, under a Hann window that is scaled so that a full-scale sine has power 1."""
    n = torch.arange(n_fft, dtype=torch.float64)
    window = torch.hann_window(n_fft, dtype=torch.float64)
    window = window / window.sum() * 2.0
    angles = 2.0 * torch.pi * torch.arange(n_fft // 2 + 1, dtype=torch.float64)[:, None] * n / n_fft
    return torch.cat([torch.cos(angles) * window, -torch.sin(angles) * window]).float()


def mel_filters(rate_hz: int, n_fft: int, n_mels: int, lowest_hz: float = 50.0) -> torch.Tensor:
    """Triangular filters [n_mels, n_fft // 2 + 1], each at least one bin wide, with weights that add up to 1."""
    bins_hz = torch.arange(n_fft // 2 + 1, dtype=torch.float64) * rate_hz / n_fft
    low, high = (_mel(torch.tensor(hz, dtype=torch.float64)) for hz in (lowest_hz, rate_hz / 2))
    edges_hz = 700.0 * (10.0 ** (torch.linspace(float(low), float(high), n_mels + 2, dtype=torch.float64) / 2595.0) - 1)
    left, centre, right = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    bin_width_hz = rate_hz / n_fft
    rising = (bins_hz - left) / (centre - left).clamp_min(bin_width_hz)
    falling = (right - bins_hz) / (right - centre).clamp_min(bin_width_hz)
    filters = torch.minimum(rising, falling).clamp_min(0.0)
    return (filters / filters.sum(dim=1, keepdim=True).clamp_min(1e-6)).float()


def _mel(hz: torch.Tensor) -> torch.Tensor:
    return 2595.0 * torch.log10(1.0 + hz / 700.0)

"""The log-mel pictures that AST and CLAP were trained on, as plain convolutions and matrix products.

Both are short-time Fourier transforms written as a strided convolution with the transform of each windowed frame; every
step before the power is linear, so all of them fold into that one matrix.
"""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import nn
from torchaudio.compliance.kaldi import get_mel_banks

from processors.errors import ModelError

__all__ = ["ClapSpectrogram", "KaldiFilterBank"]

_FRAME_S: Final = 0.025
_SHIFT_S: Final = 0.010
_PREEMPHASIS: Final = 0.97
_LOWEST_HZ: Final = 20.0

_REPEATS: Final[Mapping[str, str]] = {
    "repeatpad": "repeated as often as it fits, then silence",
    "repeat": "repeated and cut",
    "pad": "followed by silence",
}
"""How CLAP fills up a short sound."""


class KaldiFilterBank(nn.Module):
    """Kaldi's `fbank` with a Hann window, as AST's feature extractor calls it.

    Args:
        rate_hz: sample rate.
        n_mels: mel bands from 20 Hz to half the sample rate.
    """

    _transform: torch.Tensor
    _filters: torch.Tensor

    def __init__(self, rate_hz: int, n_mels: int) -> None:
        super().__init__()
        frame = int(rate_hz * _FRAME_S)
        self._shift = int(rate_hz * _SHIFT_S)
        n_fft = 1 << (frame - 1).bit_length()
        centred = torch.eye(frame, dtype=torch.float64) - 1.0 / frame
        before = torch.cat([centred[:1], centred[:-1]])
        window = torch.hann_window(frame, periodic=False, dtype=torch.float64)
        framed = (centred - _PREEMPHASIS * before) * window[:, None]
        transform = torch.cat([*_fourier(n_fft, frame)]) @ framed
        filters, _ = get_mel_banks(n_mels, n_fft, float(rate_hz), _LOWEST_HZ, 0.0, 100.0, -500.0, 1.0)
        # The bins of the filters end before half the sample rate.
        self.register_buffer("_transform", transform.float()[:, None, :], persistent=False)
        self.register_buffer("_filters", nn.functional.pad(filters, (0, 1)), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Transforms one batch.

        Args:
            samples: float32 [N, T].

        Returns:
            float32 [N, frames, n_mels], natural logarithms.
        """
        power = _power(nn.functional.conv1d(samples[:, None, :], self._transform, stride=self._shift))
        return (self._filters @ power).clamp_min(torch.finfo(torch.float32).eps).log().transpose(1, 2)


class ClapSpectrogram(nn.Module):
    """A second of sound, filled up to the length that CLAP hears at once, as decibels of mel bands.

    Args:
        extractor: CLAP's feature extractor.
        name: of the checkpoint, for messages.

    Raises:
        ModelError: it hears less than a second at once, or fills up in a way that is not known.
    """

    _transform: torch.Tensor
    _filters: torch.Tensor

    def __init__(self, extractor: Any, name: str) -> None:
        super().__init__()
        if extractor.padding not in _REPEATS or extractor.nb_max_samples < extractor.sampling_rate:
            raise ModelError(
                f"checkpoint {name}: its feature extractor fills up sounds by {extractor.padding!r} to "
                f"{extractor.nb_max_samples / extractor.sampling_rate:g} s; expected one of {', '.join(_REPEATS)}, and "
                "at least 1 s"
            )
        n_fft = int(extractor.fft_window_size)
        window = torch.hann_window(n_fft, dtype=torch.float64)
        transform = torch.cat([*_fourier(n_fft, n_fft)]) * window
        filters = extractor.mel_filters if extractor.truncation == "fusion" else extractor.mel_filters_slaney
        self._hop, self._margin = int(extractor.hop_length), n_fft // 2
        self._padding, self._length = extractor.padding, int(extractor.nb_max_samples)
        self.register_buffer("_transform", transform.float()[:, None, :], persistent=False)
        self.register_buffer("_filters", torch.from_numpy(filters.T).float().contiguous(), persistent=False)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Transforms one batch.

        Args:
            samples: float32 [N, T] at the extractor's rate.

        Returns:
            float32 [N, frames, n_mels] in dB, at least -100.
        """
        filled = nn.functional.pad(self._fill_up(samples)[:, None, :], (self._margin, self._margin), mode="reflect")
        power = _power(nn.functional.conv1d(filled, self._transform, stride=self._hop))
        return (self._filters @ power).clamp_min(1e-10).log10().transpose(1, 2) * 10.0

    def _fill_up(self, samples: torch.Tensor) -> torch.Tensor:
        times = self._length // samples.shape[1]
        if self._padding == "repeatpad":
            samples = samples.repeat(1, times)
        elif self._padding == "repeat":
            samples = samples.repeat(1, times + 1)[:, : self._length]
        return nn.functional.pad(samples, (0, self._length - samples.shape[1]))


def _fourier(n_fft: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines float64 [n_fft // 2 + 1, length] of a transform of `length` values and zeros after them."""
    bins = torch.arange(n_fft // 2 + 1, dtype=torch.float64)[:, None]
    angles = 2.0 * torch.pi * bins * torch.arange(length, dtype=torch.float64) / n_fft
    return torch.cos(angles), -torch.sin(angles)


def _power(parts: torch.Tensor) -> torch.Tensor:
    real, imaginary = parts.chunk(2, dim=1)
    return real * real + imaginary * imaginary

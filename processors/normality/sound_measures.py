"""What is measured of a second of sound beside its embedding."""

from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = ["SILENCE_DB", "SOUND_MEASURES", "measure_sound"]

SOUND_MEASURES: Final = ("level_db", "flux", "clipped_share", "voice")
"""Level in dB of full scale (`SILENCE_DB` for digital silence); spectral flux, the mean rise of the compressed spectrum
from one 20 ms block to the next; share of samples at full scale; how far it sounds like a voice, 0 to 1."""

SILENCE_DB: Final = -100.0

_BLOCKS_PER_SECOND: Final = 50
_VOICE_HZ: Final = (300.0, 3400.0)
"""The telephone band: nearly all of speech's energy that hearing it needs, and little hum or hiss."""
_SYLLABLES_HZ: Final = (2.0, 8.0)
"""Speech's loudness goes up and down with its syllables, about four times a second (Houtgast and Steeneken, 1985)."""
_COMPRESSION: Final = 1000
_FLOOR: Final = 1e-10
_FULL_SCALE: Final = 0.999


def measure_sound(samples: npt.NDArray[np.float32], sample_rate_hz: int) -> npt.NDArray[np.float32]:
    """Measure up to a second of sound.

    Args:
        samples: float32 [N] mono -1..1; at least one.
        sample_rate_hz: their rate.

    Returns:
        float32 [4], in the order of `SOUND_MEASURES`.
    """
    level_db = 10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + _FLOOR)
    block = sample_rate_hz // _BLOCKS_PER_SECOND
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    spectra = np.abs(np.fft.rfft(blocks * np.hanning(block), axis=1))
    loudness = np.log1p(_COMPRESSION * 2 / block * spectra)
    flux = np.maximum(np.diff(loudness, axis=0), 0).mean() if len(spectra) > 1 else 0.0
    clipped = np.mean(np.abs(samples) >= _FULL_SCALE)
    return np.array([level_db, flux, clipped, _voice(spectra, sample_rate_hz / block)], np.float32)


def _voice(spectra: npt.NDArray[np.float64], bin_hz: float) -> float:
    """Share of the energy in the band of speech, times the share of the band's modulation at the rate of syllables."""
    if len(spectra) < _BLOCKS_PER_SECOND // 2:
        return 0.0
    energy = spectra**2
    first, last = (round(hz / bin_hz) for hz in _VOICE_HZ)
    in_band = energy[:, first : last + 1].sum(axis=1)
    total = energy[:, 1:].sum()
    if total < _FLOOR:
        return 0.0
    envelope = np.sqrt(in_band)
    modulation = np.abs(np.fft.rfft((envelope - envelope.mean()) * np.hanning(len(envelope)))) ** 2
    rates_hz = np.fft.rfftfreq(len(envelope), 1 / _BLOCKS_PER_SECOND)
    syllabic = modulation[(rates_hz >= _SYLLABLES_HZ[0]) & (rates_hz <= _SYLLABLES_HZ[1])].sum()
    depth = min(1.0, envelope.std() / (envelope.mean() + _FLOOR))
    return float(in_band.sum() / total * syllabic / (modulation.sum() + _FLOOR) * depth)

"""Building blocks of synthetic sound: noise bands, tones, rings, envelopes and voices.

All signals are float32 [T] mono at `SOUND_RATE_HZ`, of no particular level: whoever mixes them decides how loud.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SOUND_RATE_HZ",
    "Signal",
    "add_at",
    "band_noise",
    "brown_noise",
    "fade",
    "ring",
    "samples_in",
    "tone",
    "voice",
]

SOUND_RATE_HZ = 16_000

Signal = NDArray[np.float32]

_FADE_S = 0.008
_VOICE_HARMONICS = 12


def samples_in(seconds: float) -> int:
    """How many samples `seconds` last."""
    return round(seconds * SOUND_RATE_HZ)


def add_at(target: Signal, part: Signal, at_s: float) -> None:
    """Add `part` to `target` in place from `at_s` on; what would reach past the end is dropped."""
    first = samples_in(at_s)
    length = max(0, min(len(part), len(target) - first))
    target[first : first + length] += part[:length]


def fade(signal: Signal, seconds: float = _FADE_S) -> Signal:
    """`signal` with its end faded out, so that it does not click; its onset stays as sharp as it is."""
    length = min(samples_in(seconds), len(signal))
    faded = signal.copy()
    faded[len(signal) - length :] *= np.linspace(1.0, 0.0, length, dtype=np.float32)
    return faded


def band_noise(rng: np.random.Generator, samples: int, low_hz: float, high_hz: float) -> Signal:
    """White noise between two frequencies, fourth-order slopes on either side, unit power."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / SOUND_RATE_HZ), 1.0)
    spectrum /= np.sqrt((1 + (low_hz / frequency) ** 8) * (1 + (frequency / high_hz) ** 8))
    return _unit_power(np.fft.irfft(spectrum, samples))


def brown_noise(rng: np.random.Generator, samples: int) -> Signal:
    """Noise that falls 6 dB per octave above 30 Hz, unit power."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.maximum(np.fft.rfftfreq(samples, 1 / SOUND_RATE_HZ), 30.0)
    spectrum[0] = 0.0
    return _unit_power(np.fft.irfft(spectrum, samples))


def tone(frequency_hz: NDArray[np.float64], drive: float = 1.0) -> Signal:
    """A tone that follows `frequency_hz` [T] without phase jumps; `drive` above 1 adds odd harmonics, as in a horn."""
    phase = 2 * np.pi * np.cumsum(frequency_hz) / SOUND_RATE_HZ
    return np.tanh(drive * np.sin(phase)).astype(np.float32)


def ring(
    rng: np.random.Generator, samples: int, low_hz: float, high_hz: float, partials: int, decay_s: float
) -> Signal:
    """Something struck: inharmonic partials between two frequencies, the higher the sooner gone."""
    time_s = np.arange(samples, dtype=np.float32)[None, :] / np.float32(SOUND_RATE_HZ)
    frequency = np.sort(rng.uniform(low_hz, high_hz, size=partials)).astype(np.float32)[:, None]
    level = rng.uniform(0.3, 1.0, size=(partials, 1)).astype(np.float32)
    decay = (decay_s * rng.uniform(0.6, 1.2, size=(partials, 1)) * (low_hz / frequency) ** 0.3).astype(np.float32)
    phase = rng.uniform(0, 2 * np.pi, size=(partials, 1)).astype(np.float32)
    waves = level * np.exp(-time_s / decay) * np.sin(2 * np.float32(np.pi) * frequency * time_s + phase)
    return waves.sum(axis=0).astype(np.float32)


def voice(rng: np.random.Generator, pitch_hz: NDArray[np.float64], *, syllables_hz: float, tension: float) -> Signal:
    """A voice without words: harmonics of a gliding pitch under wandering formants, broken into syllables.

    A source-filter model after Fant, Acoustic Theory of Speech Production (1960), with two formants.

    Args:
        rng: decides formants, breaks and breath.
        pitch_hz: float64 [T], the pitch at each sample.
        syllables_hz: syllables per second.
        tension: 0 speaks softly, 1 shouts: more power in the upper harmonics, hardly a pause.
    """
    samples = len(pitch_hz)
    time_s = np.arange(samples) / SOUND_RATE_HZ
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SOUND_RATE_HZ
    syllable_phase = 2 * np.pi * syllables_hz * time_s + rng.uniform(0, 2 * np.pi)
    first = rng.uniform(420, 760) * (1 + 0.25 * np.sin(syllable_phase * 0.5))
    second = rng.uniform(1100, 2100) * (1 + 0.2 * np.sin(syllable_phase * 0.37 + 1.0))
    signal = np.zeros(samples)
    for harmonic in range(1, _VOICE_HARMONICS + 1):
        frequency = harmonic * pitch_hz
        formants = 1 / (1 + ((frequency - first) / 160) ** 2) + (0.4 + 0.6 * tension) / (
            1 + ((frequency - second) / 240) ** 2
        )
        signal += formants * harmonic ** (0.6 * tension - 0.6) * np.sin(harmonic * phase)
    opening = np.clip(np.sin(syllable_phase) + 0.3 + 0.6 * tension, 0.0, 1.0)
    breath = 0.04 * rng.standard_normal(samples)
    return _unit_power((signal + breath) * opening)


def _unit_power(signal: NDArray[np.float64]) -> Signal:
    power = float(np.mean(signal**2))
    return (signal / np.sqrt(max(power, 1e-12))).astype(np.float32)

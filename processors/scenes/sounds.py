"""What events and distractors sound like: one function per kind, `(rng, samples) -> signal`.

Every event starts to sound with its first sample; the varieties of a class (sirens, beeps, whoops) are drawn by `rng`.
"""

from collections.abc import Callable

import numpy as np

from processors.scenes.synthesis import (
    SOUND_RATE_HZ,
    Signal,
    add_at,
    band_noise,
    brown_noise,
    fade,
    ring,
    samples_in,
    tone,
    voice,
)

__all__ = ["SOUNDS", "calm_speech"]


def fire_alarm(rng: np.random.Generator, samples: int) -> Signal:
    """A two-tone siren, a temporal-three beeper (ISO 8201, pauses shortened) or a whooping sweep."""
    time_s = np.arange(samples) / SOUND_RATE_HZ
    variety = int(rng.integers(3))
    if variety == 0:
        low_hz = rng.uniform(550, 950)
        high_hz = low_hz * rng.uniform(1.2, 1.45)
        is_high = (time_s * rng.uniform(1.0, 2.2)) % 1.0 < 0.5
        return fade(tone(np.where(is_high, high_hz, low_hz), drive=rng.uniform(1.5, 4.0)))
    if variety == 1:
        pitch_hz = rng.choice([520.0, 2400.0, 3100.0]) * rng.uniform(0.93, 1.07)
        beep_s, gap_s = rng.uniform(0.25, 0.45), rng.uniform(0.15, 0.3)
        cycle = time_s % (3 * (beep_s + gap_s) + rng.uniform(0.4, 0.9))
        sounding = (cycle < 3 * (beep_s + gap_s)) & (cycle % (beep_s + gap_s) < beep_s)
        return fade(tone(np.full(samples, pitch_hz), drive=2.5) * sounding.astype(np.float32))
    sweep = (time_s / rng.uniform(0.6, 1.8)) % 1.0
    return fade(tone(rng.uniform(450, 600) + sweep * rng.uniform(450, 800), drive=2.0))


def collision(rng: np.random.Generator, samples: int) -> Signal:
    """Tyres screech, then a thump, ringing metal and a clatter of parts."""
    signal = np.zeros(samples, np.float32)
    impact_s = impact_time_s(samples / SOUND_RATE_HZ)
    screech_hz = rng.uniform(700, 1300)
    screech = band_noise(rng, samples_in(impact_s), screech_hz, screech_hz * 1.25)
    add_at(signal, screech * np.linspace(0.15, 0.5, len(screech), dtype=np.float32), 0.0)
    rest = samples - samples_in(impact_s)
    time_s = np.arange(rest, dtype=np.float32) / SOUND_RATE_HZ
    thump_hz = rng.uniform(45, 90)
    thump = 6.0 * np.exp(-time_s / 0.16) * np.sin(2 * np.pi * thump_hz * time_s)
    crash = 5.0 * np.exp(-time_s / rng.uniform(0.1, 0.25)) * band_noise(rng, rest, 80, 5000)
    metal = 1.8 * ring(rng, rest, 300, 3500, 14, rng.uniform(0.5, 1.1))
    add_at(signal, (thump + crash + metal).astype(np.float32), impact_s)
    for _ in range(int(rng.integers(4, 9))):
        part = 1.5 * ring(rng, samples_in(0.25), 700, 4500, 5, 0.06)
        add_at(signal, part, impact_s + rng.uniform(0.15, max(0.2, samples / SOUND_RATE_HZ - impact_s - 0.2)))
    return fade(signal)


def impact_time_s(duration_s: float) -> float:
    """When, from the start of a collision that lasts `duration_s`, the bodies meet: the same for picture and sound."""
    return min(0.6, 0.25 * duration_s)


def break_in(rng: np.random.Generator, samples: int) -> Signal:
    """Blows, then glass bursts and its shards rain, once to three times, and someone treads on them."""
    signal = np.zeros(samples, np.float32)
    duration_s = samples / SOUND_RATE_HZ
    add_at(signal, 1.2 * _blow(rng), 0.0)
    bursts = int(rng.integers(2, 4))
    for burst in range(bursts):
        burst_s = 0.25 + burst * (duration_s - 0.9) / bursts + rng.uniform(0.0, 0.2)
        bang = band_noise(rng, samples_in(0.3), 2500, 7500)
        bang *= np.exp(-np.arange(len(bang), dtype=np.float32) / SOUND_RATE_HZ / rng.uniform(0.04, 0.09))
        add_at(signal, 3.0 * bang, burst_s)
        add_at(signal, 0.8 * _blow(rng), burst_s)
        for delay_s in rng.exponential(0.35, size=int(rng.integers(14, 26))):
            shard = ring(rng, samples_in(0.2), 2200, 7600, 4, rng.uniform(0.02, 0.07))
            add_at(signal, rng.uniform(0.3, 0.9) * shard, burst_s + delay_s)
    crunch = band_noise(rng, samples, 3000, 7000) * (np.sin(np.arange(samples) / SOUND_RATE_HZ * 11) > 0.8)
    return fade(signal + (0.12 * crunch).astype(np.float32))


def crowd_panic(rng: np.random.Generator, samples: int) -> Signal:
    """Many voices that shout and scream, their pitch rising, over running feet."""
    time_s = np.arange(samples) / SOUND_RATE_HZ
    signal = np.zeros(samples, np.float32)
    for person in range(int(rng.integers(6, 10))):
        start_s = 0.0 if person == 0 else rng.uniform(0.0, 0.5)
        own_s = time_s[: samples - samples_in(start_s)]
        rise = 1 + rng.uniform(0.2, 0.6) * own_s / max(own_s[-1], 0.1)
        wobble = 1 + 0.06 * np.sin(2 * np.pi * rng.uniform(3, 7) * own_s)
        pitch_hz = rng.uniform(230, 520) * rise * wobble
        add_at(signal, voice(rng, pitch_hz, syllables_hz=rng.uniform(1.2, 3.0), tension=1.0), start_s)
    steps = band_noise(rng, samples, 60, 700) * (np.sin(2 * np.pi * 5.5 * time_s + rng.uniform(0, 6)) > 0.4)
    return fade(signal + (0.9 * steps).astype(np.float32))


def calm_speech(rng: np.random.Generator, samples: int) -> Signal:
    """One person speaks, with a level pitch and pauses between syllables."""
    time_s = np.arange(samples) / SOUND_RATE_HZ
    pitch_hz = rng.uniform(95, 210) * (1 + 0.08 * np.sin(2 * np.pi * 0.6 * time_s + rng.uniform(0, 6)))
    return fade(voice(rng, pitch_hz, syllables_hz=rng.uniform(3.0, 4.5), tension=0.1))


def _blow(rng: np.random.Generator) -> Signal:
    length = samples_in(0.2)
    time_s = np.arange(length, dtype=np.float32) / SOUND_RATE_HZ
    body = band_noise(rng, length, 90, 600) + 2 * np.sin(2 * np.pi * rng.uniform(70, 130) * time_s)
    return (body * np.exp(-time_s / 0.05)).astype(np.float32)


def _knock(rng: np.random.Generator, samples: int) -> Signal:
    signal = np.zeros(samples, np.float32)
    for knock in range(int(rng.integers(2, 5))):
        add_at(signal, _blow(rng), knock * rng.uniform(0.22, 0.3))
    return signal


def _beep(rng: np.random.Generator, samples: int) -> Signal:
    signal = np.zeros(samples, np.float32)
    pitch_hz = rng.uniform(700, 2500)
    for beep in range(int(rng.integers(1, 3))):
        add_at(signal, fade(tone(np.full(samples_in(0.18), pitch_hz))), beep * 0.3)
    return signal


def _horn(rng: np.random.Generator, samples: int) -> Signal:
    length = min(samples, samples_in(rng.uniform(0.4, 0.9)))
    low_hz = rng.uniform(330, 440)
    return fade(tone(np.full(length, low_hz), drive=4.0) + tone(np.full(length, low_hz * 1.25), drive=4.0), 0.03)


def _bark(rng: np.random.Generator, samples: int) -> Signal:
    signal = np.zeros(samples, np.float32)
    for bark in range(int(rng.integers(1, 4))):
        length = samples_in(0.18)
        pitch_hz = np.linspace(rng.uniform(420, 600), 250, length)
        call = voice(rng, pitch_hz, syllables_hz=0.5, tension=0.9) * np.hanning(length).astype(np.float32)
        add_at(signal, call, bark * rng.uniform(0.35, 0.45))
    return signal


def _door(rng: np.random.Generator, samples: int) -> Signal:
    length = min(samples, samples_in(0.6))
    decay = np.exp(-np.arange(length, dtype=np.float32) / SOUND_RATE_HZ / 0.09)
    return fade(band_noise(rng, length, 40, 350) * decay)


def _keys(rng: np.random.Generator, samples: int) -> Signal:
    signal = np.zeros(samples, np.float32)
    for delay_s in rng.uniform(0.0, 0.7, size=6):
        add_at(signal, ring(rng, samples_in(0.12), 3000, 6500, 3, 0.03), delay_s)
    return signal


def _engine(rng: np.random.Generator, samples: int) -> Signal:
    time_s = np.arange(samples) / SOUND_RATE_HZ
    idle = tone(rng.uniform(35, 60) * (1 + 0.4 * time_s / time_s[-1]), drive=5.0)
    swell = np.hanning(samples).astype(np.float32)
    return swell * (idle + 0.7 * brown_noise(rng, samples))


SOUNDS: dict[str, Callable[[np.random.Generator, int], Signal]] = {
    "fire_alarm": fire_alarm,
    "collision": collision,
    "break_in": break_in,
    "crowd_panic": crowd_panic,
    "knock": _knock,
    "beep": _beep,
    "horn": _horn,
    "bark": _bark,
    "door": _door,
    "keys": _keys,
    "engine": _engine,
}

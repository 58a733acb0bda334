"""The sound of a scene: a bed of hum and noise, voices under the cues, and what happens, each at its stated level."""

import numpy as np

from processors.modality import Modality
from processors.scenes.schedule import Happening, Schedule
from processors.scenes.settings import SceneSettings
from processors.scenes.sounds import SOUNDS, calm_speech
from processors.scenes.synthesis import SOUND_RATE_HZ, Signal, brown_noise, samples_in, tone

__all__ = ["BED_LEVEL", "compose_sound"]

# Root mean square of the bed: leaves 18 dB and more of headroom for the peaks of an event at the usual ratios.
BED_LEVEL = 0.012
_LOUDEST_SPAN_S = 0.5
_SPEECH_DB = 0.0
_DISTRACTOR_RANGE_DB = (-4.0, 8.0)


def compose_sound(settings: SceneSettings, schedule: Schedule, rng: np.random.Generator) -> Signal:
    """Mix the sound of a scene.

    Events are scaled so that their loudest half second stands `settings.snr_db` above the bed; distractors lie between
    -4 and 8 dB, voices at 0 dB. What would clip is clipped.

    Returns:
        float32 [T] mono -1..1 at 16,000 Hz.
    """
    mix = BED_LEVEL * _bed(rng, samples_in(settings.duration_s))
    for happening in schedule.distractors:
        if Modality.AUDIO in happening.modalities:
            _lay(mix, _sound_of(happening), happening.start_ms, rng.uniform(*_DISTRACTOR_RANGE_DB))
    for cue in schedule.cues:
        speech = calm_speech(rng, samples_in((cue.end_ms - cue.start_ms) / 1000))
        _lay(mix, speech, cue.start_ms, _SPEECH_DB)
    for happening in schedule.events:
        if Modality.AUDIO in happening.modalities:
            _lay(mix, _sound_of(happening), happening.start_ms, settings.snr_db)
    return np.clip(mix, -1.0, 1.0, out=mix)


def _bed(rng: np.random.Generator, samples: int) -> Signal:
    hum = tone(np.full(samples, rng.choice([50.0, 60.0])), drive=1.5)
    wind = brown_noise(rng, samples)
    swell = 1 + 0.3 * np.sin(np.arange(samples, dtype=np.float32) / SOUND_RATE_HZ / rng.uniform(1.5, 4.0))
    white = rng.standard_normal(samples, dtype=np.float32)
    bed = wind * swell + rng.uniform(0.1, 0.5) * hum + rng.uniform(0.05, 0.2) * white
    return (bed / np.sqrt(np.mean(bed**2))).astype(np.float32)


def _sound_of(happening: Happening) -> Signal:
    samples = (happening.end_ms - happening.start_ms) * SOUND_RATE_HZ // 1000
    return SOUNDS[happening.kind](np.random.default_rng(happening.seed), samples)


def _lay(mix: Signal, sound: Signal, start_ms: int, snr_db: float) -> None:
    first = start_ms * SOUND_RATE_HZ // 1000
    level = BED_LEVEL * 10 ** (snr_db / 20) / max(_loudest_level(sound), 1e-9)
    length = min(len(sound), len(mix) - first)
    mix[first : first + length] += np.float32(level) * sound[:length]


def _loudest_level(sound: Signal) -> float:
    energy = np.concatenate([[0.0], np.cumsum(sound.astype(np.float64) ** 2)])
    span = min(samples_in(_LOUDEST_SPAN_S), len(sound))
    return float(np.sqrt((energy[span:] - energy[:-span]).max() / span))

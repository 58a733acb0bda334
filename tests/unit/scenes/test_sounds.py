import numpy as np
import pytest

from processors.modality import Modality
from processors.scenes import EVENT_KINDS, SOUND_RATE_HZ, SceneSettings
from processors.scenes.schedule import Happening, Schedule
from processors.scenes.sounds import SOUNDS
from processors.scenes.soundtrack import BED_LEVEL, compose_sound
from processors.scenes.synthesis import band_noise

SETTINGS = SceneSettings(duration_s=8.0, snr_db=10.0)


def compose(*events: Happening) -> np.ndarray:
    return compose_sound(SETTINGS, Schedule(events, (), ()), np.random.default_rng(5))


def event(kind: str, seed: int) -> Happening:
    return Happening(kind, 2000, 3500, (Modality.AUDIO,), seed)


def level(signal: np.ndarray) -> float:
    return float(np.sqrt(np.mean(signal.astype(float) ** 2)))


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_an_event_is_heard_from_its_first_millisecond_to_its_last_and_not_outside(kind: str):
    only_event = compose(event(kind, 9)) - compose()
    start, end = 2 * SOUND_RATE_HZ, 7 * SOUND_RATE_HZ // 2
    assert not only_event[:start].any()
    assert not only_event[end:].any()
    assert np.abs(only_event[start : start + 16 * 16]).max() > 0
    assert np.abs(only_event[start:end]).max() > BED_LEVEL


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_the_loudest_half_second_of_an_event_stands_above_the_bed_by_the_ratio(kind: str):
    only_event = compose(event(kind, 9)) - compose()
    half = SOUND_RATE_HZ // 2
    energy = np.concatenate([[0.0], np.cumsum(only_event.astype(float) ** 2)])
    loudest = np.sqrt((energy[half:] - energy[:-half]).max() / half)
    assert 20 * np.log10(loudest / level(compose())) == pytest.approx(10.0, abs=0.1)


def test_a_silent_event_adds_no_sound():
    silent = Happening("fire_alarm", 2000, 3500, (Modality.VIDEO,), 9)
    assert (compose(silent) == compose()).all()


@pytest.mark.parametrize("kind", sorted(SOUNDS))
@pytest.mark.parametrize("seed", range(3))
def test_every_sound_is_finite_and_no_longer_than_asked(kind: str, seed: int):
    sound = SOUNDS[kind](np.random.default_rng(seed), 24_000)
    assert sound.dtype == np.float32
    assert 0 < len(sound) <= 24_000
    assert np.isfinite(sound).all()
    assert level(sound) > 0


def test_band_noise_has_its_power_inside_the_band():
    noise = band_noise(np.random.default_rng(2), SOUND_RATE_HZ, 1000, 2000)
    power = np.abs(np.fft.rfft(noise)) ** 2
    assert power[900:2200].sum() > 0.8 * power.sum()

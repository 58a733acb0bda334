import numpy as np
import pytest

from processors.normality.extraction import extract
from processors.normality.features import Part, WindowFeatures
from processors.normality.observation import THUMBNAIL_SHAPE, HeardSecond, Observation, SeenFrame, SpokenSegment
from processors.normality.sound_measures import SILENCE_DB, SOUND_MEASURES, measure_sound

RATE_HZ = 16_000


def _measure(samples):
    return dict(zip(SOUND_MEASURES, measure_sound(samples.astype(np.float32), RATE_HZ), strict=True))


def _hum(level=0.1):
    return level * np.sin(2 * np.pi * 100 * np.arange(RATE_HZ) / RATE_HZ)


def _speech():
    """A buzz of 120 Hz shaped by the mouth, in syllables."""
    time_s = np.arange(RATE_HZ) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * 120 * number * time_s) / number for number in range(3, 25))
    return 0.1 * buzz * np.clip(np.sin(2 * np.pi * 4 * time_s), 0, 1)


def test_levels_are_of_full_scale():
    assert _measure(np.zeros(RATE_HZ))["level_db"] == pytest.approx(SILENCE_DB)
    assert _measure(np.ones(RATE_HZ))["level_db"] == pytest.approx(0, abs=0.01)
    assert _measure(_hum(0.1))["level_db"] - _measure(_hum(0.05))["level_db"] == pytest.approx(6.02, abs=0.01)


def test_a_voice_goes_up_and_down_with_its_syllables():
    noise = np.random.default_rng(0).normal(0, 0.1, RATE_HZ)
    assert _measure(_speech())["voice"] > 0.3
    for other in (_hum(), noise, np.zeros(RATE_HZ)):
        assert _measure(other)["voice"] < 0.1


def test_clipped_sound_is_at_full_scale():
    assert _measure(np.clip(20 * _hum(), -1, 1))["clipped_share"] > 0.5
    assert _measure(_hum())["clipped_share"] == 0


def test_sound_that_changes_has_more_flux_than_sound_that_stays():
    assert _measure(_speech())["flux"] > 3 * _measure(_hum())["flux"]


def test_less_than_a_block_of_sound_is_measured():
    assert np.isfinite(measure_sound(np.full(5, 0.1, np.float32), RATE_HZ)).all()


def _unit(number, dim=1280):
    vector = np.random.default_rng(number).normal(size=dim).astype(np.float32)
    return vector / np.linalg.norm(vector)


def _second(number, start_ms=0):
    return HeardSecond(start_ms, start_ms + 1000, _unit(number), measure_sound(_speech().astype(np.float32), RATE_HZ))


def _frame(number, at_ms=0):
    return SeenFrame(at_ms, _unit(number), np.zeros((5, 5, 40), np.float16), np.full(THUMBNAIL_SHAPE, 90, np.uint8))


def test_a_window_has_the_parts_of_what_it_holds():
    said = SpokenSegment(0, 1000, _unit(3, 384), "Don't stop")
    sound = {Part.SOUND, Part.LOUDNESS}
    assert set(extract(Observation(0, 1000)).parts) == set()
    assert set(extract(Observation(0, 1000, seconds=[_second(1)])).parts) == sound | {Part.TALK}
    assert set(extract(Observation(0, 1000, segments=[said])).parts) == {Part.WORDS, Part.TALK}
    seen = set(extract(Observation(0, 1000, frames=[_frame(1)])).parts)
    assert Part.LIGHT in seen
    assert Part.STEADINESS not in seen
    assert set(extract(Observation(0, 1000, [_frame(1)], [_second(1)], [said])).parts) == seen | sound | {
        Part.WORDS,
        Part.TALK,
        Part.AGREEMENT,
    }


def test_words_are_those_that_are_said():
    said = SpokenSegment(0, 1000, _unit(3, 384), "Don't STOP, the 2 machines!")
    assert extract(Observation(0, 1000, segments=[said])).words == ("don't", "stop", "the", "2", "machines")


def test_a_segment_counts_with_the_share_of_it_that_lies_in_the_window():
    def words(start_ms, end_ms):
        segment = SpokenSegment(start_ms, end_ms, _unit(3, 384), "one two three four")
        return extract(Observation(1000, 2000, segments=[segment])).parts[Part.TALK].vectors[0, 0]

    assert words(1000, 2000) == pytest.approx(np.log2(5))
    assert words(0, 2000) == pytest.approx(np.log2(3))
    assert words(1500, 1500) == pytest.approx(np.log2(5))


def test_a_pair_tells_which_picture_goes_with_which_sound():
    def pair(picture, sound):
        return extract(Observation(0, 1000, [_frame(picture)], [_second(sound)])).parts[Part.AGREEMENT].vectors[0]

    together = pair(1, 2)
    assert np.array_equal(together, pair(1, 2))
    half = len(together) // 2
    assert np.array_equal(together[:half], pair(1, 3)[:half])
    assert np.array_equal(together[half:], pair(4, 2)[half:])
    assert not np.array_equal(together[half:], pair(1, 3)[half:])
    assert not np.array_equal(together[:half], pair(4, 2)[:half])


def test_features_are_read_as_they_were_written():
    said = SpokenSegment(0, 1000, _unit(3, 384), "stop")
    features = extract(Observation(0, 1000, [_frame(1), _frame(1, 200)], [_second(1)], [said]))
    again = WindowFeatures.from_bytes(features.to_bytes())
    assert again.words == features.words
    assert np.array_equal(again.picture, features.picture)
    assert {part: each.starts_ms for part, each in again.parts.items()} == {
        part: each.starts_ms for part, each in features.parts.items()
    }
    for part, each in features.parts.items():
        assert np.allclose(again.parts[part].vectors, each.vectors, rtol=1e-3, atol=1e-3)
    assert len(features.to_bytes()) < 12_000

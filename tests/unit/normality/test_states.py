import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from processors.errors import ModelError
from processors.normality.extraction import extract
from processors.normality.observation import HeardSecond, Observation, SeenFrame, SpokenSegment
from processors.normality.sound_measures import measure_sound
from processors.normality.states import NormalState
from processors.normality.thumbnails import make_thumbnail
from processors.scenes.clip import read_clip

CLIPS = Path(os.environ.get("BRAID_DATA", "../shared/data")) / "clips"
CLIP = CLIPS / "one-by-one-person-detection.mp4"
needs_clip = pytest.mark.skipif(not CLIP.is_file(), reason=f"{CLIP} is not at hand; BRAID_DATA names its folder's")

EMBEDDING, CELLS = np.ones(4, np.float32), np.zeros((5, 5, 4), np.float16)
RATE_HZ = 16_000


def _features(frames=(), seconds=(), segments=(), start_ms=0):
    seen = [SeenFrame(start_ms + 200 * n, EMBEDDING, CELLS, make_thumbnail(frame)) for n, frame in enumerate(frames)]
    heard = [HeardSecond(start_ms, start_ms + 1000, EMBEDDING, measure_sound(each, RATE_HZ)) for each in seconds]
    said = [SpokenSegment(start_ms, start_ms + 1000, EMBEDDING, text) for text in segments]
    return extract(Observation(start_ms, start_ms + 1000, seen, heard, said))


@pytest.fixture(scope="module")
def halves():
    frames = read_clip(CLIP, width_px=160, height_px=120, fps=5, most_frames=600)
    windows = [frames[first : first + 5] for first in range(0, len(frames) - 5, 3)]
    return windows[:130], windows[130::2]


@pytest.fixture(scope="module")
def normal(halves):
    return _learned(halves[0])


def _learned(windows):
    state = NormalState()
    for window in windows:
        state.learn(_features(window))
    return state


def _noise(frames, deviation=1.5):
    return np.random.default_rng(0).normal(0, deviation, frames.shape)


def _dark(frames):
    return np.clip(0.06 * frames + _noise(frames), 0, 255).astype(np.uint8)


def _covered(frames):
    glow = np.linspace(20, 45, frames.shape[2])[:, None] * np.array([1.2, 0.8, 0.7])
    return np.clip(glow + _noise(frames, 2), 0, 255).astype(np.uint8)


def _blurred(frames):
    return np.stack([cv2.GaussianBlur(frame, (0, 0), frame.shape[1] / 60) for frame in frames])


def _shift(frame, right, down, degrees=0.0):
    height, width = frame.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turn[:, 2] += [right * width, down * width]
    return cv2.warpAffine(frame, turn, (width, height), borderMode=cv2.BORDER_REFLECT)


def _turned(frames):
    return np.stack([_shift(frame, 0.2, 0.05, 1.0) for frame in frames])


def _shaken(frames):
    jolts = np.random.default_rng(1).normal(0, 0.02, (len(frames), 2))
    return np.stack([_shift(frame, *jolt) for frame, jolt in zip(frames, jolts, strict=True)])


def _frozen(frames):
    return np.stack([frames[0]] * len(frames))


def _frozen_before_a_codec(frames):
    return np.stack([cv2.imdecode(cv2.imencode(".jpg", frame)[1], cv2.IMREAD_COLOR) for frame in _frozen(frames)])


@needs_clip
@pytest.mark.parametrize(
    ("make", "state"),
    [
        (_frozen, "video.frozen"),
        (_frozen_before_a_codec, "video.frozen"),
        (_dark, "video.dark"),
        (_covered, "video.covered"),
        (_blurred, "video.blurred"),
        (_turned, "video.moved"),
        (_shaken, "video.shaken"),
    ],
)
def test_a_camera_that_is_not_well_is_told_by_name(halves, normal, make, state):
    names = [normal.name(_features(make(window))) for window in halves[1]]
    assert np.mean([each == (state,) for each in names]) > 0.9


@needs_clip
def test_a_camera_that_is_well_has_no_name(halves, normal):
    assert [normal.name(_features(window)) for window in halves[1]] == [()] * len(halves[1])


@pytest.fixture(scope="module")
def learned(halves):
    return [_features(window) for window in halves[0]]


_ODD = {
    "scattered": frozenset(np.random.default_rng(0).choice(130, 7, replace=False).tolist()),
    "first": frozenset(range(6)),
    "in the warm-up": frozenset(range(25, 32)),
    "later": frozenset(range(60, 67)),
}


@needs_clip
@pytest.mark.parametrize("when", _ODD)
@pytest.mark.parametrize(
    ("make", "state"),
    [
        (_frozen, "video.frozen"),
        (_dark, "video.dark"),
        (_covered, "video.covered"),
        (_blurred, "video.blurred"),
        (_turned, "video.moved"),
        (_shaken, "video.shaken"),
    ],
)
def test_five_percent_of_odd_windows_do_not_become_normal(halves, learned, make, state, when):
    odd = _ODD[when]
    normal = NormalState()
    for number, (window, features) in enumerate(zip(halves[0], learned, strict=True)):
        normal.learn(_features(make(window)) if number in odd else features)

    names = [normal.name(_features(make(window))) for window in halves[1][::4]]
    assert np.mean([each == (state,) for each in names]) > 0.9
    usual = [normal.name(_features(window)) for window in halves[1][::2]]
    assert np.mean([each == () for each in usual]) > 0.9


@needs_clip
@pytest.mark.parametrize("make", [_dark, _turned, _frozen])
def test_a_change_that_stays_is_taken_up_and_not_at_once(halves, learned, make):
    normal, changed = NormalState(), [_features(make(window)) for window in halves[0][:40]]
    for features in learned:
        normal.learn(features)
    named = []
    for number in range(800):
        named.append(bool(normal.name(changed[number % 40])))
        normal.learn(changed[number % 40])

    assert np.mean(named[:300]) > 0.9
    assert np.mean(named[760:]) < 0.1


@needs_clip
@pytest.mark.parametrize("make", [_frozen, _dark, _covered, _blurred, _turned])
def test_what_a_camera_always_showed_is_no_state(halves, make):
    state = _learned(make(window) for window in halves[0][::2])
    names = [state.name(_features(make(window))) for window in halves[1]]
    assert np.mean([each == () for each in names]) > 0.9


def test_before_anything_is_known_only_a_black_picture_is_named():
    state = NormalState()
    assert state.name(_features(np.zeros((5, 60, 80, 3), np.uint8))) == ("video.dark",)
    assert state.name(_features(np.full((5, 60, 80, 3), 128, np.uint8))) == ()
    assert state.name(_features(seconds=[np.zeros(RATE_HZ, np.float32)])) == ()


def test_a_source_that_is_black_and_silent_becomes_used_to_it():
    nothing = _features(np.zeros((5, 60, 80, 3), np.uint8), [np.zeros(RATE_HZ, np.float32)])
    state = NormalState()
    for _ in range(40):
        state.learn(nothing)
    assert state.name(nothing) == ()


def _rustle(number, level=0.05):
    return np.random.default_rng(number).normal(0, level, RATE_HZ).astype(np.float32)


def _speech(number):
    time_s = np.arange(RATE_HZ) / RATE_HZ
    buzz = sum(np.sin(2 * np.pi * (110 + number % 20) * harmonic * time_s) / harmonic for harmonic in range(3, 25))
    return (0.1 * buzz * np.clip(np.sin(2 * np.pi * 4 * time_s), 0, 1)).astype(np.float32)


def test_silence_where_there_always_was_sound_is_a_muted_microphone():
    state = NormalState()
    for number in range(60):
        state.learn(_features(seconds=[_rustle(number)]))
    assert state.name(_features(seconds=[_rustle(99)])) == ()
    assert state.name(_features(seconds=[np.zeros(RATE_HZ, np.float32)])) == ("audio.muted",)
    assert state.name(_features(seconds=[_rustle(99, 1e-4)])) == ("audio.muted",)
    assert state.name(_features(seconds=[np.clip(100 * _rustle(99), -1, 1)])) == ("audio.clipped",)


def test_five_percent_of_silence_and_of_voices_without_words_do_not_become_normal():
    state = NormalState()
    for number in range(120):
        sound = np.zeros(RATE_HZ, np.float32) if number < 6 else _speech(number)
        state.learn(_features(seconds=[sound], segments=() if 6 <= number < 12 else ["so they say"]))
    assert state.name(_features(seconds=[np.zeros(RATE_HZ, np.float32)])) == ("audio.muted",)
    assert state.name(_features(seconds=[_speech(199)])) == ("transcript.silent",)
    assert state.name(_features(seconds=[_speech(199)], segments=["so they say"])) == ()


def test_silence_where_there_often_is_silence_is_none():
    state = NormalState()
    for number in range(60):
        state.learn(_features(seconds=[_rustle(number, 0.05 if number % 3 else 0)]))
    assert state.name(_features(seconds=[np.zeros(RATE_HZ, np.float32)])) == ()


def test_a_voice_without_words_is_a_silent_recogniser_where_words_always_came_with_it():
    state = NormalState()
    for number in range(60):
        state.learn(_features(seconds=[_speech(number)], segments=["so they say"]))
    assert state.name(_features(seconds=[_speech(99)], segments=["so they say"])) == ()
    assert state.name(_features(seconds=[_speech(99)])) == ("transcript.silent",)
    assert state.name(_features(seconds=[_rustle(99, 0.03)])) == ()


def test_a_voice_without_words_is_nothing_where_there_never_is_a_transcript():
    state = NormalState()
    for number in range(60):
        state.learn(_features(seconds=[_speech(number)]))
    assert state.name(_features(seconds=[_speech(99)])) == ()


def test_it_is_read_as_it_was_written_also_in_half_precision():
    state = NormalState()
    for number in range(60):
        state.learn(_features(_gradient(number), [_rustle(number)]))
    again = NormalState.from_state({name: array.astype(np.float16) for name, array in state.state().items()})
    other = _features(np.zeros((5, 60, 80, 3), np.uint8), [np.zeros(RATE_HZ, np.float32)])
    assert again.name(other) == state.name(other) == ("video.dark", "audio.muted")
    assert again.name(_features(_gradient(99), [_rustle(99)])) == ()


def _gradient(number):
    picture = np.random.default_rng(5).integers(60, 200, (6, 8, 3)).astype(np.uint8)
    large = cv2.resize(picture, (80, 60), interpolation=cv2.INTER_CUBIC)
    frames = np.stack([large] * 5).astype(np.int16) + np.random.default_rng(number).integers(-9, 9, (5, 60, 80, 3))
    return np.clip(frames, 0, 255).astype(np.uint8)


def test_what_is_not_a_state_is_refused():
    with pytest.raises(ModelError, match="nothing as `means`"):
        NormalState.from_state({})

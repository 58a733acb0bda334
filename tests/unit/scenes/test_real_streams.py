import dataclasses
from functools import cache

import numpy as np
import pytest

from processors.errors import DatasetError
from processors.modality import Modality
from processors.scenes.real import EVENT_CLASSES, ClipBank, SoundBank, StreamSettings, compose_stream, read_sound_bank
from processors.scenes.real.made_lines import make_event_line, make_mention
from processors.scenes.real.manners import HARMLESS_MANNERS, MANNERS
from processors.scenes.real.plan import plan_stream
from processors.scenes.real.sounds import active_part, fill_span, match_class
from processors.scenes.real.things import Thing
from processors.scenes.real.words import EVENT_LINES, MENTIONS, LinePart
from processors.scenes.synthesis import SOUND_RATE_HZ

_SECOND = SOUND_RATE_HZ


@pytest.fixture
def clips() -> ClipBank:
    rng = np.random.default_rng(0)
    thing = np.zeros((4, 20, 12, 4), np.uint8)
    thing[..., :3] = 240
    thing[:, 2:-2, 2:-2, 3] = 255
    scenes = {"wall.mp4": rng.integers(60, 90, size=(6, 54, 72, 3)).astype(np.uint8)}
    return ClipBank(scenes, (Thing("other.mp4", thing),))


@pytest.fixture
def sounds() -> SoundBank:
    rng = np.random.default_rng(1)
    events = {name: (0.3 * rng.standard_normal(2 * _SECOND, dtype=np.float32),) for name in EVENT_CLASSES}
    return SoundBank(events, (), ())


def _settings(**changes: object) -> StreamSettings:
    return dataclasses.replace(
        StreamSettings(seed=3, duration_s=20.0, width_px=64, height_px=48),
        **changes,  # type: ignore[arg-type] # of any setting
    )


def test_a_stream_is_the_same_to_the_byte(clips: ClipBank, sounds: SoundBank) -> None:
    first, second = (compose_stream(_settings(), clips, sounds) for _ in range(2))
    assert first.sound.tobytes() == second.sound.tobytes()
    assert (first.events, first.cues) == (second.events, second.cues)
    assert b"".join(frame.tobytes() for frame in first.frames()) == b"".join(
        frame.tobytes() for frame in second.frames()
    )


def test_another_ratio_changes_the_sound_alone(clips: ClipBank, sounds: SoundBank) -> None:
    loud, quiet = (compose_stream(_settings(snr_db=snr_db), clips, sounds) for snr_db in (20.0, 0.0))
    assert (loud.events, loud.cues) == (quiet.events, quiet.cues)
    assert all((one == other).all() for one, other in zip(loud.frames(), quiet.frames(), strict=True))
    assert (loud.sound != quiet.sound).any()


def test_an_event_is_heard_from_its_onset_at_the_stated_ratio(clips: ClipBank, sounds: SoundBank) -> None:
    silent = SoundBank({name: (np.zeros(_SECOND, np.float32),) for name in EVENT_CLASSES}, (), ())
    bed = compose_stream(_settings(), clips, silent).sound
    stream = compose_stream(_settings(snr_db=6.0), clips, sounds)
    heard = [event for event in stream.events if Modality.AUDIO in event.modalities]
    assert heard
    added = stream.sound - bed
    is_event = np.zeros(len(added), bool)
    for event in heard:
        span = slice(event.start_ms * _SECOND // 1000, event.end_ms * _SECOND // 1000)
        is_event[span] = True
        ratio_db = 10 * np.log10(np.mean(added[span] ** 2) / np.mean(bed[span] ** 2))
        assert ratio_db == pytest.approx(6.0, abs=0.01)
        assert np.flatnonzero(added[span])[0] < 0.001 * _SECOND
    assert not added[~is_event].any()


def test_an_event_is_seen_in_its_span_where_the_picture_carries_it(clips: ClipBank, sounds: SoundBank) -> None:
    stream = compose_stream(_settings(duration_s=60.0), clips, sounds)
    shown = [event for event in (*stream.events,) if Modality.VIDEO in event.modalities]
    bright = np.array([(frame > 150).mean() for frame in stream.frames()])
    times_ms = np.array(stream.frame_times_ms)
    for event in shown:
        inside = (times_ms >= event.start_ms) & (times_ms < event.end_ms)
        assert bright[inside].max() > 0.01, event


def test_every_event_is_carried_and_events_never_overlap() -> None:
    for seed in range(20):
        plan = plan_stream(60.0, EVENT_CLASSES, np.random.default_rng(seed), LinePart.TEST)
        assert all(event.modalities for event in plan.events)
        assert all(
            first.end_ms + 2000 <= second.start_ms for first, second in zip(plan.events, plan.events[1:], strict=False)
        )


def test_words_of_an_event_are_said_within_it_and_only_where_words_carry_it() -> None:
    for seed in range(20):
        plan = plan_stream(60.0, EVENT_CLASSES, np.random.default_rng(seed), LinePart.TEST)
        class_of = {line: name for name, lines in EVENT_LINES.items() for line in lines}
        for cue in plan.cues:
            if cue.text in class_of:
                [event] = [each for each in plan.events if each.start_ms <= cue.start_ms < each.end_ms]
                assert event.kind == class_of[cue.text]
                assert Modality.TRANSCRIPT in event.modalities
                assert cue.end_ms <= event.end_ms


@cache
def _spoken(part: LinePart) -> set[str]:
    plans = (plan_stream(60.0, EVENT_CLASSES, np.random.default_rng(seed), part) for seed in range(40))
    return {cue.text for plan in plans for cue in plan.cues}


def test_no_line_is_spoken_in_two_parts() -> None:
    spoken = {part: _spoken(part) for part in LinePart}
    assert not spoken[LinePart.TRAINING] & spoken[LinePart.TEST]
    assert not spoken[LinePart.TRAINING] & spoken[LinePart.VALIDATION]
    assert not spoken[LinePart.VALIDATION] & spoken[LinePart.TEST]


def test_made_lines_are_learned_from_alone_and_belong_to_their_class() -> None:
    rng = np.random.default_rng(3)
    written = {line for each in (*EVENT_LINES.values(), *MENTIONS.values()) for line in each}
    for kind in EVENT_CLASSES:
        now = {make_event_line(kind, rng) for _ in range(2_000)}
        at_another_time = {make_mention(kind, rng) for _ in range(2_000)}
        assert len(now) > 100
        assert len(at_another_time) > 100
        assert not now & at_another_time
        assert not any("{" in line or "  " in line for line in now | at_another_time)
        held_out = {line for part in (LinePart.VALIDATION, LinePart.TEST) for line in _spoken(part)}
        assert not (now | at_another_time) & held_out
    assert _spoken(LinePart.TRAINING) - written


def test_every_class_has_a_manner_lines_and_mentions_of_its_own() -> None:
    assert set(MANNERS) == set(EVENT_LINES) == set(MENTIONS) == set(EVENT_CLASSES)
    lines = [line for each in (*EVENT_LINES.values(), *MENTIONS.values()) for line in each]
    assert len(lines) == len(set(lines))
    assert len(HARMLESS_MANNERS) == 3


def test_silence_is_cut_from_a_sound_and_a_span_is_filled() -> None:
    rng = np.random.default_rng(2)
    bark = np.zeros(5 * _SECOND, np.float32)
    bark[2 * _SECOND : 2 * _SECOND + _SECOND // 2] = rng.standard_normal(_SECOND // 2)
    active = active_part(bark)
    assert _SECOND // 2 <= len(active) <= _SECOND
    filled = fill_span(active, 4 * _SECOND, rng)
    assert len(filled) == 4 * _SECOND
    seconds = np.square(filled.reshape(8, -1)).mean(axis=1)
    assert (seconds > 0).all()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("001_-_Dog_bark", "dog_bark"), ("dog", "dog_bark"), ("crying baby", "baby_cry"), ("Rain", "rain")],
)
def test_folders_of_either_naming_are_the_same_class(folder: str, name: str) -> None:
    assert match_class(folder) == name


def test_sounds_of_one_class_alone_are_refused_and_the_classes_named() -> None:
    with pytest.raises(DatasetError, match="at least two of baby_cry"):
        read_sound_bank([])

"""Composed anomalies: the same by seed, labelled to the frame, and nothing of learning in what is judged."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from anomaly_material import CLASSES, write_clip, write_wav

from processors.errors import DatasetError
from processors.modality import Modality
from processors.scenes.anomalies import (
    FPS,
    Kind,
    Source,
    Stretch,
    can_befall,
    compose_held_out,
    compose_learned,
    read_hearings,
    read_places,
)
from processors.scenes.settings import SceneError
from processors.scenes.synthesis import SOUND_RATE_HZ


def bytes_of(stretch: Stretch) -> bytes:
    frames = itertools.islice(stretch.frames(), 28)
    return b"".join(frame.tobytes() for frame in frames) + stretch.sound.tobytes()


def test_clips_become_places_the_longest_first(sources: list[Source]) -> None:
    assert [source.name for source in sources] == ["gate.mp4", "yard.mp4"]
    gate, yard = (source.place for source in sources)
    assert gate.is_directed
    assert gate.runs
    assert yard.is_shuttled
    assert {thing.clip for thing in gate.foreign_things} == {"yard.mp4"}
    assert {thing.clip for thing in yard.foreign_things} == {"gate.mp4"}


def test_spans_that_are_learned_and_those_held_out_share_no_frame(sources: list[Source]) -> None:
    for source in sources:
        learned = {frame for span in source.place.learned for frame in range(*span)}
        held_out = {frame for span in source.place.held_out for frame in range(*span)}
        assert learned
        assert held_out
        assert not learned & held_out


def test_nothing_that_is_learned_is_met_again(sources: list[Source]) -> None:
    for source in sources:
        stretches = list(compose_learned(source, 150.0))
        learned = set().union(*(stretch.made_of for stretch in stretches))
        judged = set().union(
            *(
                compose_held_out(source, kind, number).made_of
                for kind in (None, *Kind)
                if kind is None or can_befall(kind, source.place)
                for number in range(3)
            )
        )
        assert not learned & judged
        said = {cue.text for stretch in stretches for cue in stretch.cues}
        assert not said & {cue.text for number in range(12) for cue in compose_held_out(source, None, number).cues}


@pytest.mark.parametrize("kind", [None, *Kind])
def test_a_stretch_is_the_same_to_the_byte(gate: Source, kind: Kind | None) -> None:
    first, second = (compose_held_out(gate, kind, 1) for _ in range(2))
    assert bytes_of(first) == bytes_of(second)
    assert first.cues == second.cues
    assert bytes_of(first) != bytes_of(compose_held_out(gate, kind, 2))


def test_normal_passes_of_the_same_footage_differ(gate: Source) -> None:
    first, _, again, *_ = compose_learned(gate, 120.0)
    assert first.light == again.light
    assert first.made_of & again.made_of
    assert bytes_of(first) != bytes_of(again)


@pytest.mark.parametrize("kind", list(Kind))
def test_the_label_begins_where_the_anomaly_does(gate: Source, kind: Kind) -> None:
    stretch = compose_held_out(gate, kind, 0)
    begin_ms, end_ms = stretch.anomaly_ms
    assert 0 < begin_ms < end_ms
    assert [time_ms for time_ms in stretch.frame_times_ms if stretch.is_anomalous(time_ms)]
    assert not stretch.is_anomalous(begin_ms - 1)
    assert not stretch.is_anomalous(end_ms)


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in Kind
        if kind.modalities == (Modality.VIDEO,) and kind not in {Kind.TOO_FAST, Kind.BACKWARDS, Kind.SHAKEN}
    ],
)
def test_the_picture_is_altered_exactly_where_the_label_says(gate: Source, kind: Kind) -> None:
    stretch = compose_held_out(gate, kind, 0)
    untouched = dataclasses.replace(stretch, anomaly_ms=(0, 0))
    for time_ms, frame, as_it_was in zip(stretch.frame_times_ms, stretch.frames(), untouched.frames(), strict=True):
        assert (frame != as_it_was).any() == stretch.is_anomalous(time_ms)


def test_a_frozen_picture_is_equal_to_the_bit_and_labelled_from_its_second_frame(gate: Source) -> None:
    stretch = compose_held_out(gate, Kind.FROZEN, 0)
    for (before, frame), time_ms in zip(itertools.pairwise(stretch.frames()), stretch.frame_times_ms[1:], strict=True):
        assert (before == frame).all() == stretch.is_anomalous(time_ms)


def test_silence_is_where_the_label_says(gate: Source) -> None:
    stretch = compose_held_out(gate, Kind.SILENCE, 0)
    first, last = (ms * SOUND_RATE_HZ // 1000 for ms in stretch.anomaly_ms)
    assert np.abs(stretch.sound[first:last]).max() < 1e-3
    assert np.abs(stretch.sound[:first]).max() > 1e-3


def test_words_are_alarm_exactly_where_the_label_says(gate: Source) -> None:
    stretch = compose_held_out(gate, Kind.UNHEARD_WORDS, 0)
    learned = compose_learned(gate, 400.0)
    known = {word for stretch in learned for cue in stretch.cues for word in cue.text.split()}
    for cue in stretch.cues:
        is_alarm = stretch.anomaly_ms[0] <= cue.start_ms < stretch.anomaly_ms[1]
        assert bool(set(cue.text.split()) - known) == is_alarm


def test_a_familiar_sound_is_odd_under_the_other_light_alone(gate: Source) -> None:
    assert {compose_held_out(gate, Kind.ODD_SOUND, number).light for number in range(6)} == {1}
    for stretch in compose_learned(gate, 150.0):
        assert (gate.hearing.learned.familiar.name in stretch.made_of) == (stretch.light == 0)


def test_what_the_footage_shows_is_learned_bit_by_bit(gate: Source) -> None:
    spans = [stretch._playing.span for stretch in compose_learned(gate, 120.0)]
    assert spans == sorted(spans)
    assert set(spans) == set(gate.place.learned)
    assert {stretch.light for stretch in compose_learned(gate, 120.0)} == {0, 1}


def test_what_goes_backwards_shows_the_frames_in_reverse(gate: Source) -> None:
    playing = compose_held_out(gate, Kind.BACKWARDS, 0)._playing
    first, last = (round(ms * FPS / 1000) for ms in playing.anomaly_ms)
    assert list(playing.frames[:first]) == sorted(playing.frames[:first])
    assert list(playing.frames[first:last]) == sorted(playing.frames[first:last], reverse=True)


def test_a_clip_whose_scene_changes_is_no_place(tmp_path: Path) -> None:
    write_clip(tmp_path / "cut.mp4", 12.0, 20, (250, 30, 30), is_still=False)
    with pytest.raises(SceneError, match="no camera stands still"):
        read_places(tmp_path, 1)


def test_too_few_classes_of_sounds_are_refused(tmp_path: Path) -> None:
    for name in CLASSES[:3]:
        write_wav(tmp_path / name / "1-1-A.wav", np.zeros(100))
    with pytest.raises(DatasetError, match="at least four classes"):
        read_hearings(tmp_path, 1)

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from processors.modality import Modality
from processors.scenes import EVENT_KINDS, LineShare, SceneSettings
from processors.scenes.schedule import Schedule, plan_scene
from processors.scenes.words import CHATTER, EVENT_LINES, MENTIONS, choose_line


def plan(seed: int, **settings: object) -> Schedule:
    return plan_scene(SceneSettings(duration_s=60.0, **settings), np.random.default_rng(seed))


@pytest.fixture(scope="module")
def plans() -> list[Schedule]:
    return [plan(seed) for seed in range(200)]


def test_events_never_overlap_and_leave_quiet_between(plans: list[Schedule]):
    for schedule in plans:
        for one, other in pairwise(schedule.events):
            assert other.start_ms - one.end_ms >= 1000


def test_a_minute_holds_about_six_events_of_all_classes(plans: list[Schedule]):
    for schedule in plans:
        assert 5 <= len(schedule.events) <= 7
        assert {event.kind for event in schedule.events} == set(EVENT_KINDS)


def test_no_class_comes_twice_in_a_row(plans: list[Schedule]):
    for schedule in plans:
        kinds = [event.kind for event in schedule.events]
        assert all(one != other for one, other in pairwise(kinds))


def test_every_event_is_seen_or_heard_and_some_are_silent_invisible_or_wordless(plans: list[Schedule]):
    events = [event for schedule in plans for event in schedule.events]
    count = Counter(modality for event in events for modality in event.modalities)
    assert all({Modality.VIDEO, Modality.AUDIO} & set(event.modalities) for event in events)
    assert count[Modality.VIDEO] / len(events) == pytest.approx(0.8, abs=0.05)
    assert count[Modality.AUDIO] / len(events) == pytest.approx(0.8, abs=0.05)
    assert count[Modality.TRANSCRIPT] / len(events) == pytest.approx(0.5, abs=0.05)


def test_words_of_an_event_are_said_inside_it_exactly_where_the_label_says_so(plans: list[Schedule]):
    for schedule in plans:
        for event in schedule.events:
            said = [cue for cue in schedule.cues if cue.text in EVENT_LINES[event.kind]]
            inside = [cue for cue in said if event.start_ms <= cue.start_ms and cue.end_ms <= event.end_ms]
            assert bool(inside) == (Modality.TRANSCRIPT in event.modalities)


def test_nobody_talks_over_another(plans: list[Schedule]):
    for schedule in plans:
        assert all(cue.start_ms < cue.end_ms <= 60_000 for cue in schedule.cues)
        for one, other in pairwise(schedule.cues):
            assert one.end_ms <= other.start_ms


def test_now_and_then_words_mention_an_event_that_is_none(plans: list[Schedule]):
    cues = [cue.text for schedule in plans for cue in schedule.cues]
    mentions = sum(text in MENTIONS for text in cues)
    chatter = sum(text in CHATTER for text in cues)
    assert 0.05 < mentions / (mentions + chatter) < 0.2


def test_distractors_come_in_picture_and_sound(plans: list[Schedule]):
    seen = {modality for schedule in plans for thing in schedule.distractors for modality in thing.modalities}
    assert seen == {Modality.VIDEO, Modality.AUDIO}


@pytest.mark.parametrize("lines", [CHATTER, MENTIONS, *EVENT_LINES.values()])
def test_held_out_lines_are_never_spoken_in_training(lines: tuple[str, ...]):
    def spoken(share: LineShare) -> set[str]:
        rng = np.random.default_rng(4)
        return {choose_line(lines, rng, share) for _ in range(400)}

    assert spoken(LineShare.TRAINING) | spoken(LineShare.HELD_OUT) == set(lines) == spoken(LineShare.ALL)
    assert not spoken(LineShare.TRAINING) & spoken(LineShare.HELD_OUT)

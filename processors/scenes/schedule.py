"""When what happens in a scene: events, distractors and cues, before a pixel or a sample is made."""

from dataclasses import dataclass

import numpy as np

from processors.modality import Modality
from processors.scenes.labels import EVENT_KINDS, Cue
from processors.scenes.settings import SceneSettings
from processors.scenes.words import CHATTER, EVENT_LINES, MENTIONS, choose_line, speaking_time_ms

__all__ = ["Happening", "Schedule", "plan_scene"]

_DURATIONS_S = {
    "fire_alarm": (3.5, 5.0),
    "collision": (2.4, 3.4),
    "break_in": (3.0, 4.6),
    "crowd_panic": (3.2, 5.0),
}
_SILENT_SHARE = 0.2
_INVISIBLE_SHARE = 0.2
_WORDLESS_SHARE = 0.5
_MENTION_SHARE = 0.12
_SOUND_DISTRACTOR_EVERY_S = 13.0
_PICTURE_DISTRACTOR_EVERY_S = 17.0
_CHATTER_EVERY_S = 7.0

_SOUND_DISTRACTORS = ("knock", "beep", "horn", "bark", "door", "keys", "engine")
_PICTURE_DISTRACTORS = ("walker", "van", "red_light", "group", "cloud")


@dataclass(frozen=True, slots=True)
class Happening:
    """Something laid over the clip in `[start_ms, end_ms)`: an event, or a harmless distractor.

    Attributes:
        kind: an event class, or the name of a distractor.
        start_ms: first millisecond, from the start of the scene.
        end_ms: one past the last.
        modalities: where it shows, in the order of `Modality`.
        seed: root of the choices that make this one look and sound different from the next of its kind.
    """

    kind: str
    start_ms: int
    end_ms: int
    modalities: tuple[Modality, ...]
    seed: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """The plan of a scene, each part in order of start."""

    events: tuple[Happening, ...]
    distractors: tuple[Happening, ...]
    cues: tuple[Cue, ...]


def plan_scene(settings: SceneSettings, rng: np.random.Generator) -> Schedule:
    """Draw the plan of a scene.

    The classes come in shuffled rounds, so that every class is as frequent as the others and none comes twice in a row.
    Of the events 20 % are silent, another 20 % invisible, and half go without words. About one in eight ordinary lines
    mentions an event that is none.
    """
    events = _plan_events(settings, rng)
    distractors = [
        *_plan_distractors(settings, rng, Modality.VIDEO, _PICTURE_DISTRACTORS, _PICTURE_DISTRACTOR_EVERY_S),
        *_plan_distractors(settings, rng, Modality.AUDIO, _SOUND_DISTRACTORS, _SOUND_DISTRACTOR_EVERY_S),
    ]
    distractors.sort(key=lambda happening: happening.start_ms)
    return Schedule(tuple(events), tuple(distractors), tuple(_plan_cues(settings, rng, events)))


def _plan_events(settings: SceneSettings, rng: np.random.Generator) -> list[Happening]:
    events: list[Happening] = []
    kinds: list[str] = []
    start_s = rng.uniform(2.5, 4.5)
    while True:
        if not kinds:
            kinds = [EVENT_KINDS[index] for index in rng.permutation(len(EVENT_KINDS))]
            if events and kinds[-1] == events[-1].kind:
                kinds.reverse()
        kind = kinds.pop()
        end_s = start_s + rng.uniform(*_DURATIONS_S[kind])
        if end_s > settings.duration_s - 1.0:
            return events
        events.append(Happening(kind, round(start_s * 1000), round(end_s * 1000), _draw_modalities(rng), _seed(rng)))
        start_s += settings.event_every_s * rng.uniform(0.9, 1.1)


def _draw_modalities(rng: np.random.Generator) -> tuple[Modality, ...]:
    draw, has_words = rng.random(), rng.random() >= _WORDLESS_SHARE
    carried = []
    if not _SILENT_SHARE <= draw < _SILENT_SHARE + _INVISIBLE_SHARE:
        carried.append(Modality.VIDEO)
    if draw >= _SILENT_SHARE:
        carried.append(Modality.AUDIO)
    if has_words:
        carried.append(Modality.TRANSCRIPT)
    return tuple(carried)


def _plan_distractors(
    settings: SceneSettings, rng: np.random.Generator, modality: Modality, kinds: tuple[str, ...], every_s: float
) -> list[Happening]:
    planned = []
    start_s = rng.exponential(every_s)
    while start_s < settings.duration_s - 3.0:
        end_s = start_s + rng.uniform(1.0, 3.0)
        kind = kinds[int(rng.integers(len(kinds)))]
        planned.append(Happening(kind, round(start_s * 1000), round(end_s * 1000), (modality,), _seed(rng)))
        start_s = end_s + rng.exponential(every_s)
    return planned


def _plan_cues(settings: SceneSettings, rng: np.random.Generator, events: list[Happening]) -> list[Cue]:
    cues = []
    for event in events:
        if Modality.TRANSCRIPT not in event.modalities:
            continue
        text = choose_line(EVENT_LINES[event.kind], rng, settings.lines)
        start_ms = event.start_ms + round(rng.uniform(300, 900))
        cues.append(Cue(start_ms, min(start_ms + speaking_time_ms(text), event.end_ms), text))
    start_s = rng.uniform(0.2, 2.0)
    while True:
        text = choose_line(MENTIONS if rng.random() < _MENTION_SHARE else CHATTER, rng, settings.lines)
        start_ms = round(start_s * 1000)
        end_ms = start_ms + speaking_time_ms(text)
        if end_ms > settings.duration_ms:
            break
        if not any(cue.start_ms < end_ms and start_ms < cue.end_ms for cue in cues):
            cues.append(Cue(start_ms, end_ms, text))
        start_s = end_ms / 1000 + rng.exponential(_CHATTER_EVERY_S) + 0.3
    return sorted(cues, key=lambda cue: cue.start_ms)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**32))

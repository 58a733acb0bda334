"""Stretches of a source: normal ones to be learned, held-out normal ones, and held-out ones with an anomaly.

A source is a place under two lights. Under the first, warm and bright, one bed of sound lies and a familiar sound
comes now and then; under the second, cold and dim, the other bed. Announcements are made under both. A piece of
furniture, cut out of another clip, always stands at the place. No two passes of the same footage are equal: the
camera is mounted up to two pixels differently, the light differs by up to 4 % and drifts by 2 %, frames are sampled at
another phase, every frame has noise of its own, and the bed's level differs by up to 3 dB.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.scenes.anomalies.alterations import Alteration, choose_furniture, make_alteration
from processors.scenes.anomalies.hearing import Hearing, Named, SoundPart, add_sound, lay_bed
from processors.scenes.anomalies.kinds import Kind
from processors.scenes.anomalies.places import HEIGHT_PX, WIDTH_PX, Place
from processors.scenes.anomalies.playing import FPS, Playing, learned_seconds, play_held_out, play_learned
from processors.scenes.anomalies.saying import ALARMS, plan_announcements
from processors.scenes.labels import Cue
from processors.scenes.synthesis import SOUND_RATE_HZ, Signal
from processors.scenes.words import speaking_time_ms

__all__ = ["Source", "Stretch", "compose_held_out", "compose_learned"]

_LEARNED, _NORMAL, _ANOMALY = range(3)
_PLAY, _SOUND, _WORDS, _LOOK, _WHAT, _FURNITURE = range(6)
_LIGHTS: Final = ((1.12, 1.04, 0.9), (0.68, 0.8, 0.98))
_MOUNT_PX: Final = 2.0
_LIGHT_SPREAD: Final = 0.04
_LIGHT_DRIFT: Final = 0.02
_NOISE: Final = 2.0
_NOISE_FIELDS: Final = 8
_FAMILIAR_DB: Final = (4.0, 14.0)
_INTRUDER_DB: Final = (8.0, 12.0)
_FAMILIAR_EVERY_S: Final = (3.0, 6.0)
_FAMILIAR_LASTS_S: Final = (0.8, 1.6)


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What is seen and heard at one place.

    Attributes:
        place: seen.
        hearing: heard.
        seed: of this source's compositions.
    """

    place: Place
    hearing: Hearing
    seed: int

    @property
    def name(self) -> str:
        """Of its clip."""
        return self.place.name


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """Some seconds of a source; its frames are drawn as they are asked for.

    Attributes:
        kind: of the anomaly in it; None for a normal one.
        light: 0 or 1.
        anomaly_ms: its begin and end, from the start of the stretch; 0 and 0 of a normal stretch.
        sound: float32 [T] mono -1..1 at 16,000 Hz.
        cues: what is said, in order of start.
        made_of: names of the spans of footage and of the sound files.
    """

    kind: Kind | None
    light: int
    anomaly_ms: tuple[int, int]
    sound: Signal
    cues: tuple[Cue, ...]
    made_of: frozenset[str]
    _source: Source
    _playing: Playing
    _root: tuple[int, ...]

    @property
    def frame_times_ms(self) -> list[int]:
        """When each frame is, from the start of the stretch."""
        return [round(1000 * number / FPS) for number in range(len(self._playing.frames))]

    @property
    def duration_ms(self) -> int:
        """Its length."""
        return round(1000 * self._playing.duration_s)

    def is_anomalous(self, time_ms: int) -> bool:
        """Whether the anomaly is there at a time. A frozen picture is one from its second frame on."""
        begin_ms, end_ms = self.anomaly_ms
        if self.kind is Kind.FROZEN:
            begin_ms += round(1000 / FPS)
        return begin_ms <= time_ms < end_ms

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """All frames in order, uint8 [192, 256, 3] RGB; every call gives the same bytes."""
        place = self._source.place
        camera = _Camera(np.random.default_rng((*self._root, _LOOK)), self.light)
        furniture = choose_furniture(place, np.random.default_rng((self._source.seed, _FURNITURE)))
        alter = self._alteration()
        for number, time_ms in enumerate(self.frame_times_ms):
            frame = camera.look(place.footage[self._playing.frames[number]])
            begin_ms, end_ms = self.anomaly_ms
            is_on = begin_ms <= time_ms < end_ms
            if not (is_on and self.kind is Kind.OBJECT_REMOVED):
                frame = furniture(frame, 0.0)
            if self.kind is Kind.FROZEN:
                frame = camera.disturb(frame, number)
                yield alter(frame, 0.0) if is_on and alter else frame
                continue
            if is_on and alter is not None:
                frame = alter(frame, (time_ms - begin_ms) / 1000)
            yield camera.disturb(frame, number)

    def _alteration(self) -> Alteration | None:
        if self.kind is None:
            return None
        return make_alteration(self.kind, self._source.place, np.random.default_rng((*self._root, _WHAT)))


class _Camera:
    def __init__(self, rng: np.random.Generator, light: int) -> None:
        self._x, self._y = rng.uniform(-_MOUNT_PX, _MOUNT_PX, 2)
        self._gain = 1 + rng.uniform(-_LIGHT_SPREAD, _LIGHT_SPREAD)
        self._period, self._phase = rng.uniform(20, 60), rng.uniform(0, 2 * np.pi)
        self._tint = np.array(_LIGHTS[light])
        noise = _NOISE * rng.standard_normal((_NOISE_FIELDS, HEIGHT_PX, WIDTH_PX), dtype=np.float32)
        self._brighter, self._darker = (
            np.repeat(np.clip(np.round(sign * noise), 0, 255).astype(np.uint8)[..., None], 3, axis=3)
            for sign in (1, -1)
        )
        self._count = 0

    def look(self, footage: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Crop a frame as the camera is mounted, under its light."""
        height, width = footage.shape[:2]
        matrix = np.array([[1, 0, (WIDTH_PX - width) / 2 + self._x], [0, 1, (HEIGHT_PX - height) / 2 + self._y]])
        view = cv2.warpAffine(footage, matrix, (WIDTH_PX, HEIGHT_PX), borderMode=cv2.BORDER_REPLICATE)
        self._count += 1
        drift = 1 + _LIGHT_DRIFT * np.sin(2 * np.pi * self._count / self._period + self._phase)
        ramp = np.arange(256)[:, None] * (self._gain * drift * self._tint)[None]
        lit: NDArray[np.uint8] = cv2.LUT(view, np.clip(ramp, 0, 255).astype(np.uint8)[None])
        return lit

    def disturb(self, frame: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
        """Lay noise over a frame, another one over each."""
        brighter, darker = (
            np.roll(fields[number % _NOISE_FIELDS], (17 * number, 29 * number), axis=(0, 1))
            for fields in (self._brighter, self._darker)
        )
        return np.asarray(cv2.subtract(cv2.add(frame, brighter), darker), np.uint8)


def compose_learned(source: Source, duration_s: float) -> Iterator[Stretch]:
    """Normal stretches to be learned, in order; lights take turns. What the footage shows comes bit by bit.

    Args:
        source: whose.
        duration_s: of all of them together, at least.
    """
    place = source.place
    passes = max(1, round(duration_s / sum(learned_seconds(place, span) for span in place.learned)))
    number, seconds = 0, 0.0
    while seconds < duration_s:
        stretch = _compose_learned(source, number, passes)
        yield stretch
        number, seconds = number + 1, seconds + stretch.duration_ms / 1000


def _compose_learned(source: Source, number: int, passes: int) -> Stretch:
    root = (source.seed, _LEARNED, number)
    playing = play_learned(source.place, number // passes, np.random.default_rng((*root, _PLAY)))
    light = number % 2
    return _compose(source, playing, None, light, source.hearing.learned, root)


def compose_held_out(source: Source, kind: Kind | None, number: int) -> Stretch:
    """A held-out stretch with an anomaly, or a normal one.

    Args:
        source: whose; `can_befall` holds for its place.
        kind: None for a normal one.
        number: from 0; the same number gives the same stretch.
    """
    root = (source.seed, _NORMAL if kind is None else _ANOMALY + list(Kind).index(kind), number)
    playing = play_held_out(source.place, kind, np.random.default_rng((*root, _PLAY)))
    light = 1 if kind is Kind.ODD_SOUND else int(np.random.default_rng((*root, _LOOK, 1)).integers(2))
    return _compose(source, playing, kind, light, source.hearing.held_out, root)


def _compose(
    source: Source, playing: Playing, kind: Kind | None, light: int, part: SoundPart, root: tuple[int, ...]
) -> Stretch:
    sound, names = _mix(playing, kind, light, part, np.random.default_rng((*root, _SOUND)))
    words = np.random.default_rng((*root, _WORDS))
    cues = plan_announcements(playing.duration_s, words, held_out=part is source.hearing.held_out)
    if kind is Kind.UNHEARD_WORDS:
        cues, anomaly_ms = _alarm(cues, playing.anomaly_ms, words)
    else:
        anomaly_ms = playing.anomaly_ms
    span = f"{source.name} {playing.span[0]} to {playing.span[1]}"
    return Stretch(kind, light, anomaly_ms, sound, tuple(cues), frozenset({span, *names}), source, playing, root)


def _alarm(cues: list[Cue], anomaly_ms: tuple[int, int], rng: np.random.Generator) -> tuple[list[Cue], tuple[int, int]]:
    """Lines of alarm in place of the announcements, and their span."""
    begin_ms, end_ms = anomaly_ms
    alarms: list[Cue] = []
    at_ms = begin_ms
    while at_ms < end_ms - 1500:
        text = ALARMS[int(rng.integers(len(ALARMS)))]
        alarms.append(Cue(at_ms, at_ms + speaking_time_ms(text), text))
        at_ms = alarms[-1].end_ms
    kept = [cue for cue in cues if cue.end_ms <= begin_ms or cue.start_ms >= at_ms]
    return sorted([*kept, *alarms], key=lambda cue: cue.start_ms), (begin_ms, at_ms)


def _mix(
    playing: Playing, kind: Kind | None, light: int, part: SoundPart, rng: np.random.Generator
) -> tuple[Signal, set[str]]:
    samples = round(playing.duration_s * SOUND_RATE_HZ)
    begin_ms, end_ms = playing.anomaly_ms
    during = slice(begin_ms * SOUND_RATE_HZ // 1000, end_ms * SOUND_RATE_HZ // 1000)
    track = lay_bed(part.beds[light], samples, rng)
    names = {part.beds[light].name}
    if kind is Kind.MISMATCH:
        track[during] = lay_bed(part.beds[1 - light], samples, rng)[during]
        names.add(part.beds[1 - light].name)
    if light == 0:
        start_s = rng.uniform(0.0, _FAMILIAR_EVERY_S[0])
        while (last_s := start_s + rng.uniform(*_FAMILIAR_LASTS_S)) < playing.duration_s:
            span_ms = (round(1000 * start_s), round(1000 * last_s))
            if kind is not Kind.MISMATCH or span_ms[1] <= begin_ms or span_ms[0] >= end_ms:
                add_sound(track, part.familiar, span_ms, rng.uniform(*_FAMILIAR_DB), rng)
                names.add(part.familiar.name)
            start_s = last_s + rng.uniform(*_FAMILIAR_EVERY_S)
    intruder = _intruder(kind, part, rng)
    if intruder is not None:
        add_sound(track, intruder, playing.anomaly_ms, rng.uniform(*_INTRUDER_DB), rng)
        names.add(intruder.name)
    if kind is Kind.SILENCE:
        track[during] = 0.0 if rng.random() < 0.5 else 1e-4 * rng.standard_normal(len(track[during]))
    return np.clip(track, -1.0, 1.0, out=track), names


def _intruder(kind: Kind | None, part: SoundPart, rng: np.random.Generator) -> Named | None:
    if kind is Kind.ODD_SOUND:
        return part.familiar
    if kind is Kind.UNFAMILIAR_SOUND:
        classes = sorted(part.unfamiliar)
        sounds = part.unfamiliar[classes[int(rng.integers(len(classes)))]]
        return sounds[int(rng.integers(len(sounds)))]
    return None

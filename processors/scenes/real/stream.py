"""A composed stream: real frames, real sound, words, and what truly happens."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from processors.modality import Modality
from processors.scenes.clip import Backdrop
from processors.scenes.labels import Cue
from processors.scenes.real.clips import ClipBank
from processors.scenes.real.manners import HARMLESS_MANNERS, MANNERS, Manner, Place
from processors.scenes.real.plan import plan_stream
from processors.scenes.real.sounds import SoundBank, fill_span, make_bed
from processors.scenes.real.things import Thing
from processors.scenes.real.words import LinePart
from processors.scenes.schedule import Happening, Schedule
from processors.scenes.synthesis import SOUND_RATE_HZ, Signal

__all__ = ["Stream", "StreamSettings", "compose_stream", "lay_thing"]

_PLAN, _PICTURE, _SOUND, _SCENE = range(4)
_BED_LEVELS_DB: Final = (-46.0, -38.0)
_HARMLESS_DB: Final = (0.0, 10.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSettings:
    """One stream, determined to the byte by this and what it is made of.

    Attributes:
        seed: root of every choice.
        snr_db: mean power of an event's sound over that of the bed beneath it, in decibels. It changes the sound alone.
        duration_s: length.
        fps: frames a second.
        width_px: of a frame.
        height_px: of a frame.
        lines: which lines may be spoken.
    """

    seed: int
    snr_db: float = 10.0
    duration_s: float = 60.0
    fps: float = 5.0
    width_px: int = 320
    height_px: int = 240
    lines: LinePart = LinePart.TEST


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """A composed stream; its frames are drawn as they are asked for.

    Attributes:
        settings: what it was composed from.
        scene: name of the clip beneath.
        sound: float32 [T] mono -1..1 at 16,000 Hz.
        events: what happens, in order of start, and which modalities carry it.
        cues: what is said, in order of start.
    """

    settings: StreamSettings
    scene: str
    sound: Signal
    events: tuple[Happening, ...]
    cues: tuple[Cue, ...]
    _schedule: Schedule
    _clips: ClipBank

    @property
    def frame_times_ms(self) -> list[int]:
        """When each frame is, from the start of the stream."""
        return [
            int(index * 1000 / self.settings.fps) for index in range(int(self.settings.duration_s * self.settings.fps))
        ]

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """All frames in order, uint8 [H, W, 3] RGB; every call gives the same bytes."""
        settings = self.settings
        backdrop = Backdrop(
            self._clips.scenes[self.scene],
            np.random.default_rng((settings.seed, _PICTURE)),
            width_px=settings.width_px,
            height_px=settings.height_px,
            fps=settings.fps,
        )
        visible = [
            (happening, _Cue(happening, self._clips.things))
            for happening in (*self._schedule.distractors, *self.events)
            if Modality.VIDEO in happening.modalities
        ]
        for time_ms in self.frame_times_ms:
            frame = backdrop.frame(time_ms / 1000)
            for happening, cue in visible:
                if happening.start_ms <= time_ms < happening.end_ms:
                    cue.paint(frame, (time_ms - happening.start_ms) / 1000)
            yield frame


def compose_stream(settings: StreamSettings, clips: ClipBank, sounds: SoundBank, scene: str | None = None) -> Stream:
    """Compose a stream; the same arguments give the same stream to the byte.

    Args:
        settings: what to compose.
        clips: of its picture.
        sounds: of its sound; what can happen is what they are of.
        scene: name of the clip beneath; drawn where not given.
    """
    schedule = plan_stream(
        settings.duration_s, tuple(sounds.events), np.random.default_rng((settings.seed, _PLAN)), settings.lines
    )
    if scene is None:
        scene = list(clips.scenes)[int(np.random.default_rng((settings.seed, _SCENE)).integers(len(clips.scenes)))]
    sound = _mix(settings, schedule, sounds, np.random.default_rng((settings.seed, _SOUND)))
    return Stream(settings, scene, sound, schedule.events, schedule.cues, schedule, clips)


def _mix(settings: StreamSettings, schedule: Schedule, sounds: SoundBank, rng: np.random.Generator) -> Signal:
    samples = round(settings.duration_s * SOUND_RATE_HZ)
    bed = make_bed(sounds.beds, samples, rng) * np.float32(10 ** (rng.uniform(*_BED_LEVELS_DB) / 20))
    mix = bed.copy()
    for happening in (*schedule.distractors, *schedule.events):
        if Modality.AUDIO not in happening.modalities:
            continue
        own = np.random.default_rng((happening.seed, _SOUND))
        choice = sounds.events.get(happening.kind, sounds.harmless)
        if not choice:
            continue
        first, last = (ms * SOUND_RATE_HZ // 1000 for ms in (happening.start_ms, happening.end_ms))
        last = min(last, samples)
        sound = fill_span(choice[int(own.integers(len(choice)))], last - first, own)
        snr_db = settings.snr_db if happening.kind in sounds.events else own.uniform(*_HARMLESS_DB)
        mix[first:last] += np.float32(_gain(sound, bed[first:last], snr_db)) * sound
    return np.clip(mix, -1.0, 1.0, out=mix)


def _gain(sound: Signal, bed: Signal, snr_db: float) -> float:
    """By what to multiply a sound for its mean power to be so many decibels above the bed's."""
    own, beneath = (float(np.mean(np.square(part, dtype=np.float64))) for part in (sound, bed))
    return float(np.sqrt(beneath * 10 ** (snr_db / 10) / max(own, 1e-12)))


class _Cue:
    """A thing in a manner, as drawn from the seed of what happens."""

    def __init__(self, happening: Happening, things: tuple[Thing, ...]) -> None:
        rng = np.random.default_rng((happening.seed, _PICTURE))
        # By clip first: a clip of many things does not crowd out one of few.
        names = sorted({thing.clip for thing in things})
        name = names[int(rng.integers(len(names)))]
        own = [thing for thing in things if thing.clip == name]
        self._frames = own[int(rng.integers(len(own)))].frames
        self._first = int(rng.integers(2 * len(self._frames)))
        make = MANNERS.get(happening.kind) or HARMLESS_MANNERS[int(rng.integers(len(HARMLESS_MANNERS)))]
        self._manner: Manner = make(rng)
        self._is_mirrored = bool(rng.random() < 0.5)
        light, tint = rng.uniform(0.75, 1.2), rng.uniform(0.9, 1.1, size=3)
        ramp = np.arange(256)[:, None] * np.append(light * tint, 1.0)[None, :]
        self._look = np.clip(ramp, 0, 255).astype(np.uint8)[None]
        self._fps = 4.0

    def paint(self, frame: NDArray[np.uint8], time_s: float) -> None:
        """Lay the thing over a frame, in place."""
        last = max(1, len(self._frames) - 1)
        position = (self._first + int(time_s * self._fps)) % (2 * last)
        cut_out = self._frames[min(position if position <= last else 2 * last - position, len(self._frames) - 1)]
        cut_out = cv2.LUT(cut_out, self._look)
        for place in self._manner(time_s):
            lay_thing(frame, cut_out, place, is_mirrored=place.is_mirrored != self._is_mirrored)


def lay_thing(frame: NDArray[np.uint8], cut_out: NDArray[np.uint8], place: Place, *, is_mirrored: bool = False) -> None:
    """Lay a cut-out over a frame, in place.

    Args:
        frame: uint8 [H, W, 3] RGB.
        cut_out: uint8 [H, W, 4] RGB and how solid it is.
        place: where; its own mirroring does not count.
        is_mirrored: left for right.
    """
    height, width = frame.shape[:2]
    own_height, own_width = cut_out.shape[:2]
    scale = place.size / max(own_height / height, own_width / width)
    turned = cv2.getRotationMatrix2D((own_width / 2, own_height / 2), place.angle_deg, scale)
    if is_mirrored:
        turned = np.concatenate(
            [turned[:, :2] * np.array([-1.0, 1.0]), turned[:, 2:] + turned[:, :1] * own_width], axis=1
        )
    turned[:, 2] += (place.x * width - own_width / 2, place.y * height - own_height / 2)
    laid = cv2.warpAffine(cut_out, turned, (width, height), flags=cv2.INTER_LINEAR)
    alpha = laid[..., 3:].astype(np.float32) / 255
    frame[:] = (frame + alpha * (laid[..., :3].astype(np.float32) - frame)).astype(np.uint8)

"""A labelled scene: a real clip with events laid over it in picture, sound and words at known times."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from processors.modality import Modality
from processors.scenes.clip import Backdrop, find_packaged_clip, read_clip
from processors.scenes.labels import Cue, LabelledEvent, SceneLabels
from processors.scenes.pictures import PAINTERS, Painter
from processors.scenes.schedule import Happening, Schedule, plan_scene
from processors.scenes.settings import SceneSettings
from processors.scenes.soundtrack import compose_sound

__all__ = ["Scene", "compose_scene", "label_scene"]

# Each part of a scene draws from a stream of its own: a change of one leaves the others as they are.
_SCHEDULE_STREAM, _BACKDROP_STREAM, _SOUND_STREAM = range(3)


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A composed scene; its frames are drawn as they are asked for, so that length costs no memory.

    Attributes:
        settings: what it was composed from.
        sound: float32 [T] mono -1..1 at 16,000 Hz, T = duration.
        cues: all that is said, in order of start.
        labels: all that happens.
    """

    settings: SceneSettings
    sound: NDArray[np.float32]
    cues: tuple[Cue, ...]
    labels: SceneLabels
    _schedule: Schedule
    _footage: NDArray[np.uint8]

    @property
    def frame_count(self) -> int:
        """How many frames `frames` gives."""
        return int(self.settings.duration_s * self.settings.fps)

    def frame_time_ms(self, index: int) -> int:
        """Time of frame `index` from the start of the scene, floored to the millisecond."""
        return int(index * 1000 / self.settings.fps)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """All frames in order, uint8 [H, W, 3] RGB at `frame_time_ms`; every call starts anew with the same bytes."""
        settings = self.settings
        size = (settings.width_px, settings.height_px)
        rng = np.random.default_rng((settings.seed, _BACKDROP_STREAM))
        backdrop = Backdrop(
            self._footage, rng, width_px=settings.width_px, height_px=settings.height_px, fps=settings.fps
        )
        visible = [
            (happening, _painter(happening, size))
            for happening in (*self._schedule.distractors, *self._schedule.events)
            if Modality.VIDEO in happening.modalities
        ]
        for index in range(self.frame_count):
            time_ms = index * 1000 / settings.fps
            frame = backdrop.frame(time_ms / 1000)
            for happening, painter in visible:
                if happening.start_ms <= time_ms < happening.end_ms:
                    frame = painter.paint(frame, (time_ms - happening.start_ms) / 1000)
            yield frame


def _painter(happening: Happening, size_px: tuple[int, int]) -> Painter:
    duration_s = (happening.end_ms - happening.start_ms) / 1000
    return PAINTERS[happening.kind](np.random.default_rng(happening.seed), size_px, duration_s)


def compose_scene(settings: SceneSettings, footage: NDArray[np.uint8] | None = None) -> Scene:
    """Compose a scene; the same settings and clip give the same frames, sound, cues and labels to the byte.

    Args:
        settings: what to compose.
        footage: frames to lay the events over instead of `settings.clip`: uint8 [N, H, W, 3] RGB, as `read_clip` gives
            them; spares the reading when many scenes share a clip.

    Returns:
        The scene, its sound ready, its frames not yet drawn.

    Raises:
        SceneError: there is no clip, or it cannot be read.
    """
    if footage is None:
        clip = settings.clip or find_packaged_clip()
        footage = read_clip(clip, width_px=settings.width_px, height_px=settings.height_px, fps=settings.fps)
    schedule = _plan(settings)
    sound = compose_sound(settings, schedule, np.random.default_rng((settings.seed, _SOUND_STREAM)))
    return Scene(settings, sound, schedule.cues, _label(settings, schedule), schedule, footage)


def label_scene(settings: SceneSettings) -> tuple[SceneLabels, tuple[Cue, ...]]:
    """The labels and cues that `compose_scene` would give, without composing anything."""
    schedule = _plan(settings)
    return _label(settings, schedule), schedule.cues


def _plan(settings: SceneSettings) -> Schedule:
    return plan_scene(settings, np.random.default_rng((settings.seed, _SCHEDULE_STREAM)))


def _label(settings: SceneSettings, schedule: Schedule) -> SceneLabels:
    events = tuple(
        LabelledEvent(event.kind, event.start_ms, event.end_ms, event.modalities) for event in schedule.events
    )
    return SceneLabels(settings.seed, settings.duration_ms, events)

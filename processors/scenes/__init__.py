"""Composed scenes: real clips with labelled events laid over them, for demonstrations, tests and training.

`compose_scene(SceneSettings(seed=7))` gives a `Scene`: `sound`, `cues` and `labels` are ready, `frames()` come lazily.
"""

from processors.scenes.clip import find_packaged_clip, read_clip
from processors.scenes.compose import Scene, compose_scene, label_scene
from processors.scenes.labels import EVENT_KINDS, LABELS_SCHEMA, Cue, LabelledEvent, SceneLabels
from processors.scenes.settings import LineShare, SceneError, SceneSettings
from processors.scenes.synthesis import SOUND_RATE_HZ

__all__ = [
    "EVENT_KINDS",
    "LABELS_SCHEMA",
    "SOUND_RATE_HZ",
    "Cue",
    "LabelledEvent",
    "LineShare",
    "Scene",
    "SceneError",
    "SceneLabels",
    "SceneSettings",
    "compose_scene",
    "find_packaged_clip",
    "label_scene",
    "read_clip",
]

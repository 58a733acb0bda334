"""The truth about a composed scene: what happened when, in which modalities, and which words were spoken.

Schema `braid.scene.labels.v1`, as written by `SceneLabels.to_json`:

    {"schema": "braid.scene.labels.v1", "seed": 7, "duration_ms": 60000,
     "events": [{"class": "collision", "start_ms": 3120, "end_ms": 6010, "modalities": ["video", "audio"]}]}

Times are milliseconds from the start of the scene, spans are half-open. `modalities` lists those that carry the event:
a silent collision carries no `audio`. An event is at least seen or heard; words alone never make one.
"""

import json
from dataclasses import dataclass

from processors.modality import Modality

__all__ = ["EVENT_KINDS", "LABELS_SCHEMA", "Cue", "LabelledEvent", "SceneLabels"]

LABELS_SCHEMA = "braid.scene.labels.v1"
EVENT_KINDS = ("fire_alarm", "collision", "break_in", "crowd_panic")


@dataclass(frozen=True, slots=True)
class Cue:
    """Words spoken in `[start_ms, end_ms)`, as a subtitle shows them."""

    start_ms: int
    end_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class LabelledEvent:
    """An event of one class in `[start_ms, end_ms)` and the modalities that carry it, in the order of `Modality`."""

    event_class: str
    start_ms: int
    end_ms: int
    modalities: tuple[Modality, ...]


@dataclass(frozen=True, slots=True)
class SceneLabels:
    """All events of a scene, in order of start; they never overlap."""

    seed: int
    duration_ms: int
    events: tuple[LabelledEvent, ...]

    def to_json(self) -> str:
        """The labels in the schema of this module, indented, with a newline at the end."""
        events = [
            {
                "class": event.event_class,
                "start_ms": event.start_ms,
                "end_ms": event.end_ms,
                "modalities": [modality.value for modality in event.modalities],
            }
            for event in self.events
        ]
        document = {"schema": LABELS_SCHEMA, "seed": self.seed, "duration_ms": self.duration_ms, "events": events}
        return json.dumps(document, indent=2) + "\n"

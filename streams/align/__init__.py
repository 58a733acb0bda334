"""Event time as a pure library: windows, watermarks, lateness and revisions of many sources.

No I/O, no tasks and no clock of its own: every reading of a clock is a parameter, so that whatever happened can be
played again. One `Aligner` serves one partition number, which all topics of the modalities share:

    aligner = Aligner(settings_for=lambda source_id: AlignSettings())
    for item, clock in batch:
        placement = aligner.add(item, clock)
    for event in aligner.advance(clock):
        ...  # WindowClosed, WindowRevised, WindowSealed, PresenceChanged, SourceForgotten
"""

from streams.align.aligner import Aligner
from streams.align.clock import ReadClock
from streams.align.earlier import EarlierWindows
from streams.align.events import (
    AlignEvent,
    PresenceChanged,
    SourceForgotten,
    WindowClosed,
    WindowEvent,
    WindowRevised,
    WindowSealed,
)
from streams.align.items import AlignItem, counted_end_ms
from streams.align.placement import Placement
from streams.align.settings import AlignSettings, Role
from streams.align.watermarks import ModalityState, Presence
from streams.align.windows import ClosedBy, SealedBy, Window, windows_of

__all__ = [
    "AlignEvent",
    "AlignItem",
    "AlignSettings",
    "Aligner",
    "ClosedBy",
    "EarlierWindows",
    "ModalityState",
    "Placement",
    "Presence",
    "PresenceChanged",
    "ReadClock",
    "Role",
    "SealedBy",
    "SourceForgotten",
    "Window",
    "WindowClosed",
    "WindowEvent",
    "WindowRevised",
    "WindowSealed",
    "counted_end_ms",
    "windows_of",
]

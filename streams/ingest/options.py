"""What a person chooses about reading files and about the time at which they play."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from processors.modality import Modality

__all__ = ["Pace", "Playing", "ReadOptions"]


class Pace(StrEnum):
    """How fast records leave."""

    REALTIME = "realtime"
    """Each item when it is over, as a camera would send it."""
    FAST = "fast"
    """All as fast as Kafka takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """What is read of a file, and in which form.

    Attributes:
        fps: frames per second of presentation time that are kept; None keeps every frame.
        box_px: width and height that a frame is shrunk to fit into, its shape kept; None keeps its size.
        jpeg_quality: 1 to 100.
        modalities: what is read; what a file does not hold is left out.
        max_segment_ms: a longer transcript segment is cut to this length, its words kept.
    """

    fps: Fraction | None = Fraction(5)
    box_px: tuple[int, int] | None = (640, 640)
    jpeg_quality: int = 85
    modalities: frozenset[Modality] = frozenset(Modality)
    max_segment_ms: int = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """When the files play.

    Attributes:
        pace: in real time, or as fast as Kafka takes the records.
        loop: begin again after the last file, time going on, until told to stop.
        start_ms: event time at which the first file begins, epoch milliseconds; None: now in real time, and so that the
            last file ends now at the fast pace.
    """

    pace: Pace = Pace.REALTIME
    loop: bool = False
    start_ms: int | None = None

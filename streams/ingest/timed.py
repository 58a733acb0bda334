"""One record on the time line of a file, before it is given a place in event time."""

from dataclasses import dataclass
from fractions import Fraction
from math import floor

from processors.modality import Modality

__all__ = ["TimedRecord", "milliseconds"]


@dataclass(frozen=True, slots=True)
class TimedRecord:
    """A frame, audio chunk, transcript segment or heartbeat at its place on a time line that begins at 0.

    Attributes:
        modality: what it carries.
        start_ms: where it begins; for a heartbeat, up to where nothing is left to come.
        due_ms: when it can be sent at the earliest: the end of a chunk or segment, the time of a frame or heartbeat.
        payload: JPEG, mono s16le PCM or transcript JSON; empty for a heartbeat.
        samples: how many of sound the payload holds.
    """

    modality: Modality
    start_ms: int
    due_ms: int
    payload: bytes = b""
    samples: int = 0

    @property
    def is_heartbeat(self) -> bool:
        """Whether it only says how far its modality has come."""
        return not self.payload

    def shifted(self, offset_ms: int) -> "TimedRecord":
        """The same record `offset_ms` later."""
        return TimedRecord(
            self.modality, self.start_ms + offset_ms, self.due_ms + offset_ms, self.payload, self.samples
        )


def milliseconds(seconds: Fraction) -> int:
    """Exact seconds, floored to milliseconds."""
    return floor(seconds * 1000)

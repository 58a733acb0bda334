"""Lanes: the records of one modality, read one ahead, and what it can say in a pause."""

from collections.abc import Iterable
from itertools import accumulate
from typing import Final

from processors.modality import Modality
from streams.ingest.timed import TimedRecord
from streams.ingest.words import Segment

__all__ = ["Lane", "segment_lane"]

# Sound comes in chunks of a second: one second without any is no pause yet.
_PAUSE_MS: Final = {Modality.VIDEO: 2_000, Modality.AUDIO: 2_000, Modality.TRANSCRIPT: 1_000}


class Lane:
    """The records of one modality in order of `due_ms`.

    Attributes:
        modality: of all of them.
        head: the next record, or None at the end.
    """

    def __init__(self, modality: Modality, records: Iterable[tuple[TimedRecord, int]] = ()) -> None:
        """Read the first record.

        Args:
            modality: of all records.
            records: each with the earliest start among it and those after it, milliseconds.
        """
        self.modality = modality
        self.head: TimedRecord | None = None
        self._records = iter(records)
        self._pending_from_ms = 0
        self._last_due_ms = 0
        self._advance()

    def take(self) -> TimedRecord:
        """The head; the next record takes its place.

        Raises:
            IndexError: the lane is at its end.
        """
        taken = self.head
        if taken is None:
            raise IndexError(f"the lane of {self.modality} is at its end; look at its head first")
        self._last_due_ms = taken.due_ms
        self._advance()
        return taken

    def heartbeat(self, now_ms: int) -> TimedRecord | None:
        """How far nothing is left to come, or None while the modality is not pausing.

        Never beyond the start of a record still to come. It is said again while a long record lasts: who hears nothing
        from a modality for long stops waiting for it.
        """
        if now_ms - self._last_due_ms < _PAUSE_MS[self.modality]:
            return None
        silent_until_ms = now_ms if self.head is None else min(now_ms, self._pending_from_ms)
        return TimedRecord(self.modality, silent_until_ms, now_ms)

    def _advance(self) -> None:
        following = next(self._records, None)
        if following is None:
            self.head = None
        else:
            self.head, self._pending_from_ms = following


def segment_lane(segments: list[Segment]) -> Lane:
    """The lane of transcript segments, which may overlap: a later one to end may be the first to begin.

    Args:
        segments: in order of their ends.
    """
    starts_ms = [segment.start_ms for segment in segments]
    earliest_ms = list(accumulate(reversed(starts_ms), min))[::-1]
    records = [
        TimedRecord(Modality.TRANSCRIPT, segment.start_ms, segment.end_ms, segment.payload) for segment in segments
    ]
    return Lane(Modality.TRANSCRIPT, zip(records, earliest_ms, strict=True))

"""From a time line to event time: each record gets its id and its CloudEvents headers."""

import re
from collections import Counter
from typing import Final

from processors.modality import Modality
from streams.ingest.sound import SOUND_RATE_HZ
from streams.ingest.timed import TimedRecord
from streams.records import (
    EncodedRecord,
    encode_audio_chunk,
    encode_heartbeat,
    encode_transcript_segment,
    encode_video_frame,
)

__all__ = ["Envelope"]

_KINDS: Final = {Modality.VIDEO: "frame", Modality.AUDIO: "chunk", Modality.TRANSCRIPT: "segment"}
_HEARTBEAT = "heartbeat"


class Envelope:
    """Seals the records of one run, in the order in which they come.

    Ids are `NAME-BEGINNING-KIND-NUMBER`: the same run read again gives the same ids, and a repetition of the files
    within a run gives new ones.
    """

    def __init__(self, source_id: str, base_ms: int, name: str) -> None:
        """Begin a run.

        Args:
            source_id: a legal source id.
            base_ms: event time at which the time line begins, epoch milliseconds.
            name: what the ids begin with; characters beyond letters, digits and `._-` are replaced.
        """
        self._source_id = source_id
        self._base_ms = base_ms
        self._prefix = f"{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}-{base_ms}"
        self._numbers: Counter[str] = Counter()

    def seal(self, record: TimedRecord) -> EncodedRecord:
        """Give a record its id and place in event time."""
        kind = _HEARTBEAT if record.is_heartbeat else _KINDS[record.modality]
        event_id = f"{self._prefix}-{kind}-{self._numbers[kind]}"
        self._numbers[kind] += 1
        start_ms = self._base_ms + record.start_ms
        if record.is_heartbeat:
            return encode_heartbeat(record.modality, self._source_id, event_id, start_ms)
        if record.modality is Modality.VIDEO:
            return encode_video_frame(self._source_id, event_id, start_ms, record.payload)
        if record.modality is Modality.AUDIO:
            return encode_audio_chunk(self._source_id, event_id, start_ms, record.payload, sample_rate_hz=SOUND_RATE_HZ)
        return encode_transcript_segment(
            self._source_id, event_id, start_ms, record.payload, duration_ms=record.due_ms - record.start_ms
        )

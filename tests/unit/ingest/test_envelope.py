from dataclasses import dataclass

import pytest

from processors.modality import Modality
from streams.ingest import Playlist, ReadOptions, TimedRecord, open_media
from streams.ingest.envelope import Envelope
from streams.records import ItemLimits, parse_item

BASE_MS = 1_700_000_000_123


@dataclass
class Record:
    key: bytes
    value: bytes
    headers: tuple
    timestamp: int
    topic: str = "t"
    partition: int = 0
    offset: int = 0


def test_what_is_sealed_is_read_back_at_its_place_in_event_time(make):
    media = open_media(make(cues=[(150, 450, "hi")], sound_s=1.5))
    envelope = Envelope("dock-1", BASE_MS, "clip")
    seen = set()
    for record in Playlist([media], ReadOptions(fps=None)).records():
        sealed = envelope.seal(record)
        item = parse_item(
            Record(sealed.key, sealed.value, sealed.headers, BASE_MS + record.due_ms), record.modality, ItemLimits()
        )
        assert item.source_id == "dock-1"
        assert item.is_heartbeat == record.is_heartbeat
        assert item.start_ms == BASE_MS + record.start_ms
        if not record.is_heartbeat:
            assert item.end_ms == BASE_MS + record.due_ms
            assert item.payload == record.payload
            seen.add(record.modality)
    assert seen == set(Modality)


@pytest.mark.parametrize("modality", Modality)
def test_a_heartbeat_is_a_point_without_payload(modality):
    sealed = Envelope("dock-1", BASE_MS, "clip").seal(TimedRecord(modality, 500, 2000))
    item = parse_item(Record(sealed.key, sealed.value, sealed.headers, BASE_MS + 2000), modality, ItemLimits())
    assert (item.start_ms, item.end_ms, item.is_heartbeat) == (BASE_MS + 500, BASE_MS + 500, True)

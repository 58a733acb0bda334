"""Records for other people's tools: the CloudEvents library reads ours."""

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from processors.modality import Modality
from streams.errors import PoisonItem
from streams.records import encode_audio_chunk, encode_heartbeat, encode_transcript_segment, encode_video_frame

RECORDS = {
    "braid.video.frame.v1": encode_video_frame("dock-1", "1", 1_700_000_000_123, b"\xff\xd8jpeg"),
    "braid.audio.chunk.v1": encode_audio_chunk("dock-1", "2", 1_700_000_000_123, bytes(32_000), sample_rate_hz=16_000),
    "braid.transcript.segment.v1": encode_transcript_segment(
        "dock-1", "3", 1_700_000_000_123, b'{"text": "hello"}', duration_ms=900
    ),
}


@pytest.mark.parametrize("event_type", RECORDS)
def test_the_cloudevents_library_reads_every_kind_of_record(event_type):
    record = RECORDS[event_type]
    message = KafkaMessage(headers=dict(record.headers), key=record.key, value=record.value)
    event = from_binary(message, JSONFormat())
    assert event.get_type() == event_type
    assert event.get_specversion() == "1.0"
    assert event.get_time().isoformat(timespec="milliseconds") == "2023-11-14T22:13:20.123+00:00"


def test_an_audio_chunk_states_rate_channels_and_duration():
    headers = dict(RECORDS["braid.audio.chunk.v1"].headers)
    assert (headers["ce_samplerate"], headers["ce_channels"], headers["ce_durationms"]) == (b"16000", b"1", b"1000")


def test_a_heartbeat_has_no_payload():
    record = encode_heartbeat(Modality.TRANSCRIPT, "dock-1", "h-1", 5)
    assert record.value == b""
    assert dict(record.headers)["ce_time"] == b"1970-01-01T00:00:00.005Z"


def test_an_illegal_source_is_refused_before_it_reaches_kafka():
    with pytest.raises(PoisonItem, match="not a source id"):
        encode_heartbeat(Modality.VIDEO, "no spaces", "1", 0)

"""What travels on Kafka: items (CloudEvents binary mode), detections, states of sources, and dead letters."""

from streams.records.dead_letters import DeadLetter, OriginRecord
from streams.records.detections import (
    DETECTION_SCHEMA,
    AudioCoverage,
    Coverage,
    Detection,
    ItemRange,
    TranscriptCoverage,
    VideoCoverage,
)
from streams.records.explanations import Explanation, UnusualMoment
from streams.records.items import (
    MAX_SOURCE_ID_CHARS,
    Item,
    ItemLimits,
    KafkaRecord,
    duration_of_samples_ms,
    parse_item,
    source_id_of_key,
)
from streams.records.producers import (
    EncodedRecord,
    encode_audio_chunk,
    encode_heartbeat,
    encode_transcript_segment,
    encode_video_frame,
)
from streams.records.source_states import SOURCE_STATE_SCHEMA, SourceState

__all__ = [
    "DETECTION_SCHEMA",
    "MAX_SOURCE_ID_CHARS",
    "SOURCE_STATE_SCHEMA",
    "AudioCoverage",
    "Coverage",
    "DeadLetter",
    "Detection",
    "EncodedRecord",
    "Explanation",
    "Item",
    "ItemLimits",
    "ItemRange",
    "KafkaRecord",
    "OriginRecord",
    "SourceState",
    "TranscriptCoverage",
    "UnusualMoment",
    "VideoCoverage",
    "duration_of_samples_ms",
    "encode_audio_chunk",
    "encode_heartbeat",
    "encode_transcript_segment",
    "encode_video_frame",
    "parse_item",
    "source_id_of_key",
]

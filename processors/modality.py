"""The three kinds of signal that Braid lines up."""

from enum import StrEnum

__all__ = ["Modality"]


class Modality(StrEnum):
    """What a source sends: one Kafka topic, one decoder and one encoder each."""

    VIDEO = "video"
    AUDIO = "audio"
    TRANSCRIPT = "transcript"

"""The detection: the model's answer for one revision of one window, in one shape everywhere.

The same JSON is kept in Redis, told on `braid.detections`, printed by the command line and served by the API.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from processors.modality import Modality
from streams.records.explanations import Explanation, Probability

__all__ = [
    "DETECTION_SCHEMA",
    "AudioCoverage",
    "Coverage",
    "Detection",
    "ItemRange",
    "TranscriptCoverage",
    "VideoCoverage",
]

DETECTION_SCHEMA = "braid.detection.v1"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class VideoCoverage(_Frozen):
    """What of the window the video covers.

    Attributes:
        items: frames in the window.
        used: frames that the model saw; fewer than `items` when there were more than it takes.
        shed: frames left out under overload.
    """

    items: int = 0
    used: int = 0
    shed: int = 0


class AudioCoverage(_Frozen):
    """What of the window the sound covers.

    Attributes:
        items: chunks that overlap the window.
        used: chunks that the model heard.
        shed: chunks left out under overload.
        samples: samples inside the window, exact, at the rate they came with; doubled where chunks overlap.
        covered_ms: length of the union of the chunks inside the window.
    """

    items: int = 0
    used: int = 0
    shed: int = 0
    samples: int = 0
    covered_ms: int = 0


class TranscriptCoverage(_Frozen):
    """What of the window the transcript covers.

    Attributes:
        items: segments that overlap the window.
        used: segments that the model read.
        shed: segments left out under overload.
    """

    items: int = 0
    used: int = 0
    shed: int = 0


class Coverage(_Frozen):
    """How much of a window each modality covers."""

    video: VideoCoverage = VideoCoverage()
    audio: AudioCoverage = AudioCoverage()
    transcript: TranscriptCoverage = TranscriptCoverage()

    @property
    def shed_items(self) -> dict[Modality, int]:
        """Modality -> items left out under overload."""
        return {
            Modality.VIDEO: self.video.shed,
            Modality.AUDIO: self.audio.shed,
            Modality.TRANSCRIPT: self.transcript.shed,
        }


class ItemRange(_Frozen):
    """Records of one partition that are in the window, offsets inclusive at both ends."""

    topic: str
    partition: int
    first_offset: int
    last_offset: int


class Detection(_Frozen):
    """The model's answer for one revision of one window.

    Attributes:
        id: `source_id/start_ms/size_ms`; the same for every revision.
        start_ms: event time, epoch milliseconds.
        end_ms: exclusive.
        revision: numbered by the store from 0.
        final: sealed and acknowledged: this answer will not change.
        digest: over the sorted ids of the window's items.
        closed_by: why the first answer was given.
        sealed_by: why no further item is taken; None until sealed.
        missing: required modalities that brought nothing.
        event: the most probable class above its threshold, or None.
        probabilities: of each event class.
        anomaly_p: p-value under the source's own normal; 1 while warming up, None where no baseline judged.
        warming_up: whether the source's baseline is still too young to judge.
        is_anomalous: whether it is among the windows that the source's budget of alarms goes to.
        parts: p-value of each part of the baseline that is there.
        states: names of what is wrong with a modality, such as `video.covered`.
        explanation: of an unusual window; None for others.
        contributions: how each probability changes when that modality is left out.
        embedding: the fused window, float [128], unit length.
        text_embedding: mean of the segments' embeddings, as long as the text encoder's; None without words.
        transcript: the window's words, at most 4 KB of UTF-8.
        items: where the window's items are on Kafka.
        dead_letters: where those of its items are that went to the dead letters instead.
        models: version of each model that took part, as it answered; `1, 2` where items were encoded by two.
        failed: code of the error that kept the fusion model from answering; None for an answer. A window that failed
            keeps its items and has no probabilities.
        baseline_version: of the baseline that judged; None without one.
        closed_ms: processing time at which the window was first closed, epoch milliseconds.
        stored_ms: processing time of the store's acknowledgement, epoch milliseconds.
    """

    schema_: Literal["braid.detection.v1"] = Field(default="braid.detection.v1", alias="schema")
    id: str
    source_id: str
    start_ms: int
    end_ms: int
    revision: int = 0
    final: bool = False
    digest: str
    closed_by: Literal["watermark", "max_open", "memory"]
    sealed_by: Literal["watermark", "vanished", "memory"] | None = None
    coverage: Coverage
    missing: tuple[Modality, ...] = ()
    event: str | None = None
    probabilities: dict[str, Probability] = {}
    anomaly_p: Probability | None = None
    warming_up: bool = True
    is_anomalous: bool = False
    parts: dict[str, Probability] = {}
    states: tuple[str, ...] = ()
    explanation: Explanation | None = None
    contributions: dict[Modality, dict[str, float]] = {}
    embedding: tuple[float, ...] = ()
    text_embedding: tuple[float, ...] | None = None
    transcript: str = ""
    items: tuple[ItemRange, ...] = ()
    dead_letters: tuple[ItemRange, ...] = ()
    models: dict[str, str] = {}
    failed: str | None = None
    baseline_version: int | None = None
    closed_ms: int
    stored_ms: int | None = None

    def to_json(self) -> bytes:
        """Serialise to the one documented shape, UTF-8 JSON."""
        return self.model_dump_json(by_alias=True).encode()

    @classmethod
    def from_json(cls, text: bytes | str) -> "Detection":
        """Read what `to_json` wrote.

        Raises:
            pydantic.ValidationError: the text is not a detection; names each faulty field.
        """
        return cls.model_validate_json(text)

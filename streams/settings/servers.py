"""Settings of the servers: where they are, and how they are used."""

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from processors.modality import Modality
from streams.settings.section import Positive, Seconds, Section

__all__ = ["KafkaSettings", "RedisSettings", "TopicSettings", "TritonSettings"]

TopicName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]


class TopicSettings(Section):
    """Names of the topics."""

    video: TopicName = "braid.video"
    """Frames."""
    audio: TopicName = "braid.audio"
    """Audio chunks."""
    transcript: TopicName = "braid.transcript"
    """Transcript segments."""
    detections: TopicName = "braid.detections"
    """Answers, for everyone who listens."""
    dead_letters: TopicName = "braid.dead-letters"
    """Items that can't be processed, with the reason."""

    def of(self, modality: Modality) -> str:
        """The topic that carries a modality's items."""
        return {Modality.VIDEO: self.video, Modality.AUDIO: self.audio, Modality.TRANSCRIPT: self.transcript}[modality]


class KafkaSettings(Section):
    """Where the items come from."""

    brokers: str | None = None
    """Comma-separated `host:port` list; empty: the broker of `braid up` in `data_dir`."""
    group: str = "braid"
    """Consumer group of the workers: workers of one group share the work."""
    partitions: Positive = 4
    """Partitions of each topic that Braid creates; also the largest useful number of workers."""
    replication_factor: Positive = 1
    """Copies of each partition of a topic that Braid creates."""
    instance_id: str | None = None
    """Static membership: a worker that comes back under the same id within the session timeout keeps its partitions
    without a rebalance. Each worker needs its own; empty: none."""
    session_timeout_s: Seconds = 10.0
    """A worker that is silent for so long is replaced."""
    request_timeout_s: Seconds = 20.0
    """Longest wait for one answer of the broker."""
    fetch_max_wait_ms: Positive = 50
    """Longest wait of one fetch for new records."""
    topics: TopicSettings = TopicSettings()
    """Names of the topics."""


class RedisSettings(Section):
    """Where detections are kept."""

    url: SecretStr | None = None
    """`redis://[user:password@]host:port/db`, `rediss://` or `unix://`; empty: the Redis of `braid up`."""
    timeout_s: Seconds = 5.0
    """Longest wait for one answer."""


class TritonSettings(Section):
    """Where the models run."""

    grpc: str | None = None
    """`host:port` of the gRPC endpoint; empty: the Triton of `braid up`."""
    timeout_s: Seconds = 30.0
    """Longest wait for one inference."""
    load_timeout_s: Seconds = 180.0
    """Longest wait for a version to be loaded; TensorRT compiles a model meanwhile, which takes minutes."""
    max_batch: Annotated[int, Field(ge=1, le=64)] = 8
    """Items sent to a model in one request at most."""
    max_in_flight: Annotated[int, Field(ge=1, le=32)] = 3
    """Requests to one model that are under way at a time."""

"""The tree of settings. Every field says what it is for; units stand in the names."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from processors.modality import Modality
from processors.models.plan import Device, Instances, ModelPlan, PromptPlan
from processors.models.precision import Precision
from streams.settings.baseline import FOR_ALL_SOURCES, BaselineSettings
from streams.settings.document import DocumentSource

__all__ = [
    "EncoderSettings",
    "KafkaSettings",
    "LimitSettings",
    "ModalitySettings",
    "ModelSettings",
    "OverloadSettings",
    "RawSettings",
    "RedisSettings",
    "RetentionSettings",
    "Settings",
    "SourceSettings",
    "SourceView",
    "TopicSettings",
    "TritonSettings",
    "WindowSettings",
]

RoleName = Literal["required", "optional", "absent"]
TopicName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
SourceId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
Positive = Annotated[int, Field(gt=0)]
NotNegative = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class TopicSettings(_Section):
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


class KafkaSettings(_Section):
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


class RedisSettings(_Section):
    """Where detections are kept."""

    url: SecretStr | None = None
    """`redis://[user:password@]host:port/db`, `rediss://` or `unix://`; empty: the Redis of `braid up`."""
    timeout_s: Seconds = 5.0
    """Longest wait for one answer."""


class TritonSettings(_Section):
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


class EncoderSettings(_Section):
    """Checkpoints that the repository is built with in place of the shipped encoders."""

    video: str | None = None
    """Frames to embeddings, of CLIP or SigLIP kind: a folder, or `owner/name@revision` on the Hugging Face hub; empty:
    the shipped encoder, as for the others."""
    audio: str | None = None
    """One second of sound to an embedding, of AST or CLAP kind."""
    transcript: str | None = None
    """Text to an embedding, of BERT or MiniLM kind, or a text half of CLIP, SigLIP or CLAP."""


class RawSettings(_Section):
    """What the fusion model takes as it is decoded, with the encoder in its own graph, instead of embeddings."""

    video: Annotated[int, Field(ge=0, le=64)] = 0
    """Frames of a window that it takes, evenly sampled; 0: embeddings, as for the other."""
    audio: Annotated[int, Field(ge=0, le=64)] = 0
    """Seconds of sound of a window that it takes."""

    def of_modalities(self) -> dict[Modality, int]:
        """Modality -> how many, for those that are raw."""
        counts = {Modality.VIDEO: self.video, Modality.AUDIO: self.audio}
        return {modality: count for modality, count in counts.items() if count}


class ModelSettings(_Section):
    """What the Triton repository is built from, and the names of the models in it."""

    repository: Path | None = None
    """Model repository that `braid up` serves; empty: built into `data_dir`."""
    precision: Precision = Precision.INT8
    """Numbers that the built encoders compute in: `int8` on CPUs, `fp16` on GPUs, `fp32` to compare with."""
    instances: Annotated[int, Field(ge=1, le=16)] = 1
    """Copies of each network that Triton runs at the same time, on each GPU or on the CPU."""
    device: Device = Device.AUTO
    """Where they run: `auto` (GPUs if there are any), `gpu`, `tensorrt` (GPUs, by TensorRT), or `cpu`."""
    fusion_file: Path | None = None
    """Trained fusion model that the repository is built with, of any kind, for any classes, or an ONNX graph of one's
    own; empty: the shipped one."""
    encoders: EncoderSettings = EncoderSettings()
    raw: RawSettings = RawSettings()
    """What the fusion model takes as it is decoded, with the encoder in the same graph, instead of embeddings."""
    prompts: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    """Event class -> texts that describe it, in place of a trained fusion model; needs an encoder of CLIP or SigLIP
    kind for video, or of CLAP kind for audio."""
    prompt_background: Annotated[list[str], Field(min_length=1)] = [
        "a photo",
        "a scene",
        "an ordinary scene",
        "a sound",
        "background noise",
        "silence",
    ]
    """Texts that describe anything; a class must fit better than these. SigLIP does not look at them."""
    prompt_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Probability from which a class of `prompts` counts as an event."""
    video_encoder: str = "video_encoder"
    """Frames to embeddings."""
    audio_encoder: str = "audio_encoder"
    """One second of sound to an embedding."""
    text_encoder: str = "text_encoder"
    """Text to an embedding."""
    fusion: str = "fusion"
    """A window's embeddings to event probabilities."""

    @property
    def plan(self) -> ModelPlan:
        """What the repository is built from where it is not what is shipped."""
        encoders, prompts = self.encoders, None
        if self.prompts:
            classes = {name: tuple(texts) for name, texts in self.prompts.items()}
            prompts = PromptPlan(classes, tuple(self.prompt_background), self.prompt_threshold)
        instances = Instances(self.instances, self.device)
        return ModelPlan(
            self.fusion_file,
            encoders.video,
            encoders.audio,
            encoders.transcript,
            prompts=prompts,
            raw=self.raw.of_modalities(),
            instances=instances,
        )

    @model_validator(mode="after")
    def _one_fusion(self) -> Self:
        if self.fusion_file is not None and self.prompts:
            raise ValueError(
                f"fusion_file is {self.fusion_file} and prompts name {', '.join(self.prompts)}: only one of both can "
                "decide what an event is; leave the other empty"
            )
        return self


class LimitSettings(_Section):
    """Bounds on what one item and one worker may take."""

    max_item_bytes: Positive = 10_000_000
    """A larger payload is poison."""
    max_decoded_bytes: Positive = 100_000_000
    """A payload that expands to more is poison."""
    max_item_ms: Positive = 60_000
    """A longer item is poison."""
    max_future_ms: NotNegative = 60_000
    """An item whose event time lies further after its Kafka timestamp is poison."""
    max_undecoded_bytes: Positive = 128_000_000
    """Payloads waiting for decoding and encoding; beyond it a worker stops reading until some are done."""
    max_held_bytes: Positive = 512_000_000
    """What windows hold until they are final; beyond it a worker reads only what the oldest of them wait for, and at
    twice as much the oldest are sealed."""
    max_sources: Positive = 10_000
    """Sources that a worker has in sight at a time."""
    unknown_sources: Literal["accept", "dead_letter"] = "accept"
    """What becomes of a further source's items: taken all the same, or sent to the dead letters."""


class RetentionSettings(_Section):
    """How long things are kept."""

    detections_s: Positive = 7 * 86_400
    """Detections in Redis."""
    verdicts_s: Positive = 365 * 86_400
    """What people said of windows, in Redis, since they said it."""
    baselines_s: Positive = 90 * 86_400
    """What was learned of a source, in Redis, since it last learned."""
    topics_s: Positive = 86_400
    """Records on the topics that Braid creates."""
    topic_bytes: Positive = 1_000_000_000
    """Size of one partition of the topics that Braid creates."""


class OverloadSettings(_Section):
    """What happens when more comes than can be answered."""

    shed: Literal["none", "oldest", "frames"] = "none"
    """What a worker that is behind leaves out. `none`: nothing, and the lag grows; `oldest`: every item that is older
    than `max_lag_s`; `frames`: of those, frames beyond `min_fps`. Both also leave out a judgement whose turn comes so
    long after its window closed."""
    max_lag_s: Seconds = 10.0
    """A worker is behind when an item's turn comes so long after Kafka took it."""
    min_fps: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """Frames per second of a source that `frames` keeps."""


class WindowSettings(_Section):
    """Event-time windows."""

    size_ms: Annotated[int, Field(ge=100)] = 4_000
    """Length of a window."""
    hop_ms: Positive = 2_000
    """A window begins every so often; at most `size_ms`."""
    out_of_orderness_ms: NotNegative = 500
    """How far items of one modality may be out of order without waiting for a revision."""
    allowed_lateness_ms: NotNegative = 10_000
    """How long after a window's end an item still revises its answer."""
    idle_timeout_s: Seconds = 5.0
    """A modality that brings nothing for so long holds nobody back."""
    max_open_s: Seconds = 30.0
    """A window is answered after so long, whatever is missing."""
    effective_from_ms: Positive | None = None
    """Moment in event time, epoch milliseconds, from which on changed `size_ms` and `hop_ms` hold, those of `sources`
    included; what went before keeps its windows. Without it workers refuse to change them."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hop_ms > self.size_ms:
            raise ValueError(
                f"hop_ms is {self.hop_ms}, more than size_ms, {self.size_ms}: "
                "items between windows would be lost; lower hop_ms"
            )
        least_s = (self.size_ms + self.out_of_orderness_ms) / 1000 + self.idle_timeout_s
        if self.max_open_s <= least_s:
            raise ValueError(
                f"max_open_s is {self.max_open_s:g}; it must exceed size + out-of-orderness + idle timeout, "
                f"{least_s:g} s here; raise max_open_s"
            )
        return self


class ModalitySettings(_Section):
    """What part each modality plays: required (waited for), optional (may revise) or absent (not read)."""

    video: RoleName = "required"
    """Frames."""
    audio: RoleName = "required"
    """Sound."""
    transcript: RoleName = "optional"
    """Words."""

    @model_validator(mode="after")
    def _some(self) -> Self:
        if {self.video, self.audio, self.transcript} == {"absent"}:
            raise ValueError("all modalities are absent; make at least one required or optional")
        return self


class SourceSettings(_Section):
    """What differs for one source. `windows`, `modalities` and `baseline` take the keys of the global sections."""

    group: str | None = None
    """Sources of one group are told under one key on the detections topic."""
    windows: dict[str, int | float] = {}
    """Keys of `windows` that differ."""
    modalities: dict[str, RoleName] = {}
    """Keys of `modalities` that differ."""
    baseline: dict[str, bool | float] = {}
    """Keys of `baseline` that differ."""

    @field_validator("baseline")
    @classmethod
    def _one_memory_for_all(cls, baseline: dict[str, bool | float]) -> dict[str, bool | float]:
        for name in FOR_ALL_SOURCES:
            if name in baseline:
                raise ValueError(f"{name} holds for all sources; set it in the section `baseline`")
        return baseline

    @field_validator("windows")
    @classmethod
    def _one_moment_for_all(cls, windows: dict[str, int | float]) -> dict[str, int | float]:
        if "effective_from_ms" in windows:
            raise ValueError("effective_from_ms holds for all sources; set it in the section `windows`")
        return windows


class SourceView(_Section):
    """The settings in force for one source."""

    source_id: str
    group: str | None
    windows: WindowSettings
    modalities: ModalitySettings
    baseline: BaselineSettings


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix="BRAID_",
        env_nested_delimiter="__",
        use_attribute_docstrings=True,
        validate_default=True,
    )

    data_dir: Path = Path(".braid")
    """Data, logs and addresses of the servers that `braid up` runs."""
    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    triton: TritonSettings = TritonSettings()
    models: ModelSettings = ModelSettings()
    limits: LimitSettings = LimitSettings()
    retention: RetentionSettings = RetentionSettings()
    overload: OverloadSettings = OverloadSettings()
    windows: WindowSettings = WindowSettings()
    modalities: ModalitySettings = ModalitySettings()
    baseline: BaselineSettings = BaselineSettings()
    sources: dict[SourceId, SourceSettings] = {}
    """Per source: what differs from `windows`, `modalities` and `baseline`, and its group."""

    @model_validator(mode="after")
    def _sources_valid(self) -> Self:
        for source_id in self.sources:
            self.for_source(source_id)
        return self

    def for_source(self, source_id: str) -> SourceView:
        """The settings in force for a source, whether it is named under `sources` or not."""
        view = self._views.get(source_id)
        if view is None:
            own = self.sources.get(source_id)
            if own is None:
                return SourceView(
                    source_id=source_id,
                    group=None,
                    windows=self.windows,
                    modalities=self.modalities,
                    baseline=self.baseline,
                )
            view = self._views[source_id] = SourceView(
                source_id=source_id,
                group=own.group,
                windows=WindowSettings(**(self.windows.model_dump() | own.windows)),
                modalities=ModalitySettings(**(self.modalities.model_dump() | own.modalities)),
                baseline=BaselineSettings(**(self.baseline.model_dump() | own.baseline)),
            )
        return view

    @property
    def judges_any_source(self) -> bool:
        """Whether some source, named or not, has a baseline."""
        return self.baseline.enabled or any(self.for_source(source_id).baseline.enabled for source_id in self.sources)

    @cached_property
    def _views(self) -> dict[str, SourceView]:
        return {}

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not read: one file configures everything
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not read either
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line first, then the environment, then the YAML document."""
        return init_settings, env_settings, DocumentSource(settings_cls)

"""What a person chooses for a training. Nothing here imports a deep-learning framework."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from processors.modality import Modality

__all__ = [
    "EVENT_TASK",
    "EncoderPlan",
    "EncodersPlan",
    "JointPlan",
    "LoopPlan",
    "MemberPlan",
    "ModalityWeights",
    "NetworkPlan",
    "RecordingPlan",
    "SplitPlan",
    "TaskPlan",
    "TrainingPlan",
]

EVENT_TASK: Final = "event"
"""The task of `classes` and `labels` in a set of windows; others stand in `classes_TASK` and `labels_TASK`."""

_MOST_MEMBERS: Final = 16

Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
HeldShare = Annotated[float, Field(gt=0, lt=0.5)]
Name = Annotated[str, StringConstraints(min_length=1)]
TaskName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class RecordingPlan(_Part):
    """How a folder of recordings becomes windows."""

    models: Path = Path(".braid/models")
    """Repository with the encoders, as `braid models build` makes it."""
    size_ms: Annotated[int, Field(ge=100)] = 4_000
    """Length of a window, as in the `windows` of the pipeline's settings."""
    hop_ms: Positive = 2_000
    """A window begins every so often; at most `size_ms`."""
    least_ms: Positive = 1_000
    """So much of an event makes a window an example of it, or all of an event that is shorter; with less of it, nobody
    knows."""
    fps: Annotated[float, Field(gt=0, le=1000)] = 5.0
    """Frames per second that are looked at, as `braid ingest --fps`."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.hop_ms > self.size_ms:
            raise ValueError(f"hop_ms is {self.hop_ms}, more than size_ms, {self.size_ms}; lower hop_ms")
        if self.least_ms > self.size_ms:
            raise ValueError(f"least_ms is {self.least_ms}, more than size_ms, {self.size_ms}; lower least_ms")
        return self


class EncoderPlan(_Part):
    """How much of one encoder learns from the recordings, before the network does."""

    transfer: Literal["frozen", "last_n", "full", "lora"] = "frozen"
    """frozen: nothing, recordings.models encodes; last_n: its last blocks; full: all; lora: thin matrices beside it."""
    last_n: Positive = 2
    """So many blocks learn, with last_n."""
    rank: Positive = 8
    """Thickness of the matrices, with lora."""
    checkpoint: Name | None = None
    """What it begins from, as in `models.encoders` of the pipeline's settings; empty: the shipped encoder."""
    items: Annotated[int, Field(ge=2)] = 4_000
    """It learns from so many frames, chunks or lines at most, drawn from the recordings that are learned from."""
    epochs: Positive = 5
    """Passes over them, at most; the one with the least loss on the validation recordings is kept."""
    batch_size: Positive = 32
    """Items of a step."""
    learning_rate: Rate = 1e-4
    """Highest rate of the one-cycle schedule."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.checkpoint is not None and self.transfer == "frozen":
            raise ValueError(
                f"checkpoint is {self.checkpoint}, but transfer is frozen; choose last_n, full or lora, or build the "
                "repository with that checkpoint (`models.encoders`) and name it in recordings.models"
            )
        return self


class EncodersPlan(_Part):
    """One for each modality."""

    video: EncoderPlan = EncoderPlan()
    """Of frames."""
    audio: EncoderPlan = EncoderPlan()
    """Of sound."""
    transcript: EncoderPlan = EncoderPlan()
    """Of words."""

    @property
    def learning(self) -> dict[Modality, EncoderPlan]:
        """Those that learn."""
        plans = {Modality.VIDEO: self.video, Modality.AUDIO: self.audio, Modality.TRANSCRIPT: self.transcript}
        return {modality: plan for modality, plan in plans.items() if plan.transfer != "frozen"}


class SplitPlan(_Part):
    """Shares of the recordings."""

    validation_share: HeldShare = 0.2
    """Of the recordings: they say when to stop, what a probability is worth, and from where on a class counts."""
    test_share: HeldShare = 0.2
    """Of the recordings: they are looked at once, for the report."""


def _refuse_raw(kind: object) -> object:
    if kind == "raw":
        raise ValueError(
            "raw is not how modalities meet; choose one of the others, let it learn with its encoders, from raw items, "
            "by `joint: {epochs: 2}` and `encoders: {video: {transfer: last_n}}`, and serve both in one graph by "
            "`models.raw` of the pipeline's settings"
        )
    return kind


Kind = Annotated[Literal["concat", "weighted", "attention", "transformer"], BeforeValidator(_refuse_raw)]
Width = Annotated[int, Field(gt=0, multiple_of=4)]


class MemberPlan(_Part):
    """One of several networks; what it does not say is as in the section around it."""

    kind: Kind | None = None
    """How modalities meet."""
    width: Width | None = None
    """Length of its tokens."""
    dropout: Share | None = None
    """Share of values that training zeroes."""
    pretrained: Path | None = None
    """File that it begins from."""
    memory_s: Rate | None = None
    """How far back items count at the start of training."""


def _count_or_list(value: Any) -> str:
    return "[list]" if isinstance(value, list | tuple) else "[count]"


Members = Annotated[
    Annotated[int, Field(ge=1, le=_MOST_MEMBERS), Tag("[count]")]
    | Annotated[tuple[MemberPlan, ...], Field(min_length=1, max_length=_MOST_MEMBERS), Tag("[list]")],
    Discriminator(_count_or_list),
]


class NetworkPlan(_Part):
    """The network."""

    kind: Kind = "attention"
    """How modalities meet: concat, weighted, attention or transformer. To serve one raw, see `models.raw`."""
    width: Width = 128
    """Length of its tokens and of the embedding. Served embeddings have 128 numbers, whatever stands here."""
    members: Members = 1
    """So many are trained, from seeds that follow each other, and answer as one; or a list of networks that differ,
    such as [{kind: concat}, {kind: transformer, width: 64}]: what one does not say is as in this section."""
    rule: Literal["average", "vote"] = "average"
    """How several answer as one: average of their probabilities, or vote, the share of them that tell a class."""
    weights: tuple[Weight, ...] = ()
    """How much each of several counts, in their order; empty: all alike."""
    dropout: Share = 0.3
    """Share of values that training zeroes."""
    pretrained: Path | None = None
    """File of `braid pretrain`, or of another training, whose network it begins from; empty: from nothing."""
    memory_s: Rate = 4.0
    """How far back items count at the start of training; it is learned from there."""

    @property
    def each(self) -> "tuple[NetworkPlan, ...]":
        """The networks that are trained, each by itself."""
        members = [MemberPlan()] * self.members if isinstance(self.members, int) else self.members
        alone = self.model_copy(update={"members": 1, "rule": "average", "weights": ()})
        return tuple(alone.model_copy(update=member.model_dump(exclude_none=True)) for member in members)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        count = self.members if isinstance(self.members, int) else len(self.members)
        if self.weights and (len(self.weights) != count or not any(self.weights)):
            raise ValueError(
                f"weights are {list(self.weights)} for {count} members; give one for each, not all of them 0, or none"
            )
        return self


class LoopPlan(_Part):
    """How long and how fast it learns."""

    epochs: Positive = 40
    """Passes over the windows, at most; the one with the least validation loss is kept."""
    batch_size: Positive = 64
    """Windows of a step."""
    patience: Positive | None = 8
    """Passes without a better validation loss before the end; empty: all passes are taken."""
    learning_rate: Rate = 1e-3
    """Highest rate of the one-cycle schedule."""
    weight_decay: Weight = 0.05
    """AdamW's."""
    absent_share: Share = 0.2
    """Share of modalities that a step leaves out, so that the model can do without any of them."""


class JointPlan(_Part):
    """Encoders and network learn together, from frames, sound and words to the answer."""

    epochs: Annotated[int, Field(ge=0)] = 0
    """Passes over the windows in which encoders that are not frozen learn with the network, after each has by itself;
    the best by validation loss is kept, or what was before them, whichever is less. 0: they do not."""
    batch_size: Positive = 4
    """Windows of a step; all their items go through the encoders and back."""
    learning_rate: Rate = 1e-4
    """Highest rate of the network's one-cycle schedule."""
    encoder_learning_rate: Rate | None = None
    """The same of the encoders; empty: of each its own, such as encoders.video.learning_rate."""


class ModalityWeights(_Part):
    """A weight per modality."""

    video: Weight = 0.2
    """Frames alone."""
    audio: Weight = 0.2
    """Sound alone."""
    transcript: Weight = 0.2
    """Words alone."""

    def of(self, modality: Modality) -> float:
        """The weight of one modality."""
        return {Modality.VIDEO: self.video, Modality.AUDIO: self.audio, Modality.TRANSCRIPT: self.transcript}[modality]


class TaskPlan(_Part):
    """One of the tasks that are learned together."""

    weight: Rate = 1.0
    """Of its loss."""
    is_exclusive: bool | None = None
    """Whether exactly one of its classes is true; empty: yes, except for `event`, where any number may be."""


class TrainingPlan(_Part):
    """Everything that `braid train` is told."""

    data: Path
    """What to learn from: windows (.npz), a folder of recordings with labels.tsv, or folders of sounds by class."""
    out: Path
    """Folder of the trained model, the reports and the checkpoints; a training that was interrupted goes on there."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of everything random: same seed, same data, same model."""
    classes: tuple[Name, ...] = ()
    """Event classes to learn, in this order; empty: all that the data names."""
    modalities: tuple[Modality, ...] = tuple(Modality)
    """What is learned from; one that the data does not have must be left out here."""
    tasks: dict[TaskName, TaskPlan] = {EVENT_TASK: TaskPlan()}
    """What is learned, by name: `event`, and further tasks of the data, such as `mood: {weight: 0.5}`."""
    recordings: RecordingPlan = RecordingPlan()
    """How a folder of recordings becomes windows; without meaning for a set of windows."""
    encoders: EncodersPlan = EncodersPlan()
    """How much of the encoders learns, too; only from a folder of recordings."""
    split: SplitPlan = SplitPlan()
    """Which recordings are held out. A recording is whole in one part."""
    network: NetworkPlan = NetworkPlan()
    """What is trained."""
    loop: LoopPlan = LoopPlan()
    """How long and how fast it learns."""
    joint: JointPlan = JointPlan()
    """How encoders and network learn together at last; only from a folder of recordings."""
    auxiliary: ModalityWeights = ModalityWeights()
    """Weight of each modality's own loss: of its answer when the others are not there. 0: it has none."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for key, values in (("classes", self.classes), ("modalities", self.modalities)):
            if len(set(values)) != len(values):
                raise ValueError(f"{key} names {', '.join(values)}; name each once")
        if not self.modalities:
            raise ValueError(f"modalities is empty; name at least one of {', '.join(Modality)}")
        if idle := [modality for modality in self.encoders.learning if modality not in self.modalities]:
            raise ValueError(
                f"encoders.{idle[0]}.transfer is {self.encoders.learning[idle[0]].transfer}, but modalities are "
                f"{', '.join(self.modalities)}; add {idle[0]}, or leave its encoder frozen"
            )
        if self.joint.epochs and not self.encoders.learning:
            raise ValueError(
                f"joint.epochs is {self.joint.epochs}, but every encoder is frozen; say which learn with the network, "
                "such as `encoders: {video: {transfer: last_n}}`, or leave joint out"
            )
        if self.joint.epochs and len(self.network.each) > 1:
            raise ValueError(
                f"joint.epochs is {self.joint.epochs}, but network.members are {len(self.network.each)}; encoders "
                "learn with one network alone: leave out members, or joint"
            )
        if not self.tasks:
            raise ValueError(f"tasks is empty; name at least one, such as `{EVENT_TASK}: {{}}`")
        return self

    def is_exclusive(self, task: str) -> bool:
        """Whether exactly one class of a task is true."""
        chosen = self.tasks[task].is_exclusive
        return task != EVENT_TASK if chosen is None else chosen

"""Settings of the models that are served."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from processors.modality import Modality
from processors.models.plan import Device, Instances, ModelPlan, PromptPlan
from processors.models.precision import Precision
from streams.settings.section import Section

__all__ = ["EncoderSettings", "ModelSettings", "RawSettings"]


class EncoderSettings(Section):
    """Checkpoints that the repository is built with in place of the shipped encoders."""

    video: str | None = None
    """Frames to embeddings, of CLIP or SigLIP kind: a folder, or `owner/name@revision` on the Hugging Face hub; empty:
    the shipped encoder, as for the others."""
    audio: str | None = None
    """One second of sound to an embedding, of AST or CLAP kind."""
    transcript: str | None = None
    """Text to an embedding, of BERT or MiniLM kind, or a text half of CLIP, SigLIP or CLAP."""


class RawSettings(Section):
    """What the fusion model takes as it is decoded, with the encoder in its own graph, instead of embeddings."""

    video: Annotated[int, Field(ge=0, le=64)] = 0
    """Frames of a window that it takes, evenly sampled; 0: embeddings, as for the other."""
    audio: Annotated[int, Field(ge=0, le=64)] = 0
    """Seconds of sound of a window that it takes."""

    def of_modalities(self) -> dict[Modality, int]:
        """Modality -> how many, for those that are raw."""
        counts = {Modality.VIDEO: self.video, Modality.AUDIO: self.audio}
        return {modality: count for modality, count in counts.items() if count}


class ModelSettings(Section):
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

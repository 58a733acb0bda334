"""The typed spec of every Triton model: the one place that knows tensor names, types and sizes.

`config.pbtxt`, the ONNX graphs, the worker's requests and the tests are all made from `make_specs`: what a user may
choose (how long embeddings are, which classes are looked for) is its argument, all else is constant. Nothing here
imports a deep-learning framework, so a worker can read the spec without one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from processors.modality import Modality

__all__ = [
    "AUDIO_ENCODER",
    "AUDIO_RATE_HZ",
    "CELLS_SHAPE",
    "CONTRIBUTION_ORDER",
    "EMBEDDING_DIMS",
    "EVENT_CLASSES",
    "FRAME_SIDE_PX",
    "FUSION",
    "MAX_CHUNKS",
    "MAX_FRAMES",
    "MAX_ITEMS",
    "MAX_SEGMENTS",
    "MAX_TOKENS",
    "SPECS",
    "TEXT_ENCODER",
    "TEXT_ENCODER_ONNX",
    "TEXT_TOKENIZER",
    "VIDEO_ENCODER",
    "WINDOW_EMBEDDING_DIM",
    "DType",
    "DynamicBatching",
    "EnsembleStep",
    "ModelSpec",
    "TensorSpec",
    "make_specs",
]

DType = Literal["UINT8", "INT64", "FP16", "FP32", "BYTES"]
"""Triton's names of element types, as the inference protocol writes them."""

_NUMPY_TYPES: Final[Mapping[DType, np.dtype[np.generic]]] = MappingProxyType(
    {
        "UINT8": np.dtype(np.uint8),
        "INT64": np.dtype(np.int64),
        "FP16": np.dtype(np.float16),
        "FP32": np.dtype(np.float32),
        "BYTES": np.dtype(np.object_),
    }
)

EVENT_CLASSES: Final = ("fire_alarm", "collision", "break_in", "crowd_panic")
"""What the shipped fusion model looks for, in the order of its outputs; not exclusive: each has a probability."""

CONTRIBUTION_ORDER: Final = (Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT)
"""The rows of `contributions`: each tells how the probabilities change when that modality is left out."""

AUDIO_RATE_HZ: Final = 16_000
FRAME_SIDE_PX: Final = 224
MAX_FRAMES: Final = 32
MAX_CHUNKS: Final = 16
MAX_SEGMENTS: Final = 16
MAX_TOKENS: Final = 256
"""Longer texts are cut: the length the shipped text encoder was trained for, and the most of any other."""

CELLS_SHAPE: Final = (5, 5, 40)
"""Rows, columns and channels of a frame's `cells`."""

WINDOW_EMBEDDING_DIM: Final = 128

EMBEDDING_DIMS: Final[Mapping[Modality, int]] = MappingProxyType(
    {Modality.VIDEO: 1280, Modality.AUDIO: 1280, Modality.TRANSCRIPT: 384}
)
"""Length of one item's embedding, of the shipped encoders."""

MAX_ITEMS: Final[Mapping[Modality, int]] = MappingProxyType(
    {Modality.VIDEO: MAX_FRAMES, Modality.AUDIO: MAX_CHUNKS, Modality.TRANSCRIPT: MAX_SEGMENTS}
)
"""How many items of a window the fusion model takes; of more, an even sample is taken."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model.

    Attributes:
        name: its name in the Triton protocol and in the ONNX graph.
        dtype: element type, in Triton's words.
        shape: without the batch dimension; -1 is a length that may differ between requests.
    """

    name: str
    dtype: DType
    shape: tuple[int, ...]

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        """The array type that holds it; `BYTES` is an array of Python `bytes`."""
        return _NUMPY_TYPES[self.dtype]


@dataclass(frozen=True, slots=True)
class DynamicBatching:
    """How the server joins requests that wait at the same time.

    Attributes:
        preferred_sizes: batch sizes to send at once; without any, whatever waits goes as soon as an instance is free.
        max_queue_delay_us: how long a request may wait for company.
    """

    preferred_sizes: tuple[int, ...] = ()
    max_queue_delay_us: int = 0


@dataclass(frozen=True, slots=True)
class EnsembleStep:
    """One model of an ensemble and how its tensors are wired.

    Attributes:
        model: name of the model that runs.
        input_map: the model's input -> the ensemble's tensor.
        output_map: the model's output -> the ensemble's tensor.
    """

    model: str
    input_map: tuple[tuple[str, str], ...]
    output_map: tuple[tuple[str, str], ...]


def _nothing() -> Mapping[str, Any]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model of the Triton repository.

    Attributes:
        name: folder in the repository, and the model's name in requests.
        inputs: in the order in which the network's `forward` takes them.
        outputs: in the order in which it returns them.
        backend: which Triton backend runs it.
        max_batch_size: rows that one request, and one joined batch, may hold.
        batching: dynamic batching; None where the parts of an ensemble do it.
        instance_kind: `KIND_AUTO` is a GPU where the server has one, otherwise the CPU.
        instance_count: copies that answer at the same time, on each GPU or on the CPU.
        steps: the models of an ensemble, in order.
        labels: output name -> what the elements of its last dimension are called; at most one output.
        parameters: settings that the model itself reads.
        warm_up_length: what -1 stands for in the warm-up sample.
        versions_served: which versions the server keeps loaded: the newest alone, or all, so that another one can take
            over while requests come.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    backend: Literal["onnxruntime", "python", "ensemble"]
    max_batch_size: int
    batching: DynamicBatching | None = field(default_factory=DynamicBatching)
    instance_kind: Literal["KIND_AUTO", "KIND_CPU", "KIND_GPU"] = "KIND_AUTO"
    instance_count: int = 1
    steps: tuple[EnsembleStep, ...] = ()
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=_nothing)
    parameters: Mapping[str, str] = field(default_factory=_nothing)
    warm_up_length: int = 1
    versions_served: Literal["newest", "all"] = "newest"

    def sample(self, batch_size: int = 1) -> dict[str, npt.NDArray[np.generic]]:
        """Makes the known-good request that the server also warms up with: zeros, and empty texts.

        Args:
            batch_size: rows of the request, at most `max_batch_size`.

        Returns:
            Input name -> array with the batch dimension first.
        """
        sample: dict[str, npt.NDArray[np.generic]] = {}
        for tensor in self.inputs:
            shape = (batch_size, *(self.warm_up_length if size < 0 else size for size in tensor.shape))
            fill = b"" if tensor.dtype == "BYTES" else 0
            sample[tensor.name] = np.full(shape, fill, dtype=tensor.numpy_dtype)
        return sample


def make_specs(
    dims: Mapping[Modality, int] = EMBEDDING_DIMS,
    classes: Sequence[str] = EVENT_CLASSES,
    fusion_parameters: Mapping[str, str] = MappingProxyType({}),
    max_tokens: int = MAX_TOKENS,
) -> Mapping[str, ModelSpec]:
    """Every model of a repository, in an order in which each comes after those that it is made of.

    Args:
        dims: length of one item's embedding, for every modality.
        classes: what the fusion model's probabilities are of, in order.
        fusion_parameters: settings that stand in the configuration of the fusion model.
        max_tokens: longer texts are cut.
    """
    text_encoder, *text_parts = _text_models(dims[Modality.TRANSCRIPT], max_tokens)
    specs = (
        ModelSpec(
            name="video_encoder",
            inputs=(TensorSpec("frames", "UINT8", (FRAME_SIDE_PX, FRAME_SIDE_PX, 3)),),
            outputs=(_embedding(dims[Modality.VIDEO]), TensorSpec("cells", "FP16", CELLS_SHAPE)),
            backend="onnxruntime",
            max_batch_size=32,
        ),
        ModelSpec(
            name="audio_encoder",
            inputs=(TensorSpec("samples", "FP32", (AUDIO_RATE_HZ,)),),
            outputs=(_embedding(dims[Modality.AUDIO]),),
            backend="onnxruntime",
            max_batch_size=32,
        ),
        *text_parts,
        text_encoder,
        _fusion(dims, tuple(classes), fusion_parameters),
    )
    return MappingProxyType({spec.name: spec for spec in specs})


def _embedding(dim: int) -> TensorSpec:
    return TensorSpec("embedding", "FP32", (dim,))


def _text_models(dim: int, max_tokens: int) -> tuple[ModelSpec, ModelSpec, ModelSpec]:
    """The ensemble that takes text, and its parts in order."""
    tokens = (TensorSpec("input_ids", "INT64", (-1,)), TensorSpec("attention_mask", "INT64", (-1,)))
    tokenizer = ModelSpec(
        name="text_tokenizer",
        inputs=(TensorSpec("text", "BYTES", (1,)),),
        outputs=tokens,
        backend="python",
        max_batch_size=64,
        instance_kind="KIND_CPU",
        parameters=MappingProxyType({"max_tokens": str(max_tokens)}),
    )
    network = ModelSpec(
        name="text_encoder_onnx",
        inputs=tokens,
        outputs=(_embedding(dim),),
        backend="onnxruntime",
        max_batch_size=64,
        warm_up_length=16,
    )
    wires = tuple((tensor.name, tensor.name) for tensor in tokens)
    ensemble = ModelSpec(
        name="text_encoder",
        inputs=tokenizer.inputs,
        outputs=network.outputs,
        backend="ensemble",
        max_batch_size=64,
        batching=None,
        steps=(
            EnsembleStep(tokenizer.name, input_map=(("text", "text"),), output_map=wires),
            EnsembleStep(network.name, input_map=wires, output_map=(("embedding", "embedding"),)),
        ),
    )
    return ensemble, tokenizer, network


def _fusion(dims: Mapping[Modality, int], classes: tuple[str, ...], parameters: Mapping[str, str]) -> ModelSpec:
    return ModelSpec(
        name="fusion",
        inputs=tuple(tensor for modality in CONTRIBUTION_ORDER for tensor in _window_inputs(modality, dims[modality])),
        outputs=(
            TensorSpec("probabilities", "FP32", (len(classes),)),
            TensorSpec("contributions", "FP32", (len(CONTRIBUTION_ORDER), len(classes))),
            _embedding(WINDOW_EMBEDDING_DIM),
        ),
        backend="onnxruntime",
        max_batch_size=64,
        labels=MappingProxyType({"probabilities": classes}),
        parameters=parameters,
        versions_served="all",
    )


def _window_inputs(modality: Modality, dim: int) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
    """The items of one modality: embeddings, seconds from the window's start, and overlap fraction (0 is padding)."""
    items = MAX_ITEMS[modality]
    return (
        TensorSpec(modality.value, "FP32", (items, dim)),
        TensorSpec(f"{modality}_time", "FP32", (items,)),
        TensorSpec(f"{modality}_weight", "FP32", (items,)),
    )


SPECS: Final[Mapping[str, ModelSpec]] = make_specs()
"""The models of a repository of what is shipped."""

VIDEO_ENCODER: Final = SPECS["video_encoder"]
AUDIO_ENCODER: Final = SPECS["audio_encoder"]
TEXT_TOKENIZER: Final = SPECS["text_tokenizer"]
TEXT_ENCODER_ONNX: Final = SPECS["text_encoder_onnx"]
TEXT_ENCODER: Final = SPECS["text_encoder"]
FUSION: Final = SPECS["fusion"]

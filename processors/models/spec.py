"""The typed spec of every Triton model: the one place that knows tensor names, types and sizes.

`config.pbtxt`, the ONNX graphs, the worker's requests and the tests are all made from these constants. Nothing here
imports a deep-learning framework, so a worker can read the spec without one.
"""

from collections.abc import Mapping
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
"""What the fusion model looks for, in the order of its outputs. Classes are not exclusive: each has a probability."""

CONTRIBUTION_ORDER: Final = (Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT)
"""The rows of `contributions`: each tells how the probabilities change when that modality is left out."""

AUDIO_RATE_HZ: Final = 16_000
FRAME_SIDE_PX: Final = 224
MAX_FRAMES: Final = 32
MAX_CHUNKS: Final = 16
MAX_SEGMENTS: Final = 16
MAX_TOKENS: Final = 256
"""Longer texts are cut: the length the text encoder was trained for."""

CELLS_SHAPE: Final = (5, 5, 40)
"""Rows, columns and channels of a frame's `cells`."""

WINDOW_EMBEDDING_DIM: Final = 128

EMBEDDING_DIMS: Final[Mapping[Modality, int]] = MappingProxyType(
    {Modality.VIDEO: 1280, Modality.AUDIO: 1280, Modality.TRANSCRIPT: 384}
)
"""Length of one item's embedding."""

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
    instance_kind: Literal["KIND_AUTO", "KIND_CPU"] = "KIND_AUTO"
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


def _embedding(dim: int) -> TensorSpec:
    return TensorSpec("embedding", "FP32", (dim,))


VIDEO_ENCODER: Final = ModelSpec(
    name="video_encoder",
    inputs=(TensorSpec("frames", "UINT8", (FRAME_SIDE_PX, FRAME_SIDE_PX, 3)),),
    outputs=(_embedding(EMBEDDING_DIMS[Modality.VIDEO]), TensorSpec("cells", "FP16", CELLS_SHAPE)),
    backend="onnxruntime",
    max_batch_size=32,
)

AUDIO_ENCODER: Final = ModelSpec(
    name="audio_encoder",
    inputs=(TensorSpec("samples", "FP32", (AUDIO_RATE_HZ,)),),
    outputs=(_embedding(EMBEDDING_DIMS[Modality.AUDIO]),),
    backend="onnxruntime",
    max_batch_size=32,
)

_TOKENS: Final = (TensorSpec("input_ids", "INT64", (-1,)), TensorSpec("attention_mask", "INT64", (-1,)))

TEXT_TOKENIZER: Final = ModelSpec(
    name="text_tokenizer",
    inputs=(TensorSpec("text", "BYTES", (1,)),),
    outputs=_TOKENS,
    backend="python",
    max_batch_size=64,
    instance_kind="KIND_CPU",
    parameters=MappingProxyType({"max_tokens": str(MAX_TOKENS)}),
)

TEXT_ENCODER_ONNX: Final = ModelSpec(
    name="text_encoder_onnx",
    inputs=_TOKENS,
    outputs=(_embedding(EMBEDDING_DIMS[Modality.TRANSCRIPT]),),
    backend="onnxruntime",
    max_batch_size=64,
    warm_up_length=16,
)

TEXT_ENCODER: Final = ModelSpec(
    name="text_encoder",
    inputs=TEXT_TOKENIZER.inputs,
    outputs=TEXT_ENCODER_ONNX.outputs,
    backend="ensemble",
    max_batch_size=64,
    batching=None,
    steps=(
        EnsembleStep(
            TEXT_TOKENIZER.name,
            input_map=(("text", "text"),),
            output_map=(("input_ids", "input_ids"), ("attention_mask", "attention_mask")),
        ),
        EnsembleStep(
            TEXT_ENCODER_ONNX.name,
            input_map=(("input_ids", "input_ids"), ("attention_mask", "attention_mask")),
            output_map=(("embedding", "embedding"),),
        ),
    ),
)


def _window_inputs(modality: Modality) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
    """The items of one modality: embeddings, seconds from the window's start, and overlap fraction (0 is padding)."""
    items = MAX_ITEMS[modality]
    return (
        TensorSpec(modality.value, "FP32", (items, EMBEDDING_DIMS[modality])),
        TensorSpec(f"{modality}_time", "FP32", (items,)),
        TensorSpec(f"{modality}_weight", "FP32", (items,)),
    )


FUSION: Final = ModelSpec(
    name="fusion",
    inputs=tuple(tensor for modality in CONTRIBUTION_ORDER for tensor in _window_inputs(modality)),
    outputs=(
        TensorSpec("probabilities", "FP32", (len(EVENT_CLASSES),)),
        TensorSpec("contributions", "FP32", (len(CONTRIBUTION_ORDER), len(EVENT_CLASSES))),
        _embedding(WINDOW_EMBEDDING_DIM),
    ),
    backend="onnxruntime",
    max_batch_size=64,
    labels=MappingProxyType({"probabilities": EVENT_CLASSES}),
    versions_served="all",
)

SPECS: Final[Mapping[str, ModelSpec]] = MappingProxyType(
    {
        spec.name: spec
        for spec in (VIDEO_ENCODER, AUDIO_ENCODER, TEXT_TOKENIZER, TEXT_ENCODER_ONNX, TEXT_ENCODER, FUSION)
    }
)
"""Every model of the repository, in an order in which each comes after those that it is made of."""

"""The typed spec of every Triton model: the one place that knows tensor names, types and sizes.

`config.pbtxt`, the ONNX graphs, the worker's requests and the tests are all made from `make_specs`: what a user may
choose (how long embeddings are, which classes are looked for) is its argument, all else is constant. Nothing here
imports a deep-learning framework, so a worker can read the spec without one.
"""

import math
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
    "FUSION_MAX_BATCH",
    "MAX_CHUNKS",
    "MAX_FRAMES",
    "MAX_ITEMS",
    "MAX_SEGMENTS",
    "MAX_TOKENS",
    "RAW_ITEMS",
    "RAW_MAX_BATCH",
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
    "embedded_items",
    "make_specs",
    "raw_items",
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

FUSION_MAX_BATCH: Final = 64
"""Windows that one request to a fusion model over embeddings may hold."""

RAW_MAX_BATCH: Final = 8
"""The same where it takes items raw: a window is more than a megabyte then, and each of its items an encoder's work."""


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

    @property
    def row_bytes(self) -> int:
        """What one row of a batch takes."""
        return math.prod(self.shape) * self.numpy_dtype.itemsize

    def __str__(self) -> str:
        """As people read it: `video UINT8 [8, 224, 224, 3]`."""
        return f"{self.name} {self.dtype} [{', '.join(map(str, self.shape))}]"


RAW_ITEMS: Final[Mapping[Modality, TensorSpec]] = MappingProxyType(
    {
        Modality.VIDEO: TensorSpec("frames", "UINT8", (FRAME_SIDE_PX, FRAME_SIDE_PX, 3)),
        Modality.AUDIO: TensorSpec("samples", "FP32", (AUDIO_RATE_HZ,)),
    }
)
"""One item as its encoder takes it, and a fusion model that takes it raw: a frame, a second of sound."""


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
        accelerator: what runs the graph on a GPU in place of CUDA; None for CUDA.
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
    accelerator: Literal["tensorrt"] | None = None
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
    raw: Mapping[Modality, int] = MappingProxyType({}),
    fusion_batch: int = FUSION_MAX_BATCH,
) -> Mapping[str, ModelSpec]:
    """Every model of a repository, in an order in which each comes after those that it is made of.

    Args:
        dims: length of one item's embedding. A modality that is raw may be missing; its encoder is then, too.
        classes: what the fusion model's probabilities are of, in order.
        fusion_parameters: settings that stand in the configuration of the fusion model.
        max_tokens: longer texts are cut.
        raw: modality whose items the fusion model takes as they are decoded -> how many of a window.
        fusion_batch: windows that one request to the fusion model may hold.
    """
    text_encoder, *text_parts = _text_models(dims[Modality.TRANSCRIPT], max_tokens)
    encoders = [_encoder(modality, dims[modality]) for modality in RAW_ITEMS if modality in dims]
    fusion = _fusion(dims, tuple(classes), fusion_parameters, raw, fusion_batch)
    return MappingProxyType({spec.name: spec for spec in (*encoders, *text_parts, text_encoder, fusion)})


def embedded_items(modality: Modality, dim: int) -> TensorSpec:
    """The fusion model's input that holds a window's embeddings of one modality, padded."""
    return TensorSpec(modality.value, "FP32", (MAX_ITEMS[modality], dim))


def raw_items(modality: Modality, limit: int) -> TensorSpec:
    """The fusion model's input that holds up to `limit` items of one modality as they are decoded, padded."""
    item = RAW_ITEMS[modality]
    return TensorSpec(modality.value, item.dtype, (limit, *item.shape))


def _encoder(modality: Modality, dim: int) -> ModelSpec:
    cells = (TensorSpec("cells", "FP16", CELLS_SHAPE),) if modality is Modality.VIDEO else ()
    return ModelSpec(
        name=f"{modality}_encoder",
        inputs=(RAW_ITEMS[modality],),
        outputs=(_embedding(dim), *cells),
        backend="onnxruntime",
        max_batch_size=32,
    )


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


def _fusion(
    dims: Mapping[Modality, int],
    classes: tuple[str, ...],
    parameters: Mapping[str, str],
    raw: Mapping[Modality, int],
    max_batch_size: int,
) -> ModelSpec:
    items = [
        raw_items(modality, raw[modality]) if modality in raw else embedded_items(modality, dims[modality])
        for modality in CONTRIBUTION_ORDER
    ]
    return ModelSpec(
        name="fusion",
        inputs=tuple(tensor for each in items for tensor in _window_inputs(each)),
        outputs=(
            TensorSpec("probabilities", "FP32", (len(classes),)),
            TensorSpec("contributions", "FP32", (len(CONTRIBUTION_ORDER), len(classes))),
            _embedding(WINDOW_EMBEDDING_DIM),
        ),
        backend="onnxruntime",
        max_batch_size=max_batch_size,
        labels=MappingProxyType({"probabilities": classes}),
        parameters=parameters,
        versions_served="all",
    )


def _window_inputs(items: TensorSpec) -> tuple[TensorSpec, TensorSpec, TensorSpec]:
    """One modality: its items, seconds from the window's start, and overlap fraction (0 is padding)."""
    limit = items.shape[:1]
    return (
        items,
        TensorSpec(f"{items.name}_time", "FP32", limit),
        TensorSpec(f"{items.name}_weight", "FP32", limit),
    )


SPECS: Final[Mapping[str, ModelSpec]] = make_specs()
"""The models of a repository of what is shipped."""

VIDEO_ENCODER: Final = SPECS["video_encoder"]
AUDIO_ENCODER: Final = SPECS["audio_encoder"]
TEXT_TOKENIZER: Final = SPECS["text_tokenizer"]
TEXT_ENCODER_ONNX: Final = SPECS["text_encoder_onnx"]
TEXT_ENCODER: Final = SPECS["text_encoder"]
FUSION: Final = SPECS["fusion"]

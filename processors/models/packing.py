"""The items of a window as the fusion model takes them: fixed lengths, times from its start, overlap as weight."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.spec import EMBEDDING_DIMS, TensorSpec, embedded_items

__all__ = ["find_inside", "pack_items", "pack_rows", "sample_evenly"]


def sample_evenly(count: int, limit: int) -> npt.NDArray[np.intp]:
    """Indices of at most `limit` of `count` items, first and last among them, evenly spread, in order."""
    if count <= limit:
        return np.arange(count)
    return np.linspace(0, count - 1, limit).round().astype(np.intp)


def find_inside(spans_ms: npt.NDArray[np.int64], window_ms: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Bool [N]: which items, of spans int64 [N, 2], belong to a window; a point lasts for a millisecond."""
    starts, ends = spans_ms[:, 0], spans_ms[:, 1]
    return (starts < window_ms[1]) & (np.maximum(ends, starts + 1) > window_ms[0])


def pack_items(
    modality: Modality,
    embeddings: npt.NDArray[np.float32],
    spans_ms: npt.NDArray[np.int64],
    window_ms: tuple[int, int],
    dims: Mapping[Modality, int] = EMBEDDING_DIMS,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Pack one modality's items of one window; of more than the model takes, an even sample.

    Args:
        modality: which one.
        embeddings: float32 [N, D], in order of time.
        spans_ms: int64 [N, 2], start and end of each item; a point has both equal.
        window_ms: start and end of the window, on the same clock.
        dims: length of one item's embedding, for every modality, as the model takes it.

    Returns:
        Embeddings float32 [T, D], times float32 [T] in seconds from the window's start to the item's (below 0 where the
        item began earlier), weights float32 [T]: the share of the item inside the window, 1 for a point, 0 for padding.

    Raises:
        ModelError: the shapes do not fit each other or the model.
    """
    dim = dims[modality]
    if embeddings.ndim != 2 or embeddings.shape[1] != dim or spans_ms.shape != (len(embeddings), 2):
        raise ModelError(
            f"{modality} items: embeddings {list(embeddings.shape)} with spans {list(spans_ms.shape)}, "
            f"expected [N, {dim}] with [N, 2]"
        )
    rows = list(embeddings.astype(np.float32, copy=False))
    return pack_rows(rows, spans_ms, window_ms, embedded_items(modality, dim))


def pack_rows(
    rows: Sequence[npt.NDArray[Any]],
    spans_ms: npt.NDArray[np.int64],
    window_ms: tuple[int, int],
    tensor: TensorSpec,
) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Pack rows of one modality as `pack_items` does, whatever the fusion model takes: embeddings, frames or samples.

    Args:
        rows: of the tensor's type and shape, without its first dimension; in order of time.
        spans_ms: int64 [N, 2], start and end of each row.
        window_ms: start and end of the window, on the same clock.
        tensor: input of the fusion model; its first dimension is how many rows it takes.

    Raises:
        ModelError: the shapes do not fit each other or the model.
    """
    limit, *shape = tensor.shape
    for row in rows:
        if row.dtype != tensor.numpy_dtype or list(row.shape) != shape:
            raise ModelError(
                f"{tensor.name} items: rows {row.dtype} {list(row.shape)}, expected {tensor.numpy_dtype} {shape}"
            )
    if spans_ms.shape != (len(rows), 2):
        raise ModelError(f"{tensor.name} items: {len(rows)} rows with spans {list(spans_ms.shape)}, expected [N, 2]")
    chosen = sample_evenly(len(rows), limit)
    starts, ends = spans_ms[chosen, 0], spans_ms[chosen, 1]
    inside_ms = np.clip(np.minimum(ends, window_ms[1]) - np.maximum(starts, window_ms[0]), 0, None)
    is_point = ends <= starts
    is_inside_point = is_point & (starts >= window_ms[0]) & (starts < window_ms[1])
    share = np.where(is_point, is_inside_point, inside_ms / np.where(is_point, 1, ends - starts))
    packed = np.zeros(tensor.shape, tensor.numpy_dtype)
    times, weights = np.zeros(limit, np.float32), np.zeros(limit, np.float32)
    for place, row in enumerate(chosen):
        packed[place] = rows[row]
    times[: len(chosen)] = (starts - window_ms[0]) / 1000
    weights[: len(chosen)] = share
    return packed, times, weights

"""Windows of an encoded stream: six seconds, asked about the second in their middle, every half second."""

from typing import Final

import numpy as np
import numpy.typing as npt

from processors.modality import Modality
from processors.models.composed.encoding import EncodedStream
from processors.models.packing import pack_items, sample_evenly
from processors.models.spec import CONTRIBUTION_ORDER, MAX_ITEMS

__all__ = ["HOP_MS", "MOMENT_MS", "SIZE_MS", "evidence_at", "pack_window", "place_items", "window_starts_ms"]

SIZE_MS: Final = 6000
HOP_MS: Final = 500
MOMENT_MS: Final = 1000
"""How long the moment in the middle is about which a window is asked."""


def window_starts_ms(duration_ms: int) -> npt.NDArray[np.int64]:
    """Where windows begin, the first and last so that the moment they are asked about is inside the stream."""
    return np.arange(0, duration_ms - MOMENT_MS + 1, HOP_MS, dtype=np.int64) - (SIZE_MS - MOMENT_MS) // 2


def pack_window(stream: EncodedStream, start_ms: int) -> list[npt.NDArray[np.float32]]:
    """Items, times and weights of each modality, in `CONTRIBUTION_ORDER`, as the fusion model takes them."""
    packed: list[npt.NDArray[np.float32]] = []
    for modality in CONTRIBUTION_ORDER:
        items, inside = stream.items[modality], _find_inside(stream, modality, start_ms)
        window_ms = (start_ms, start_ms + SIZE_MS)
        packed += pack_items(modality, items.embeddings[inside], items.spans_ms[inside], window_ms)
    return packed


def place_items(
    stream: EncodedStream, modality: Modality, start_ms: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """As `pack_window` for one modality, with the number of each item in the stream for the item itself."""
    inside = _find_inside(stream, modality, start_ms)
    chosen = inside[sample_evenly(len(inside), MAX_ITEMS[modality])]
    places = np.zeros(MAX_ITEMS[modality], np.int64)
    places[: len(chosen)] = chosen
    items, window_ms = stream.items[modality], (start_ms, start_ms + SIZE_MS)
    _, times, weights = pack_items(modality, items.embeddings[inside], items.spans_ms[inside], window_ms)
    return places, times, weights


def _find_inside(stream: EncodedStream, modality: Modality, start_ms: int) -> npt.NDArray[np.intp]:
    spans_ms = stream.items[modality].spans_ms
    starts, ends = spans_ms[:, 0], spans_ms[:, 1]
    return np.flatnonzero((starts < start_ms + SIZE_MS) & (np.maximum(ends, starts + 1) > start_ms))


def evidence_at(
    stream: EncodedStream, start_ms: int, classes: tuple[str, ...]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What carries which class in the moment that a window is asked about.

    Returns:
        Float32 [M, C]: 1 where a modality carries a class that fills at least half of the moment; and float32 [C]: how
        much of the moment each class fills.
    """
    from_ms = start_ms + (SIZE_MS - MOMENT_MS) // 2
    evidence = np.zeros((len(CONTRIBUTION_ORDER), len(classes)), np.float32)
    filled = np.zeros(len(classes), np.float32)
    for event in stream.events:
        shared_ms = min(event.end_ms, from_ms + MOMENT_MS) - max(event.start_ms, from_ms)
        if shared_ms <= 0:
            continue
        column = classes.index(event.kind)
        filled[column] = max(filled[column], shared_ms / MOMENT_MS)
        for row, modality in enumerate(CONTRIBUTION_ORDER):
            evidence[row, column] = max(
                evidence[row, column], modality in event.modalities and shared_ms >= MOMENT_MS / 2
            )
    return evidence, filled

"""What the fusion model takes of each item of a window: its embedding, its pixels, or seconds of its sound. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.audio import piece_starts
from processors.models.packing import find_inside, pack_rows, sample_evenly
from processors.models.spec import AUDIO_RATE_HZ, TensorSpec
from streams.align import Window
from streams.records import Item
from streams.worker.encoders import Encoded

__all__ = ["count_used", "pack_window"]


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """One row.

    Attributes:
        item: which item it is of, by its place.
        values: as the fusion model takes them.
        span_ms: where it lies; a point has both equal.
    """

    item: int
    values: npt.NDArray[Any]
    span_ms: tuple[int, int]


def pack_window(window: Window[Item], items: Sequence[Encoded], tensor: TensorSpec) -> tuple[npt.NDArray[Any], ...]:
    """Rows, times and weights of one modality as `pack_rows` gives them.

    Args:
        window: its bounds give times and overlaps.
        items: of that modality, in order of start and id.
        tensor: the fusion model's input for it.
    """
    rows = _rows(window, items)
    spans_ms = np.array([row.span_ms for row in rows], np.int64).reshape(-1, 2)
    return pack_rows([row.values for row in rows], spans_ms, (window.start_ms, window.end_ms), tensor)


def count_used(window: Window[Item], items: Sequence[Encoded], tensor: TensorSpec) -> int:
    """How many items of a modality the fusion model is given something of."""
    rows = _rows(window, items)
    return len({rows[row].item for row in sample_evenly(len(rows), tensor.shape[0])})


def _rows(window: Window[Item], items: Sequence[Encoded]) -> list[_Row]:
    """One for each item, but for a raw sound of more than a second one for each second that reaches into the window."""
    rows: list[_Row] = []
    for place, encoded in enumerate(items):
        item, raw = encoded.item, encoded.content.raw
        if raw is None or len(raw) == 1:
            values = encoded.content.embedding if raw is None else raw[0]
            rows.append(_Row(place, values, (item.start_ms, item.end_ms)))
            continue
        spans_ms = _seconds_of(encoded)
        is_inside = find_inside(spans_ms, (window.start_ms, window.end_ms))
        rows += [_Row(place, raw[piece], tuple(spans_ms[piece].tolist())) for piece in np.flatnonzero(is_inside)]
    return rows


def _seconds_of(encoded: Encoded) -> npt.NDArray[np.int64]:
    """Where the pieces of a sound lie, int64 [P, 2]."""
    content = encoded.content
    starts = piece_starts(round(content.samples * AUDIO_RATE_HZ / content.sample_rate_hz))
    starts_ms = encoded.item.start_ms + np.array(starts, np.int64) * 1_000 // AUDIO_RATE_HZ
    return np.stack([starts_ms, starts_ms + 1_000], axis=1)

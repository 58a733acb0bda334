"""Windows of an encoded scene, cut as the pipeline cuts them, and what each of their modalities shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from processors.modality import Modality
from processors.models.fusion_training.scenes import EncodedScene, Items
from processors.models.packing import find_inside, pack_items
from processors.models.spec import CONTRIBUTION_ORDER, EVENT_CLASSES
from processors.scenes.words import EVENT_LINES

__all__ = ["HOP_MS", "SIZE_MS", "Window", "cut_windows", "overlap_ms", "pack_windows"]

SIZE_MS: Final = 4000
HOP_MS: Final = 2000
_POSITIVE_MS: Final = 1000
_HEARD_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """One window of a scene.

    Attributes:
        scene: where it is from.
        start_ms: where it starts in the scene; it is `SIZE_MS` long.
        evidence: bool [3, C], which modality shows which event class; the window holds at least a second of it.
        is_unclear: bool [C], whether less than a second of an event of the class reaches into the window.
    """

    scene: EncodedScene
    start_ms: int
    evidence: npt.NDArray[np.bool_]
    is_unclear: npt.NDArray[np.bool_]

    @property
    def end_ms(self) -> int:
        """One past its last millisecond."""
        return self.start_ms + SIZE_MS


def overlap_ms(first: tuple[int, int], second: tuple[int, int]) -> int:
    """How long two half-open spans overlap."""
    return max(0, min(first[1], second[1]) - max(first[0], second[0]))


def cut_windows(scene: EncodedScene, phase_ms: int = 0) -> list[Window]:
    """All whole windows of a scene; `phase_ms` is where the first begins, as a scene may begin anywhere in the grid."""
    starts = range(phase_ms, scene.duration_ms - SIZE_MS + 1, HOP_MS)
    return [_look_at(scene, start_ms) for start_ms in starts]


def _look_at(scene: EncodedScene, start_ms: int) -> Window:
    span = (start_ms, start_ms + SIZE_MS)
    evidence = np.zeros((len(CONTRIBUTION_ORDER), len(EVENT_CLASSES)), np.bool_)
    is_unclear = np.zeros(len(EVENT_CLASSES), np.bool_)
    for event in scene.events:
        column = EVENT_CLASSES.index(event.event_class)
        shared_ms = overlap_ms(span, (event.start_ms, event.end_ms))
        if 0 < shared_ms < _POSITIVE_MS:
            is_unclear[column] = True
        if shared_ms < _POSITIVE_MS:
            continue
        for row, modality in enumerate(CONTRIBUTION_ORDER):
            evidence[row, column] |= modality in event.modalities and modality is not Modality.TRANSCRIPT
    words = CONTRIBUTION_ORDER.index(Modality.TRANSCRIPT)
    for line, (from_ms, to_ms) in zip(scene.lines, scene.items[Modality.TRANSCRIPT].spans_ms, strict=True):
        is_heard = overlap_ms(span, (int(from_ms), int(to_ms))) >= _HEARD_SHARE * (to_ms - from_ms)
        for column, event_class in enumerate(EVENT_CLASSES):
            evidence[words, column] |= is_heard and line in EVENT_LINES[event_class]
    return Window(scene, start_ms, evidence, is_unclear & ~evidence.any(axis=0))


def pack_windows(windows: Sequence[Window], rng: np.random.Generator | None = None) -> list[torch.Tensor]:
    """The nine inputs of the fusion network, float32, batch first.

    Args:
        windows: the batch.
        rng: thins the frames of every other window, as a slower camera would; without it, every item is taken.
    """
    rows = []
    for window in windows:
        row: list[npt.NDArray[np.float32]] = []
        for modality in CONTRIBUTION_ORDER:
            items = _inside(window, modality)
            if rng is not None and modality is Modality.VIDEO and rng.random() < 0.5:
                items = _thin(items, rng)
            row.extend(pack_items(modality, items.embeddings, items.spans_ms, (window.start_ms, window.end_ms)))
        rows.append(row)
    return [torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)]


def _inside(window: Window, modality: Modality) -> Items:
    items = window.scene.items[modality]
    is_inside = find_inside(items.spans_ms, (window.start_ms, window.end_ms))
    return Items(items.embeddings[is_inside], items.spans_ms[is_inside])


def _thin(items: Items, rng: np.random.Generator) -> Items:
    kept = rng.random(len(items.embeddings)) < rng.uniform(0.2, 1.0)
    return Items(items.embeddings[kept], items.spans_ms[kept])

"""Media files as `braid ingest` would send them, for trainings that encode them in this process."""

from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from processors.modality import Modality

if TYPE_CHECKING:
    from processors.models.training.data import RecordingTools
    from processors.models.training.recordings import ItemEncoder, RecordedItem

__all__ = ["make_tools"]


def make_tools(fps: float, modalities: Collection[Modality] = tuple(Modality)) -> "RecordingTools":
    """What reads recordings and encodes them.

    Args:
        fps: frames per second that are looked at.
        modalities: that are read.
    """
    from processors.models.training.data import RecordingTools

    return RecordingTools(lambda path: _read(path, Fraction(fps), frozenset(modalities)), _open_encoder)


def _read(path: Path, fps: Fraction, modalities: frozenset[Modality]) -> "Iterator[RecordedItem]":
    from processors.models.training.recordings import RecordedItem
    from streams.ingest import ReadOptions, open_media, read_items

    options = ReadOptions(fps=fps, modalities=modalities)
    for record in read_items(open_media(path, modalities=modalities), options):
        if not record.is_heartbeat:
            yield RecordedItem(record.modality, record.start_ms, record.due_ms, record.payload)


def _open_encoder(repository: Path) -> "ItemEncoder":
    from processors.models.local_encoders import Encoders

    return Encoders(repository)

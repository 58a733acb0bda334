"""Items of recordings by number, on disk, and which of them are in which window."""

from array import array
from collections.abc import Collection, Iterator, Mapping
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

from processors.datasets.recordings import RecordingFolder
from processors.modality import Modality
from processors.models.training.plan import RecordingPlan
from processors.models.training.recordings import ItemEncoder, ItemReader, cut_recordings, encode_payloads

__all__ = ["ItemStore", "store_items"]

_ENCODED_AT_ONCE: Final = 64


class ItemStore:
    """Payloads of some modalities in a file; memory holds where each begins.

    Args:
        file: empty, to write and to read; open as long as the store is used.
        modalities: whose payloads are kept.
    """

    def __init__(self, file: BinaryIO, modalities: Collection[Modality]) -> None:
        self._file = file
        self._begins: dict[Modality, array[int]] = {modality: array("q") for modality in modalities}
        self._sizes: dict[Modality, array[int]] = {modality: array("q") for modality in modalities}
        self._end = 0

    def add(self, modality: Modality, payloads: list[bytes]) -> npt.NDArray[np.float32]:
        """Keep payloads, and give the numbers of them, from 1, float32 [N, 1]; 0 of a modality that is not kept."""
        if modality not in self._begins:
            return np.zeros((len(payloads), 1), np.float32)
        first = len(self._begins[modality]) + 1
        for payload in payloads:
            self._file.write(payload)
            self._begins[modality].append(self._end)
            self._sizes[modality].append(len(payload))
            self._end += len(payload)
        return np.arange(first, first + len(payloads), dtype=np.float32)[:, None]

    def count(self, modality: Modality) -> int:
        """How many there are."""
        return len(self._begins[modality])

    def longest(self, modality: Modality) -> int:
        """Bytes of the longest payload."""
        return max(self._sizes[modality])

    def read(self, modality: Modality, number: int) -> bytes:
        """The payload of that number, from 1."""
        self._file.seek(self._begins[modality][number - 1])
        return self._file.read(self._sizes[modality][number - 1])

    def each(self, modality: Modality) -> Iterator[bytes]:
        """All payloads, in order."""
        for number in range(1, self.count(modality) + 1):
            yield self.read(modality, number)

    def encode(
        self, modality: Modality, numbers: npt.NDArray[np.int64], encoder: ItemEncoder
    ) -> npt.NDArray[np.float32]:
        """What an encoder says of items, each encoded once.

        Args:
            modality: whose.
            numbers: int64 [N, T], 0 is padding.
            encoder: of the items.

        Returns:
            float32 [N, T, D], zeros for padding.
        """
        rows = np.zeros((self.count(modality) + 1, encoder.dims[modality]), np.float32)
        for first in range(1, len(rows), _ENCODED_AT_ONCE):
            chosen = range(first, min(first + _ENCODED_AT_ONCE, len(rows)))
            payloads = [self.read(modality, number) for number in chosen]
            rows[first : first + len(payloads)] = encode_payloads(modality, payloads, encoder)
        return rows[numbers]


def store_items(
    folder: RecordingFolder, cutting: RecordingPlan, read: ItemReader, store: ItemStore
) -> Mapping[Modality, npt.NDArray[np.int64]]:
    """Read recordings, and keep their items.

    Args:
        folder: of the recordings.
        cutting: how they become windows.
        read: of the media files.
        store: takes the items.

    Returns:
        Modality -> numbers of the items of each window, int64 [N, T], 0 is padding; windows and items stand where
        `encode_recordings` puts them.
    """
    single = dict.fromkeys(Modality, 1)
    windows = cut_recordings(folder, cutting, store.add, single, read, lambda _place: None)
    return {modality: own.items[:, :, 0].astype(np.int64) for modality, own in windows.modalities.items()}

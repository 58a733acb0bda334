"""Windows whose items are as they were recorded, for encoders that learn together with the network."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch.utils.data import Dataset

from processors.modality import Modality
from processors.models.spec import AUDIO_RATE_HZ
from processors.models.training.encoder_items import make_inputs
from processors.models.training.examples import Examples
from processors.models.training.item_store import ItemStore
from processors.models.training.recordings import cut_seconds

__all__ = ["RawItems", "RawWindows"]

_SAMPLE_BYTES: Final = 2


@dataclass(frozen=True, slots=True)
class RawItems:
    """How the items of one modality become inputs of its encoder.

    Attributes:
        modality: which one.
        rows: of the encoder that make one item, at most: a chunk is as many as it has seconds.
        inputs: tensors that the encoder takes.
        decode: payload to these, each with the item's rows first.
    """

    modality: Modality
    rows: int
    inputs: int
    decode: Callable[[bytes], tuple[torch.Tensor, ...]]

    @classmethod
    def of(cls, modality: Modality, store: ItemStore, tokenizer: Tokenizer | None) -> "RawItems":
        """Those of all items in a store; there is at least one.

        Args:
            modality: which one.
            store: of the items.
            tokenizer: for transcripts alone.
        """
        if modality is Modality.AUDIO:
            samples = store.longest(modality) // _SAMPLE_BYTES
            return cls(modality, max(1, math.ceil(samples / AUDIO_RATE_HZ)), 1, _hear)
        single = make_inputs(modality, tokenizer, store.each(modality))
        return cls(
            modality,
            1,
            2 if modality is Modality.TRANSCRIPT else 1,
            lambda payload: tuple(tensor[None] for tensor in single(payload)),
        )


class RawWindows(Dataset[Any]):
    """Windows one by one, decoded when they are asked for.

    Of each modality in the order of the examples: what the encoder takes, each [T, P, ...], and the share of each row
    in its item, float32 [T, P], 0 for padding, or, where nothing is raw, items [T, D]; then times and weights [T].
    After all of them the labels.

    Args:
        examples: the same windows, by their embeddings.
        numbers: modality -> int64 [N, T], which items are in each window; 0 is padding.
        raw: how these become inputs, of the modalities that are raw.
        store: of the items.
    """

    def __init__(
        self,
        examples: Examples,
        numbers: Mapping[Modality, npt.NDArray[np.int64]],
        raw: Mapping[Modality, RawItems],
        store: ItemStore,
    ) -> None:
        self._examples = examples
        self._numbers = numbers
        self._raw = raw
        self._store = store
        # No step computes padding that no window of the set has.
        self._lengths = [_used_length(weight) for weight in examples.inputs[2::3]]

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, ...]:
        given: list[torch.Tensor] = []
        for place, name in enumerate(self._examples.dims):
            items, times, weights = self._examples.inputs[3 * place : 3 * place + 3]
            length, modality = self._lengths[place], Modality(name)
            if modality in self._raw:
                given += self._decode(self._raw[modality], self._numbers[modality][row, :length])
            else:
                given.append(items[row, :length])
            given += [times[row, :length], weights[row, :length]]
        return (*given, self._examples.labels[row])

    def _decode(self, raw: RawItems, numbers: npt.NDArray[np.int64]) -> list[torch.Tensor]:
        shape = (len(numbers), raw.rows)
        like = raw.decode(self._store.read(raw.modality, 1))
        filled = [torch.zeros(*shape, *tensor.shape[1:], dtype=tensor.dtype) for tensor in like]
        share = torch.zeros(shape)
        for place, number in enumerate(numbers.tolist()):
            if not number:
                continue
            rows = raw.decode(self._store.read(raw.modality, number))
            for target, tensor in zip(filled, rows, strict=True):
                target[place, : len(tensor)] = tensor
            share[place, : len(rows[0])] = 1 / len(rows[0])
        return [*filled, share]


def _used_length(weight: torch.Tensor) -> int:
    used = (weight > 0).any(dim=0).nonzero()
    return int(used.max()) + 1 if len(used) else 1


def _hear(payload: bytes) -> tuple[torch.Tensor, ...]:
    return (torch.from_numpy(cut_seconds(payload)),)

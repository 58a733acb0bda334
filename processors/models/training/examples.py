"""Examples as fusion models take them, and what a model answers to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from processors.models.fusion import Ensemble, FusionModel

__all__ = ["Examples", "judge"]

_JUDGED = 256
"""Examples that are judged at once."""


@dataclass(frozen=True, slots=True)
class Examples:
    """N windows.

    Attributes:
        dims: modality -> length of an item, in the order of the inputs.
        inputs: three tensors per modality, [N, T, D], [N, T] and [N, T], as `FusionModel` takes them.
        labels: int64 [N], the true class; or float32 [N, C]: 1, 0, or NaN where it is not known.
    """

    dims: Mapping[str, int]
    inputs: tuple[torch.Tensor, ...]
    labels: torch.Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: npt.NDArray[np.int64]) -> "Examples":
        """Some of them."""
        index = torch.from_numpy(rows)
        return Examples(self.dims, tuple(tensor[index] for tensor in self.inputs), self.labels[index])

    def keep(self, modalities: frozenset[str]) -> "Examples":
        """The same windows without any item of the other modalities."""
        inputs = list(self.inputs)
        for row, modality in enumerate(self.dims):
            if modality not in modalities:
                inputs[3 * row + 2] = torch.zeros_like(inputs[3 * row + 2])
        return Examples(self.dims, tuple(inputs), self.labels)

    def batches(self) -> Iterator[tuple[torch.Tensor, ...]]:
        """The inputs of as many as are judged at once, in order."""
        for first in range(0, len(self), _JUDGED):
            yield tuple(tensor[first : first + _JUDGED] for tensor in self.inputs)

    def join(self, other: "Examples") -> "Examples":
        """These, then the others; the shorter windows are padded."""
        pairs = zip(self.inputs, other.inputs, strict=True)
        joined = []
        for one, two in pairs:
            steps = max(one.shape[1], two.shape[1])
            joined.append(torch.cat([_pad(one, steps), _pad(two, steps)]))
        return Examples(self.dims, tuple(joined), torch.cat([self.labels, other.labels]))


def judge(model: FusionModel | Ensemble, examples: Examples) -> npt.NDArray[np.float32]:
    """Probabilities float32 [N, C]."""
    with torch.inference_mode():
        parts = [model(*inputs).probabilities for inputs in examples.batches()]
    return torch.cat(parts).numpy()


def _pad(tensor: torch.Tensor, steps: int) -> torch.Tensor:
    return torch.cat([tensor, tensor.new_zeros(len(tensor), steps - tensor.shape[1], *tensor.shape[2:])], dim=1)

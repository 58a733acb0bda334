"""A set of windows as fusion models take it."""

import torch

from processors.datasets.windows import WindowSet

__all__ = ["make_inputs"]


def make_inputs(windows: WindowSet) -> tuple[dict[str, int], tuple[torch.Tensor, ...]]:
    """Modality -> length of an item, and three tensors per modality in that order: items, times, weights."""
    dims = {modality.value: part.items.shape[2] for modality, part in windows.modalities.items()}
    inputs: list[torch.Tensor] = []
    for part in windows.modalities.values():
        inputs += [torch.from_numpy(array).float() for array in (part.items, part.times, part.weights)]
    return dims, tuple(inputs)

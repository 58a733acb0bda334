"""Utterances and sequences as examples: windows of items with times, weights and a label."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch

from processors.datasets.features import SequencePart, UtteranceSet
from processors.models.training.examples import Examples

__all__ = ["look_back", "pad_sequences", "swap_items"]


def look_back(utterances: UtteranceSet, items: Mapping[str, npt.NDArray[np.float32]], reach: int) -> Examples:
    """A window per utterance: itself and those before it in its recording, never one after it.

    Args:
        utterances: the set.
        items: modality -> float32 [N, D] of the same utterances.
        reach: how many utterances a window holds, at most.
    """
    count = len(utterances.labels)
    order = np.lexsort((utterances.places, utterances.recordings))
    # [N, reach]: rows of the set, oldest first; -1 before a recording begins.
    sources = np.full((count, reach), -1)
    for back in range(reach):
        earlier, later = order[: count - back], order[back:]
        is_same = utterances.recordings[earlier] == utterances.recordings[later]
        sources[later[is_same], reach - 1 - back] = earlier[is_same]
    weight = (sources >= 0).astype(np.float32)
    time = utterances.places[sources].astype(np.float32) * weight
    inputs: list[torch.Tensor] = []
    for array in items.values():
        window = array[sources] * weight[:, :, None]
        inputs += [torch.from_numpy(window), torch.from_numpy(time), torch.from_numpy(weight)]
    dims = {modality: array.shape[1] for modality, array in items.items()}
    return Examples(dims, tuple(inputs), torch.from_numpy(utterances.labels))


def pad_sequences(part: SequencePart, dims: Mapping[str, int]) -> Examples:
    """A window per sequence: a step of zeros is padding, a modality that the part lacks is absent."""
    inputs: list[torch.Tensor] = []
    for modality, dim in dims.items():
        items = torch.from_numpy(part.items.get(modality, np.zeros((len(part.labels), 1, dim), np.float32)))
        steps = items.shape[1]
        inputs += [items, torch.arange(steps).float().expand(len(items), -1), items.any(dim=2).float()]
    return Examples(dims, tuple(inputs), torch.from_numpy(part.labels))


def swap_items(
    inputs: tuple[torch.Tensor, ...],
    dims: Mapping[str, int],
    shares: Mapping[str, float],
    generator: torch.Generator | None = None,
) -> tuple[torch.Tensor, ...]:
    """Put another window's newest item in the place of some items, so that a modality tells less than it seems to.

    Args:
        inputs: of a batch.
        dims: the modalities, in their order.
        shares: modality -> share of items to replace; none where not named.
        generator: of what is drawn; torch's own where None.
    """
    swapped = list(inputs)
    for row, modality in enumerate(dims):
        share = shares.get(modality, 0.0)
        items = inputs[3 * row]
        if share:
            donors = torch.randint(len(items), items.shape[:2], generator=generator)
            is_swapped = torch.rand(items.shape[:2], generator=generator) < share
            swapped[3 * row] = torch.where(is_swapped[:, :, None], items[donors, -1], items)
    return tuple(swapped)

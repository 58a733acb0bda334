"""What the model says of a stream, with any of its modalities."""

from collections.abc import Collection
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from processors.modality import Modality
from processors.models.composed.encoding import EncodedStream
from processors.models.composed.windows import SIZE_MS, pack_window, window_starts_ms
from processors.models.fusion import Ensemble, FusionModel
from processors.models.spec import CONTRIBUTION_ORDER

__all__ = ["answer_stream", "moments_ms"]

_BATCH: Final = 64


def moments_ms(duration_ms: int) -> npt.NDArray[np.int64]:
    """The middles of the moments that a stream of this length is asked about."""
    return window_starts_ms(duration_ms) + SIZE_MS // 2


def answer_stream(
    model: FusionModel | Ensemble, stream: EncodedStream, kept: Collection[Collection[Modality]]
) -> list[npt.NDArray[np.float32]]:
    """Probabilities of all moments of a stream.

    Args:
        model: who is asked.
        stream: about what.
        kept: sets of modalities; what a set leaves out is withheld from the model.

    Returns:
        Float32 [W, C] for each set.
    """
    starts = window_starts_ms(stream.duration_ms)
    answers: list[list[npt.NDArray[np.float32]]] = [[] for _ in kept]
    with torch.inference_mode():
        for first in range(0, len(starts), _BATCH):
            rows = [pack_window(stream, int(start)) for start in starts[first : first + _BATCH]]
            inputs = [torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True)]
            for answer, modalities in zip(answers, kept, strict=True):
                own = [
                    tensor
                    if CONTRIBUTION_ORDER[index // 3] in modalities or index % 3 < 2
                    else torch.zeros_like(tensor)
                    for index, tensor in enumerate(inputs)
                ]
                answer.append(model(*own).probabilities.numpy())
    return [np.concatenate(answer) for answer in answers]

"""Items to embeddings where some encoders were tuned: those in this process, the others as they are served."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import torch

from processors.modality import Modality
from processors.models.hub.encoders import embedding_dim, load_encoder
from processors.models.local_encoders import MAX_DECODED_BYTES
from processors.models.training.encoder_tuning import open_tokenizer
from processors.models.training.recordings import ItemEncoder
from processors.video import decode_frame

__all__ = ["PartlyTuned"]

_BATCH: Final = 16


class PartlyTuned:
    """Encodes some modalities by checkpoints, as their exported graphs will, and the others by another encoder.

    Args:
        others: of the modalities that have no checkpoint here.
        checkpoints: modality -> folder.

    Attributes:
        dims: length of one item's embedding, for every modality.
    """

    def __init__(self, others: ItemEncoder, checkpoints: Mapping[Modality, Path]) -> None:
        self._others = others
        self._tuned = {modality: load_encoder(str(path), modality) for modality, path in checkpoints.items()}
        own = {modality: embedding_dim(encoder, modality) for modality, encoder in self._tuned.items()}
        self.dims: Mapping[Modality, int] = {**others.dims, **own}
        words = Modality.TRANSCRIPT
        self._tokenizer = open_tokenizer(self._tuned[words], str(checkpoints[words])) if words in checkpoints else None

    def encode_frames(self, jpegs: list[bytes]) -> npt.NDArray[np.float32]:
        """Float32 [N, D] of frames."""
        if Modality.VIDEO not in self._tuned:
            return self._others.encode_frames(jpegs)
        pixels = [decode_frame(jpeg, max_decoded_bytes=MAX_DECODED_BYTES).pixels for jpeg in jpegs]
        return self._run(Modality.VIDEO, [np.stack(pixels)])

    def encode_seconds(self, seconds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Float32 [N, D] of seconds of sound, float32 [N, 16000]."""
        if Modality.AUDIO not in self._tuned:
            return self._others.encode_seconds(seconds)
        return self._run(Modality.AUDIO, [seconds])

    def encode_lines(self, lines: list[str]) -> npt.NDArray[np.float32]:
        """Float32 [N, D] of lines of text."""
        if self._tokenizer is None:
            return self._others.encode_lines(lines)
        encodings = self._tokenizer.encode_batch(lines)
        ids = np.array([encoding.ids for encoding in encodings])
        mask = np.array([encoding.attention_mask for encoding in encodings])
        return self._run(Modality.TRANSCRIPT, [ids, mask])

    @torch.no_grad()
    def _run(self, modality: Modality, inputs: Sequence[npt.NDArray[np.generic]]) -> npt.NDArray[np.float32]:
        parts = []
        for first in range(0, len(inputs[0]), _BATCH):
            answer = self._tuned[modality](*(torch.from_numpy(part[first : first + _BATCH]) for part in inputs))
            parts.append(cast("torch.Tensor", answer[0] if isinstance(answer, tuple) else answer).numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.dims[modality]), np.float32)

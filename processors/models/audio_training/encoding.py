"""Chunks already through the blocks that tuning leaves alone: computed once, used often."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from processors.models.audio_training.chunks import Recording, draw_chunk
from processors.models.encoders import AudioEncoder
from processors.models.sound_training.augmentation import bend_tone, pierce, shift_pitch

__all__ = ["EncodedChunks", "encode_chunks"]

_HIDDEN_DB: Final = -80.0
"""What SpecAugment leaves in place of what it hides: silence, as in digital silence between sounds."""

_TELL_EVERY: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class EncodedChunks:
    """Seconds drawn from recordings.

    Attributes:
        maps: float16 [N, 192, 4, 4], from `AudioEncoder.look`.
        heard: float32 [N, C], how much of each class can be heard.
    """

    maps: torch.Tensor
    heard: torch.Tensor


@torch.no_grad()
def encode_chunks(
    recordings: Sequence[Recording], classes: int, *, versions: int, seed: int, progress: Callable[[str], None]
) -> EncodedChunks:
    """Draw seconds of each recording and send them through the lower blocks.

    Args:
        recordings: to draw from; also what lies under a second is one of them.
        classes: how many there are.
        versions: seconds to draw of each recording.
        seed: of everything drawn.
        progress: told now and then how far it is.
    """
    encoder = AudioEncoder(weights=None)
    maps, heard = [], []
    for number in range(len(recordings)):
        rng = np.random.default_rng((seed, number))
        for _ in range(versions):
            chunk = draw_chunk(recordings, number, classes, rng)
            spectrogram = encoder.log_mel(torch.from_numpy(chunk.samples[None]))
            changed = pierce(shift_pitch(bend_tone(spectrogram, rng), rng), rng, _HIDDEN_DB)
            # One by one: what a single picture needs stays in the processor's cache.
            maps.append(encoder.look(changed).half())
            heard.append(torch.from_numpy(chunk.heard))
        if (number + 1) % _TELL_EVERY == 0:
            progress(f"{number + 1} of {len(recordings)} sounds encoded")
    return EncodedChunks(torch.cat(maps), torch.stack(heard))

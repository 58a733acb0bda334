"""Many versions of each clip, already through the blocks that stay as they are: computed once, used often."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from processors.datasets.sounds import SoundFolder, read_sound
from processors.models.sound_classifier import SoundClassifier, make_views
from processors.models.sound_pictures import cut_clips, draw, standardise
from processors.models.sound_training.augmentation import change_samples, change_spectrogram
from processors.models.spec import AUDIO_RATE_HZ

__all__ = ["PLAIN_VIEWS", "VERSIONS", "SoundViews", "encode_views", "read_clips"]

PLAIN_VIEWS: Final = 4
"""The views that an answer is the mean of; they come first."""


VERSIONS: Final = 16
"""Changed versions of each clip, beside the plain views."""

_TELL_EVERY: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class SoundViews:
    """Encoded versions of clips.

    Attributes:
        maps: float16 [N, V, 80, 12, 10], output of the lower blocks, or the pictures [N, V, 3, 192, 160] themselves;
            the plain views first.
        labels: int64 [N].
        groups: of each clip: what must not be split between learning and judging.
        classes: names.
        are_pictures: whether the lower blocks have yet to see them.
    """

    maps: torch.Tensor
    labels: torch.Tensor
    groups: tuple[str, ...]
    classes: tuple[str, ...]
    are_pictures: bool = False

    def features(self, network: SoundClassifier, maps: torch.Tensor) -> torch.Tensor:
        """Standardised features float32 [M, 3072] of some of the maps, [M, ...]."""
        maps = maps.float()
        return network.features(network.lower(maps) if self.are_pictures else maps)


def read_clips(folder: SoundFolder) -> list[npt.NDArray[np.float32]]:
    """The first five seconds of each file, float32 [80000].

    Raises:
        DatasetError: a file cannot be used.
    """
    return [cut_clips(read_sound(clip.path, AUDIO_RATE_HZ)[: AUDIO_RATE_HZ * 5])[0] for clip in folder.clips]


def encode_views(
    folder: SoundFolder,
    clips: Sequence[npt.NDArray[np.float32]],
    *,
    versions: int,
    seed: int,
    progress: Callable[[str], None],
    as_pictures: bool = False,
) -> SoundViews:
    """Draw the versions of each clip and send them through the lower blocks.

    Args:
        folder: what the clips are.
        clips: float32 [80000] each.
        versions: how many changed ones to draw, beside the plain views.
        seed: of what is drawn; a clip's versions depend on it and on the clip's number alone.
        progress: told now and then how far it is.
        as_pictures: do not send them through, because these blocks are to learn; takes ten times the memory.
    """
    network = SoundClassifier(folder.classes)
    encoded = []
    with torch.no_grad():
        for number, clip in enumerate(clips):
            rng = np.random.default_rng((seed, number))
            plain = [draw(standardise(_hear(network, view)[None])) for view in make_views(clip)]
            changed = [
                change_spectrogram(_hear(network, change_samples(clip, rng)), rng)[None] for _ in range(versions)
            ]
            # One by one: what a single picture needs stays in the processor's cache, which is three times as fast.
            pictures = plain + changed
            encoded.append(torch.cat(pictures if as_pictures else [network.lower(each) for each in pictures]).half())
            if (number + 1) % _TELL_EVERY == 0:
                progress(f"{number + 1} of {len(clips)} sounds encoded")
    return SoundViews(
        torch.stack(encoded),
        torch.tensor([clip.label for clip in folder.clips]),
        tuple(clip.group for clip in folder.clips),
        folder.classes,
        as_pictures,
    )


def _hear(network: SoundClassifier, samples: npt.NDArray[np.float32]) -> torch.Tensor:
    return network.spectrograms(torch.from_numpy(samples[None]))[0]

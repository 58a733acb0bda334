"""The sound classifier: which of the environmental sounds it knows a clip of five seconds holds.

EfficientNet-Lite0 up to its 192-channel stage, started from ImageNet's weights. The last four blocks were fine-tuned on
sound; only they, and the layers that name the class, are in the committed file. Three such layers, the heads, look at
the network at different depths, two at blocks that know photographs only and one at the tuned ones, and the answer is
the mean of theirs: what they get wrong differs. Features keep four bands of pitch apart, because where in the spectrum
something sounds says what it is.
"""

import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from processors.errors import ModelError
from processors.models.encoders import EfficientNetLite0
from processors.models.sound_pictures import Spectrograms, cut_clips, draw, repeat_sound, standardise

__all__ = [
    "SOUND_WEIGHTS_PATH",
    "SoundClassifier",
    "load_sound_classifier",
    "make_views",
    "save_sound_classifier",
    "sharpen",
]

SOUND_WEIGHTS_PATH: Final = Path(__file__).parent / "weights" / "audio.safetensors"

_LOWER_BLOCKS: Final = 8
_MIDDLE_BLOCKS: Final = 11
_UPPER_BLOCKS: Final = 15
_BANDS: Final = 4
_LOWER_END, _MIDDLE_END, _FEATURES = (2 * _BANDS * channels for channels in (80, 80 + 112, 80 + 112 + 192))
"""Where in the features those of the lower, the middle and the upper blocks end."""

_HEAD_INPUTS: Final = (slice(0, _LOWER_END), slice(_LOWER_END, _MIDDLE_END), slice(_LOWER_END, _FEATURES))

_TUNED: Final = ("heads.", "centre", "spread", "sharpness")
"""Beginnings of the names of the tensors that training changes, whatever else it does."""

_TUNED_BLOCKS: Final = "upper."
_STATISTICS: Final = ("running_mean", "running_var", "num_batches_tracked")

_LEAST_PROBABILITY: Final = 1e-6
_CLASSES_KEY: Final = "classes"
_BLOCKS_KEY: Final = "blocks"


class SoundClassifier(nn.Module):
    """Pictures of sound to classes.

    Args:
        classes: their names, in the order of the answers.

    Attributes:
        tuned_names: of the tensors below the heads that training changed.
    """

    centre: torch.Tensor
    spread: torch.Tensor
    sharpness: torch.Tensor

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__()
        self.classes = tuple(classes)
        network = EfficientNetLite0()
        blocks = [*network.lower, *network.upper]
        self.spectrograms = Spectrograms()
        self.lower = nn.Sequential(network.stem, *blocks[:_LOWER_BLOCKS])
        self.middle = nn.Sequential(*blocks[_LOWER_BLOCKS:_MIDDLE_BLOCKS])
        self.upper = nn.Sequential(*blocks[_MIDDLE_BLOCKS:_UPPER_BLOCKS])
        self.register_buffer("centre", torch.zeros(_FEATURES))
        self.register_buffer("spread", torch.ones(_FEATURES))
        self.register_buffer("sharpness", torch.ones(()))
        self.heads = nn.ModuleList(nn.Linear(part.stop - part.start, len(self.classes)) for part in _HEAD_INPUTS)
        self.tuned_names = frozenset(name for name in self.state_dict() if name.startswith(_TUNED_BLOCKS))
        self.eval()

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Classifies pictures.

        Args:
            pictures: float32 [N, 3, 192, 160], see `sound_pictures`.

        Returns:
            Probabilities float32 [N, C], not yet sharpened.
        """
        return self.classify(self.features(self.lower(pictures))).softmax(dim=2).mean(dim=0)

    def features(self, lower: torch.Tensor) -> torch.Tensor:
        """Goes on from the lower blocks' output float32 [N, 80, 12, 10]: standardised features float32 [N, 3072]."""
        middle = self.middle(lower)
        pooled = torch.cat([_pool(lower), _pool(middle), _pool(self.upper(middle))], dim=1)
        return (pooled - self.centre) / self.spread

    def classify(self, features: torch.Tensor) -> torch.Tensor:
        """What each head makes of the features: logits float32 [3, N, C]; the last sees the tuned blocks."""
        return torch.stack([head(part) for head, part in zip(self.heads, self.split(features), strict=True)])

    def split(self, features: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The features that each head sees."""
        return tuple(features[:, part] for part in _HEAD_INPUTS)

    @torch.inference_mode()
    def answer(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What a recording of any length holds: the mean answer to its clips, each looked at in four views.

        Args:
            samples: float32 [T] mono -1..1 at 16 kHz, T at least 1.

        Returns:
            Probabilities float32 [C].
        """
        views = [torch.from_numpy(view[None]) for clip in cut_clips(samples) for view in make_views(clip)]
        # One by one: what a single picture needs stays in the processor's cache.
        answers = [self(draw(standardise(self.spectrograms(view)))) for view in views]
        return sharpen(torch.cat(answers).mean(dim=0).numpy(), float(self.sharpness))

    def blocks(self) -> nn.Sequential:
        """All below the heads, first to last: what transfer is about."""
        return nn.Sequential(OrderedDict(lower=self.lower, middle=self.middle, upper=self.upper))

    def tuned_tensors(self) -> dict[str, torch.Tensor]:
        """Name -> tensor of what training changes; the statistics of batch normalisation are not among it."""
        return {
            name: tensor
            for name, tensor in self.state_dict().items()
            if (name in self.tuned_names or name.startswith(_TUNED)) and not name.endswith(_STATISTICS)
        }


def sharpen(probabilities: npt.NDArray[np.float32], sharpness: float) -> npt.NDArray[np.float32]:
    """Makes up for the caution of an average of answers: raises each to a power and scales them to 1 again.

    Args:
        probabilities: float32 [..., C].
        sharpness: the power; 1 changes nothing.
    """
    powers = np.maximum(probabilities, _LEAST_PROBABILITY) ** sharpness
    return powers / powers.sum(axis=-1, keepdims=True)


def make_views(clip: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A clip as it is and with its silence filled, each from its beginning and from its middle: float32 [4, T]."""
    filled = repeat_sound(clip)
    return np.stack([view for one in (clip, filled) for view in (one, np.roll(one, len(one) // 2))])


def save_sound_classifier(network: SoundClassifier, path: Path) -> None:
    """Write what training changed, in float16, with the names of the classes."""
    tensors = {name: tensor.half().contiguous() for name, tensor in network.tuned_tensors().items()}
    metadata = {
        "format": "pt",
        _CLASSES_KEY: json.dumps(network.classes),
        _BLOCKS_KEY: json.dumps(sorted(network.tuned_names)),
    }
    path.write_bytes(save(tensors, metadata=metadata))


def load_sound_classifier(path: Path = SOUND_WEIGHTS_PATH) -> SoundClassifier:
    """The trained network, in evaluation mode.

    Args:
        path: safetensors as `save_sound_classifier` writes them.

    Raises:
        ModelError: the file is missing or damaged, or its tensors are not this network's.
    """
    mend = "train it again with `python -m processors.models.sound_training`"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            classes = json.loads(metadata[_CLASSES_KEY])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 # not a mapping
        network = SoundClassifier(classes)
        if _BLOCKS_KEY in metadata:  # otherwise the upper ones
            network.tuned_names = frozenset(json.loads(metadata[_BLOCKS_KEY]))
        expected = network.tuned_tensors().keys()
        if tensors.keys() != expected:
            difference = ", ".join(sorted(tensors.keys() ^ expected)[:5])
            raise ModelError(f"sound weights {path} lack tensors or hold others, such as {difference}; {mend}")
        network.load_state_dict(tensors, strict=False)
    except KeyError as error:
        raise ModelError(f"sound weights {path} do not name their classes; {mend}") from error
    except (OSError, SafetensorError, ValueError, RuntimeError) as error:
        raise ModelError(f"sound weights {path} do not load: {error}; {mend}") from error
    return network.eval()


def _pool(maps: torch.Tensor) -> torch.Tensor:
    """Mean and maximum over time of each channel in each of four bands of pitch: [N, C, H, W] to [N, 2 * 4 * C]."""
    bands = nn.functional.adaptive_avg_pool2d(maps, (_BANDS, maps.shape[3]))
    return torch.cat([bands.mean(dim=3).flatten(1), bands.amax(dim=3).flatten(1)], dim=1)

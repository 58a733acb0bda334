"""Checkpoints in place of the shipped encoders and texts in place of a trained fusion model, by settings alone."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio
import transformers
import tritonclient.grpc as triton
import yaml
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).parents[2] / "unit" / "models"))

from tiny_checkpoints import WRITERS

from streams.local.state import StackState

CLASSES = {"smoke": ["a photo of smoke", "smoke in the street"], "break_in": ["glass breaking"]}
BACKGROUND = ["a photo", "the sound of nothing"]
BUILD_TIMEOUT_S = 600.0
CLOSE = 1e-3


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {}
    for modality, kind in {"video": "clip", "audio": "clap", "transcript": "bert"}.items():
        folders[modality] = tmp_path_factory.mktemp(kind)
        WRITERS[kind](folders[modality])
    return folders


@pytest.fixture(scope="module")
def repository(checkpoints: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("hub-models")
    encoders = {modality: str(folder) for modality, folder in checkpoints.items()}
    chosen = {"encoders": encoders, "prompts": CLASSES, "prompt_background": BACKGROUND, "prompt_threshold": 0.01}
    (home / "braid.yaml").write_text(yaml.safe_dump({"models": chosen}, sort_keys=False))
    build = [sys.executable, "-m", "streams.cli", "models", "build", "--config", str(home / "braid.yaml")]
    built = subprocess.run(
        [*build, "--target", str(home / "repository")],
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return home / "repository"


@pytest.fixture(scope="module")
def stack(
    session_braid_up: Callable, repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StackState]:
    data_dir = tmp_path_factory.mktemp("hub-stack") / "data"
    running = session_braid_up(data_dir, "--workers", "0", BRAID_MODELS__REPOSITORY=str(repository))
    yield running.wait_until_ready()
    assert running.stop() == 0, running.output


@pytest.fixture
def ask(triton_grpc: str) -> Iterator[Callable[..., dict[str, np.ndarray]]]:
    with triton.InferenceServerClient(triton_grpc) as client:

        def infer(model: str, outputs: tuple[str, ...], **inputs: np.ndarray) -> dict[str, np.ndarray]:
            tensors = []
            for name, array in inputs.items():
                dtype = {"uint8": "UINT8", "float32": "FP32", "object": "BYTES"}[str(array.dtype)]
                tensors.append(triton.InferInput(name, list(array.shape), dtype))
                tensors[-1].set_data_from_numpy(array)
            answer = client.infer(
                model, tensors, outputs=[triton.InferRequestedOutput(name) for name in outputs], client_timeout=60.0
            )
            return {name: answer.as_numpy(name) for name in outputs}

        yield infer


def unit(values: torch.Tensor) -> np.ndarray:
    return torch.nn.functional.normalize(values, dim=1).numpy()


def see(folder: Path, frames: np.ndarray) -> np.ndarray:
    """What the library sees in frames."""
    processor = transformers.CLIPImageProcessorPil.from_pretrained(folder)
    pixels = processor(images=list(frames), return_tensors="pt")["pixel_values"]
    return unit(transformers.CLIPModel.from_pretrained(folder).get_image_features(pixels).pooler_output.detach())


def hear(folder: Path, sounds: np.ndarray) -> np.ndarray:
    extractor = transformers.ClapFeatureExtractor.from_pretrained(folder)
    high = torchaudio.functional.resample(torch.from_numpy(sounds), 16_000, 48_000).numpy()
    features = extractor(list(high), sampling_rate=48_000, return_tensors="pt")["input_features"].float()
    model = transformers.ClapModel.from_pretrained(folder)
    return unit(model.get_audio_features(features, is_longer=torch.zeros(len(sounds), 1)).pooler_output.detach())


def read(folder: Path, family: str, texts: list[str]) -> np.ndarray:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = getattr(transformers, f"{family}Model").from_pretrained(folder)
    rows = [torch.tensor([tokenizer.encode(text).ids]) for text in texts]
    with torch.inference_mode():
        if family == "Bert":
            return unit(torch.cat([model(row).last_hidden_state.mean(dim=1) for row in rows]))
        return unit(torch.cat([model.get_text_features(row).pooler_output for row in rows]))


def likeness(folder: Path, family: str, items: np.ndarray) -> np.ndarray:
    """How much likelier each class is than the background, item by item, by the library's own scale."""
    model = getattr(transformers, f"{family}Model").from_pretrained(folder)
    scale = float((model.logit_scale if family == "CLIP" else model.logit_scale_a).detach().exp())
    classes = unit(torch.from_numpy(np.stack([read(folder, family, texts).mean(axis=0) for texts in CLASSES.values()])))
    odds = np.exp(scale * items @ classes.T) / np.exp(scale * items @ read(folder, family, BACKGROUND).T).sum(
        axis=1, keepdims=True
    )
    return odds / (1 + odds)


def test_served_encoders_and_prompts_answer_as_the_library_does(ask, checkpoints) -> None:
    random = np.random.default_rng(9)
    frames = np.repeat(np.repeat(random.integers(0, 256, (3, 14, 14, 3), dtype=np.uint8), 16, axis=1), 16, axis=2)
    sounds = (0.2 * random.standard_normal((2, 16_000))).astype(np.float32)
    words = ["smoke in the street", "nothing"]

    seen = ask("video_encoder", ("embedding", "cells"), frames=frames)
    heard = ask("audio_encoder", ("embedding",), samples=sounds)["embedding"]
    said = ask("text_encoder", ("embedding",), text=np.array([[word.encode()] for word in words], dtype=object))

    np.testing.assert_allclose(seen["embedding"], see(checkpoints["video"], frames), atol=CLOSE)
    assert seen["cells"].shape == (3, 5, 5, 40)
    np.testing.assert_allclose(heard, hear(checkpoints["audio"], sounds), atol=CLOSE)
    np.testing.assert_allclose(said["embedding"], read(checkpoints["transcript"], "Bert", words), atol=CLOSE)

    window = {}
    for name, limit, items in (
        ("video", 32, seen["embedding"]),
        ("audio", 16, heard),
        ("transcript", 16, said["embedding"]),
    ):
        window[name] = np.zeros((1, limit, items.shape[1]), np.float32)
        window[name][0, : len(items)] = items
        window[f"{name}_time"] = np.zeros((1, limit), np.float32)
        window[f"{name}_weight"] = (np.arange(limit) < len(items)).astype(np.float32)[None]
    answer = ask("fusion", ("probabilities", "contributions", "embedding"), **window)
    by_modality = []
    for modality, family, items in (("video", "CLIP", seen["embedding"]), ("audio", "Clap", heard)):
        mean = unit(torch.from_numpy(items.mean(axis=0, keepdims=True)))
        strongest, whole = (likeness(checkpoints[modality], family, each) for each in (items, mean))
        by_modality.append((strongest.max(axis=0) + whole[0]) / 2)
    expected = np.stack([*by_modality, np.zeros(2)])

    np.testing.assert_allclose(answer["probabilities"][0], expected.max(axis=0), atol=CLOSE)
    for row in range(3):
        left = np.delete(expected, row, axis=0).max(axis=0)
        np.testing.assert_allclose(answer["contributions"][0, row], expected.max(axis=0) - left, atol=CLOSE)
    assert np.linalg.norm(answer["embedding"][0]) == pytest.approx(1.0, abs=1e-4)


async def test_detections_carry_the_classes_that_were_given_as_texts(
    start_worker, until_ready, scripted, send, assert_exact
) -> None:
    worker = start_worker()
    await until_ready(worker)
    source = scripted("cam", 1_700_000_000_000, 4)
    await send([source])

    found = await assert_exact(source)

    assert found
    for detection in found.values():
        assert detection.failed is None
        assert tuple(detection.probabilities) == tuple(CLASSES)
        assert detection.event in CLASSES
    assert worker.stop() == 0, worker.output

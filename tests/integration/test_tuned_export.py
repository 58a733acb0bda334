"""What a training tuned, out of its folder into a repository: it answers as it did here, apart and in one graph."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch
import tritonclient.grpc.aio as triton
import yaml
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "models"))

from eventful_recordings import Frozen, write_eventful
from tiny_checkpoints import WRITERS

from processors.modality import Modality
from processors.models.hub.encoders import load_encoder
from processors.models.training.data import RecordingTools
from processors.models.training.plan import TrainingPlan
from processors.models.training.run import train
from streams.cli.app import command_line
from streams.cli.recordings import make_tools
from tests.integration.own_triton import OwnTriton

CLOSE = 1e-3
TIMEOUT_S = 60.0
FRAMES, SECONDS = 4, 2
Arrays = dict[str, npt.NDArray[Any]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training in which blocks of one encoder and adapters of the other learned, by themselves and together."""
    home = tmp_path_factory.mktemp("tuned")
    for modality, kind in {"video": "clip_vision", "audio": "ast", "transcript": "bert"}.items():
        (home / modality).mkdir()
        WRITERS[kind](home / modality)
    (home / "recordings").mkdir()
    write_eventful(home / "recordings")
    rate = {"epochs": 1, "items": 40, "learning_rate": 0.003}
    encoders = {
        "video": {"transfer": "last_n", "last_n": 1, "checkpoint": str(home / "video"), **rate},
        "audio": {"transfer": "lora", "rank": 2, "checkpoint": str(home / "audio"), **rate},
    }
    plan = TrainingPlan.model_validate(
        {
            "data": home / "recordings",
            "out": home / "out",
            "modalities": ["video", "audio"],
            "recordings": {"size_ms": 2000, "hop_ms": 1000},
            "network": {"kind": "attention", "width": 16},
            "loop": {"epochs": 6},
            "encoders": encoders,
            "joint": {"epochs": 2, "batch_size": 8, "learning_rate": 0.003},
        }
    )
    tools = RecordingTools(make_tools(plan.recordings.fps, plan.modalities).read, lambda _path: Frozen())
    train(plan, tools, told=lambda _step: None)
    return home


def build(home: Path, name: str, **models: Any) -> Path:
    """A repository with what was tuned, made by settings alone."""
    encoders = {"video": str(home / "out/video_encoder"), "audio": str(home / "out/audio_encoder")}
    chosen = {
        "encoders": {**encoders, "transcript": str(home / "transcript")},
        "fusion_file": str(home / "out/fusion.safetensors"),
        **models,
    }
    (home / f"{name}.yaml").write_text(yaml.safe_dump({"models": chosen}))
    arguments = ["models", "build", "--config", str(home / f"{name}.yaml"), "--target", str(home / name)]
    done = CliRunner().invoke(command_line(), arguments)
    assert done.exit_code == 0, done.output
    return home / name


@pytest.fixture(scope="module")
def apart(home: Path) -> Path:
    return build(home, "apart")


@pytest.fixture(scope="module")
def joined(home: Path) -> Path:
    return build(home, "joined", raw={"video": FRAMES, "audio": SECONDS})


def ask(repository: Path, model: str, inputs: Mapping[str, npt.NDArray[Any]]) -> Arrays:
    path = repository / model / "1" / "model.onnx"
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(inputs)), strict=True))


@pytest.fixture(scope="module")
def frames() -> npt.NDArray[np.uint8]:
    rng = np.random.default_rng(0)
    shades = rng.integers(20, 236, (2 * FRAMES, 1, 1, 1))
    return (shades + rng.integers(-20, 20, (2 * FRAMES, 224, 224, 3))).astype(np.uint8)


@pytest.fixture(scope="module")
def sounds() -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(1)
    return (rng.normal(size=(2 * SECONDS, 16_000)) * rng.random((2 * SECONDS, 1)) * 0.2).astype(np.float32)


def encode(name: Path, modality: Modality, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    with torch.inference_mode():
        answer = load_encoder(str(name), modality)(torch.from_numpy(rows))
    found: npt.NDArray[np.float32] = (answer[0] if isinstance(answer, tuple) else answer).numpy()
    return found


def test_a_tuned_encoder_answers_from_a_repository_as_it_does_here(home, apart, frames, sounds):
    for modality, name, rows in ((Modality.VIDEO, "frames", frames), (Modality.AUDIO, "samples", sounds)):
        expected = encode(home / f"out/{modality}_encoder", modality, rows)
        got = ask(apart, f"{modality}_encoder", {name: rows})["embedding"]
        np.testing.assert_allclose(got, expected, atol=CLOSE)
        assert np.abs(got - encode(home / modality.value, modality, rows)).max() > 10 * CLOSE, "it learned nothing"


def windows(items: Mapping[Modality, npt.NDArray[Any]], *, absent: Modality | None = None) -> Arrays:
    """Two windows of items [2 T, ...]; there are no words, and nothing of what is absent."""
    inputs: Arrays = {}
    for modality, rows in items.items():
        shaped = rows.reshape(2, -1, *rows.shape[1:])
        inputs[modality.value] = shaped
        inputs[f"{modality}_time"] = np.tile(np.arange(shaped.shape[1], dtype=np.float32) / 2, (2, 1))
        inputs[f"{modality}_weight"] = np.full(shaped.shape[:2], float(modality is not absent), np.float32)
    inputs["transcript"] = np.zeros((2, 16, 32), np.float32)
    return inputs | {name: np.zeros((2, 16), np.float32) for name in ("transcript_time", "transcript_weight")}


def padded(inputs: Arrays) -> Arrays:
    """As the graph over embeddings takes them."""
    lengths = {"video": 32, "audio": 16, "transcript": 16}
    return {
        name: np.pad(array, [(0, 0), (0, lengths[name.split("_")[0]] - array.shape[1])] + [(0, 0)] * (array.ndim - 2))
        for name, array in inputs.items()
    }


@pytest.mark.parametrize("absent", [None, Modality.VIDEO, Modality.AUDIO])
def test_one_graph_of_tuned_encoders_and_fusion_answers_as_the_steps_do(apart, joined, frames, sounds, absent):
    embedded = {
        Modality.VIDEO: ask(apart, "video_encoder", {"frames": frames})["embedding"],
        Modality.AUDIO: ask(apart, "audio_encoder", {"samples": sounds})["embedding"],
    }
    expected = ask(apart, "fusion", padded(windows(embedded, absent=absent)))
    answer = ask(joined, "fusion", windows({Modality.VIDEO: frames, Modality.AUDIO: sounds}, absent=absent))
    for name, array in expected.items():
        np.testing.assert_allclose(answer[name], array, atol=CLOSE, err_msg=name)
    contributes = np.abs(answer["contributions"]).max(axis=(0, 2)) > 0
    assert contributes.tolist() == [absent is not Modality.VIDEO, absent is not Modality.AUDIO, False]


async def test_triton_serves_both(home, joined, frames, sounds, tmp_path):
    served = OwnTriton(tmp_path, joined)
    await served.start()
    try:
        async with triton.InferenceServerClient(served.address) as client:
            seen = await infer(client, "video_encoder", {"frames": frames}, "embedding")
            whole = windows({Modality.VIDEO: frames, Modality.AUDIO: sounds})
            told = await infer(client, "fusion", whole, "probabilities")
    finally:
        await served.stop()
    np.testing.assert_allclose(seen, encode(home / "out/video_encoder", Modality.VIDEO, frames), atol=CLOSE)
    np.testing.assert_allclose(told, ask(joined, "fusion", whole)["probabilities"], atol=CLOSE)


async def infer(
    client: triton.InferenceServerClient, model: str, inputs: Mapping[str, npt.NDArray[Any]], output: str
) -> npt.NDArray[Any]:
    tensors = []
    for name, array in inputs.items():
        tensors.append(triton.InferInput(name, list(array.shape), "UINT8" if array.dtype == np.uint8 else "FP32"))
        tensors[-1].set_data_from_numpy(array)
    answer = (await client.infer(model, tensors, client_timeout=TIMEOUT_S)).as_numpy(output)
    assert answer is not None
    return answer

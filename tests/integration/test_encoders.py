"""The laws of the encoders with their real weights, and of their exported graphs."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from processors.errors import ModelError
from processors.models._mel import LogMel
from processors.models.encoders import AudioEncoder, EfficientNetLite0, FrameEncoder, TextEncoder
from processors.models.export import check_export, export_model
from processors.models.spec import AUDIO_ENCODER, CELLS_SHAPE, TEXT_ENCODER_ONNX, ModelSpec, TensorSpec

pytestmark = pytest.mark.integration

RATE_HZ = 16_000


def tone(frequency_hz: float, amplitude: float) -> torch.Tensor:
    angles = 2 * math.pi * frequency_hz * torch.arange(RATE_HZ, dtype=torch.float64) / RATE_HZ
    return (amplitude * torch.sin(angles)).float()[None, :]


@pytest.fixture(scope="module")
def log_mel() -> LogMel:
    return LogMel(RATE_HZ, n_fft=1024, hop=160, n_mels=64)


def test_silence_is_the_floor_and_finite(log_mel: LogMel) -> None:
    assert (log_mel(torch.zeros(1, RATE_HZ)) == -100.0).all()


def test_ten_times_the_amplitude_is_twenty_decibels_more(log_mel: LogMel) -> None:
    quiet, loud = log_mel(tone(1_000, 0.05)), log_mel(tone(1_000, 0.5))

    assert float(loud.max() - quiet.max()) == pytest.approx(20.0, abs=0.01)


def test_a_higher_pitch_is_a_higher_band(log_mel: LogMel) -> None:
    bands = [int(log_mel(tone(hz, 0.5)).mean(dim=2).argmax()) for hz in (200, 500, 1_000, 3_000, 7_000)]

    assert bands == sorted(set(bands))


def test_every_band_hears_something(log_mel: LogMel) -> None:
    noise = torch.randn(1, RATE_HZ, generator=torch.Generator().manual_seed(1)) * 0.1

    assert float(log_mel(noise).min()) > -90.0


def test_cells_are_the_mean_of_their_part_of_the_picture() -> None:
    encoder = FrameEncoder()
    frames = torch.randint(0, 256, (2, 224, 224, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))

    with torch.inference_mode():
        _, cells = encoder(frames)
        _, middle = encoder.network((frames.permute(0, 3, 1, 2).float() - 127) / 128)

    assert tuple(cells.shape[1:]) == CELLS_SHAPE
    # Enlarged five times, each of the 28 rows falls wholly into one of the five cells.
    enlarged = middle.repeat_interleave(5, dim=2).repeat_interleave(5, dim=3)
    expected = torch.nn.functional.avg_pool2d(enlarged, 28).permute(0, 2, 3, 1)
    torch.testing.assert_close(cells.float(), expected, atol=2e-2, rtol=1e-2)


def test_embeddings_have_length_one_for_any_input() -> None:
    frames, sounds = FrameEncoder(), AudioEncoder()
    with torch.inference_mode():
        embeddings = [
            frames(torch.zeros(1, 224, 224, 3, dtype=torch.uint8))[0],
            frames(torch.full((1, 224, 224, 3), 255, dtype=torch.uint8))[0],
            sounds(torch.zeros(1, RATE_HZ)),
            sounds(tone(3_000, 1.0)),
        ]

    for embedding in embeddings:
        assert float(embedding.norm()) == pytest.approx(1.0, abs=1e-5)


def test_encoders_are_frozen_and_in_evaluation_mode() -> None:
    for encoder in (EfficientNetLite0(), FrameEncoder(), AudioEncoder(), TextEncoder()):
        assert not any(module.training for module in encoder.modules())
        assert not any(parameter.requires_grad for parameter in encoder.parameters())


def test_padding_does_not_change_the_meaning_of_a_text() -> None:
    encoder = TextEncoder()
    tokens = torch.tensor([[101, 2543, 8598, 102]])
    padded = torch.nn.functional.pad(tokens, (0, 12))

    with torch.inference_mode():
        short = encoder(tokens, torch.ones_like(tokens))
        long = encoder(padded, (padded != 0).long())

    torch.testing.assert_close(short, long, atol=1e-5, rtol=0)


def test_a_text_checkpoint_without_its_weights_is_named(tmp_path: Path) -> None:
    from safetensors.torch import save_file  # noqa: PLC0415 - of this test alone

    (tmp_path / "config.json").write_text(
        '{"model_type": "bert", "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,'
        ' "intermediate_size": 8, "vocab_size": 16}'
    )
    save_file({"other": torch.zeros(1)}, tmp_path / "model.safetensors")

    with pytest.raises(ModelError, match="lacks weights of bert"):
        TextEncoder(tmp_path)


class Halved(torch.nn.Module):
    """A network whose answer does not depend on more than one input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 0.5


HALVED = ModelSpec(
    name="halved",
    inputs=(TensorSpec("x", "FP32", (3,)),),
    outputs=(TensorSpec("y", "FP32", (3,)),),
    backend="onnxruntime",
    max_batch_size=4,
)


class Doubled(torch.nn.Module):
    """Another network of the same shapes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2.0


class Logarithm(torch.nn.Module):
    """A network that is not finite on the known-good sample."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.log(x) * 0.0


def test_an_exported_graph_agrees_with_its_network(tmp_path: Path) -> None:
    export_model(Halved().eval(), HALVED, tmp_path / "model.onnx")

    check = check_export(Halved(), HALVED, tmp_path / "model.onnx")

    assert check.max_abs_difference == {"y": 0.0}


def test_a_graph_that_computes_something_else_is_refused(tmp_path: Path) -> None:
    export_model(Halved().eval(), HALVED, tmp_path / "model.onnx")

    with pytest.raises(ModelError, match="differs from PyTorch's"):
        check_export(Doubled(), HALVED, tmp_path / "model.onnx")


def test_a_graph_that_answers_with_no_number_is_refused(tmp_path: Path) -> None:
    export_model(Logarithm().eval(), HALVED, tmp_path / "model.onnx")

    with pytest.raises(ModelError, match="differs from PyTorch's by nan"):
        check_export(Logarithm(), HALVED, tmp_path / "model.onnx")


def test_a_graph_of_another_shape_is_refused(tmp_path: Path) -> None:
    export_model(Halved().eval(), HALVED, tmp_path / "model.onnx")
    wider = ModelSpec(
        name="halved",
        inputs=HALVED.inputs,
        outputs=(TensorSpec("y", "FP32", (4,)),),
        backend="onnxruntime",
        max_batch_size=4,
    )

    with pytest.raises(ModelError, match="the spec says float32 \\[N, 4\\]"):
        check_export(Halved(), wider, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("encoder", "spec"), [(AudioEncoder, AUDIO_ENCODER), (TextEncoder, TEXT_ENCODER_ONNX)], ids=["audio", "text"]
)
def test_an_exported_encoder_agrees_with_its_network_silence_included(
    tmp_path: Path, encoder: type[torch.nn.Module], spec: ModelSpec
) -> None:
    network = encoder()
    export_model(network, spec, tmp_path / "model.onnx")

    check = check_export(network, spec, tmp_path / "model.onnx")

    assert np.max(list(check.max_abs_difference.values())) < 1e-4

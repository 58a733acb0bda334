"""Every kind of checkpoint exports: ONNX Runtime computes what the network does, for any number of rows."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "models"))

from tiny_checkpoints import WRITERS

from processors.modality import Modality
from processors.models.export import check_export, export_model
from processors.models.hub.encoders import load_encoder
from processors.models.spec import AUDIO_ENCODER, TEXT_ENCODER_ONNX, VIDEO_ENCODER, TensorSpec

pytestmark = pytest.mark.integration

SPECS = {Modality.VIDEO: VIDEO_ENCODER, Modality.AUDIO: AUDIO_ENCODER}


@pytest.mark.parametrize(
    ("kind", "modality"),
    [
        ("clip", Modality.VIDEO),
        ("siglip", Modality.VIDEO),
        ("ast", Modality.AUDIO),
        ("clap", Modality.AUDIO),
    ],
)
def test_a_checkpoint_computes_in_onnx_what_it_does_here(kind: str, modality: Modality, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path)
    encoder = load_encoder(str(tmp_path), modality)
    shipped = SPECS[modality]
    spec = replace(shipped, outputs=(TensorSpec("embedding", "FP32", (encoder.dim,)), *shipped.outputs[1:]))

    export_model(encoder, spec, tmp_path / "model.onnx")

    assert check_export(encoder, spec, tmp_path / "model.onnx").max_abs_difference["embedding"] < 1e-5


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm_roberta", "clip", "siglip", "clap"])
def test_a_text_of_any_length_up_to_the_longest_is_read_in_onnx_as_here(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path)
    encoder = load_encoder(str(tmp_path), Modality.TRANSCRIPT)
    spec = replace(TEXT_ENCODER_ONNX, outputs=(TensorSpec("embedding", "FP32", (encoder.dim,)),))
    export_model(encoder, spec, tmp_path / "model.onnx")

    check_export(encoder, spec, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])

    for length in (2, 17, encoder.max_tokens):
        ids = torch.randint(4, 900, (2, length), generator=torch.Generator().manual_seed(length))
        mask = torch.ones_like(ids)
        mask[0, length // 2 :] = 0
        with torch.inference_mode():
            expected = encoder(ids, mask).numpy()
        (got,) = session.run(["embedding"], {"input_ids": ids.numpy(), "attention_mask": mask.numpy()})
        np.testing.assert_allclose(got, expected, atol=1e-5)

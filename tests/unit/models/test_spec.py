"""The laws of the typed spec."""

import subprocess
import sys

import numpy as np
import pytest

from processors.modality import Modality
from processors.models.spec import (
    CELLS_SHAPE,
    CONTRIBUTION_ORDER,
    EMBEDDING_DIMS,
    EVENT_CLASSES,
    FUSION,
    MAX_ITEMS,
    SPECS,
    TEXT_ENCODER,
    VIDEO_ENCODER,
    ModelSpec,
    make_specs,
)


def test_the_spec_is_read_without_a_deep_learning_framework() -> None:
    probe = (
        "import sys, processors.models.spec, processors.models.build\n"
        "print(sorted({'torch', 'onnx', 'onnxruntime', 'transformers', 'tokenizers'} & set(sys.modules)))"
    )

    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)

    assert answer.stdout.strip() == "[]"


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_the_known_good_sample_fits_the_inputs(spec: ModelSpec) -> None:
    sample = spec.sample(3)

    assert list(sample) == [tensor.name for tensor in spec.inputs]
    for tensor in spec.inputs:
        array = sample[tensor.name]
        assert array.dtype == tensor.numpy_dtype
        assert array.shape == (3, *(spec.warm_up_length if size < 0 else size for size in tensor.shape))


def test_an_empty_text_is_bytes_in_the_sample() -> None:
    assert TEXT_ENCODER.sample()["text"].tolist() == [[b""]]


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_tensor_names_of_a_model_are_unique(spec: ModelSpec) -> None:
    names = [tensor.name for tensor in (*spec.inputs, *spec.outputs)]

    assert len(names) == len(set(names))


def test_every_tensor_of_an_ensemble_comes_from_somewhere_and_fits() -> None:
    known = {tensor.name: tensor for tensor in TEXT_ENCODER.inputs}

    for step in TEXT_ENCODER.steps:
        model = SPECS[step.model]
        inputs = {tensor.name: tensor for tensor in model.inputs}
        outputs = {tensor.name: tensor for tensor in model.outputs}
        for own, shared in step.input_map:
            assert (inputs[own].dtype, inputs[own].shape) == (known[shared].dtype, known[shared].shape)
        known |= {shared: outputs[own] for own, shared in step.output_map}

    for tensor in TEXT_ENCODER.outputs:
        assert known[tensor.name] == tensor


def test_the_fusion_model_takes_what_the_encoders_give() -> None:
    shapes = {tensor.name: tensor.shape for tensor in FUSION.inputs}

    for modality in CONTRIBUTION_ORDER:
        assert shapes[modality] == (MAX_ITEMS[modality], EMBEDDING_DIMS[modality])
        assert shapes[f"{modality}_time"] == shapes[f"{modality}_weight"] == (MAX_ITEMS[modality],)


def test_contributions_are_modalities_by_classes() -> None:
    shapes = {tensor.name: tensor.shape for tensor in FUSION.outputs}

    assert shapes["probabilities"] == (len(EVENT_CLASSES),)
    assert shapes["contributions"] == (len(CONTRIBUTION_ORDER), len(EVENT_CLASSES))


def test_own_embeddings_and_classes_reach_every_model_that_they_concern() -> None:
    dims = {Modality.VIDEO: 5, Modality.AUDIO: 6, Modality.TRANSCRIPT: 7}
    specs = make_specs(dims, ("leak", "steam"), {"classes": "…"})
    shapes = {(spec.name, each.name): each.shape for spec in specs.values() for each in (*spec.inputs, *spec.outputs)}

    assert list(specs) == list(SPECS)
    assert shapes["video_encoder", "embedding"] == (5,)
    assert shapes["audio_encoder", "embedding"] == (6,)
    assert shapes["text_encoder", "embedding"] == shapes["text_encoder_onnx", "embedding"] == (7,)
    assert [shapes["fusion", modality][1] for modality in CONTRIBUTION_ORDER] == [5, 6, 7]
    assert (shapes["fusion", "probabilities"], shapes["fusion", "contributions"]) == ((2,), (3, 2))
    assert specs["fusion"].labels == {"probabilities": ("leak", "steam")}
    assert specs["fusion"].parameters == {"classes": "…"}


def test_the_cells_are_about_a_thousand_half_precision_values() -> None:
    cells = VIDEO_ENCODER.outputs[1]

    assert cells.numpy_dtype == np.float16
    assert cells.shape == CELLS_SHAPE
    assert np.prod(CELLS_SHAPE) == 1000

"""Fusion models in files: what is written is read, and what is no such file is refused by name."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from processors.errors import ModelError
from processors.models.fusion import (
    ENSEMBLE_KIND,
    FUSION_KINDS,
    FUSION_WEIGHTS_PATH,
    Ensemble,
    FusionShape,
    Task,
    TrainedFusion,
    initialise_from,
    load_trained,
    make_fusion,
    save_trained,
)

SHAPE = FusionShape(
    modalities={"video": 5, "audio": 3},
    tasks=(
        Task("event", ("crash", "alarm", "fire"), is_exclusive=False),
        Task("mood", ("bad", "good"), is_exclusive=True),
    ),
    width=8,
    memory=2.5,
)
THRESHOLDS = {"crash": 0.4, "alarm": 0.6, "fire": 0.5}


def _inputs():
    torch.manual_seed(1)
    return [
        tensor
        for dim in SHAPE.modalities.values()
        for tensor in (torch.randn(4, 6, dim), torch.rand(4, 6), torch.ones(4, 6))
    ]


def _model(kind="concat"):
    torch.manual_seed(0)
    model = make_fusion(kind, SHAPE).eval()
    model.calibrate(torch.full((5,), 1.5), torch.full((5,), -0.25))
    return model


@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_a_model_answers_from_its_file_as_before(kind, tmp_path):
    model = _model(kind)
    save_trained(TrainedFusion(kind, model, THRESHOLDS), tmp_path / "fusion.safetensors")
    read = load_trained(tmp_path / "fusion.safetensors")
    assert (read.kind, read.model.shape, read.thresholds) == (kind, SHAPE, THRESHOLDS)
    assert not read.model.training
    with torch.inference_mode():
        for before, after in zip(model(*_inputs()), read.model(*_inputs()), strict=True):
            np.testing.assert_allclose(after, before, atol=5e-3)


def test_the_same_model_is_the_same_bytes(tmp_path):
    for number in range(8):
        save_trained(TrainedFusion("concat", _model(), THRESHOLDS), tmp_path / str(number))
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_calibrated_model_states_other_probabilities_for_the_same_logits():
    model = _model()
    with torch.inference_mode():
        calibrated = model(*_inputs()).probabilities
        model.calibrate(torch.ones(5), torch.zeros(5))
        plain = model(*_inputs()).probabilities
    expected = torch.sigmoid(torch.logit(plain[:, :3]) * 1.5 - 0.25)
    torch.testing.assert_close(calibrated[:, :3], expected)
    torch.testing.assert_close(calibrated[:, 3:].sum(dim=1), torch.ones(4))


@pytest.mark.parametrize("rule", ["average", "vote"])
def test_an_ensemble_answers_from_its_file_as_before(rule, tmp_path):
    moment = make_fusion("concat", replace(SHAPE, width=12, moment=3.0, rhythms=("video",))).eval()
    ensemble = Ensemble([_model("attention"), moment, _model("concat")], rule, [1, 1, 1]).eval()
    save_trained(TrainedFusion(ENSEMBLE_KIND, ensemble, THRESHOLDS), tmp_path / "fusion.safetensors")

    read = load_trained(tmp_path / "fusion.safetensors")

    assert (read.kind, read.thresholds) == (ENSEMBLE_KIND, THRESHOLDS)
    assert [member.shape for member in read.model.models] == [SHAPE, moment.shape, SHAPE]
    assert torch.equal(read.model.weights, ensemble.weights)
    assert not read.model.training
    with torch.inference_mode():
        for before, after in zip(ensemble(*_inputs()), read.model(*_inputs()), strict=True):
            np.testing.assert_allclose(after, before, atol=2e-2)


def _add_member(about):
    about["members"].append(about["members"][0])
    about["weights"].append(1.0)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda about: about.update(rule="loudest"), "rule 'loudest'"),
        (lambda about: about["weights"].pop(), "a weight for each"),
        (_add_member, "do not fit the model that they name.*members.2"),
    ],
)
def test_an_ensemble_that_is_not_what_its_file_says_is_refused(spoil, said, tmp_path):
    path = tmp_path / "fusion.safetensors"
    save_trained(TrainedFusion(ENSEMBLE_KIND, Ensemble([_model(), _model("weighted")]), THRESHOLDS), path)
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["braid.fusion.v1"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 # not a mapping
    spoil(about)
    save_file(tensors, path, {"braid.fusion.v1": json.dumps(about)})
    with pytest.raises(ModelError, match=f"(?s){said}"):
        load_trained(path)


def test_an_ensemble_begins_no_training(tmp_path):
    path = tmp_path / "fusion.safetensors"
    save_trained(TrainedFusion(ENSEMBLE_KIND, Ensemble([_model(), _model()]), THRESHOLDS), path)
    with pytest.raises(ModelError, match="holds an ensemble"):
        initialise_from(_model(), path)


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def _add_tensor(path):
    trained = load_trained(path)
    trained.model.register_buffer("surprise", torch.zeros(2))
    save_trained(trained, path)


def _other_file(path):
    save_file({"weight": torch.zeros(2)}, path)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_truncate, "is the file whole"),
        (_add_tensor, "surprise"),
        (_other_file, "do not say what they are"),
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(FUSION_WEIGHTS_PATH.read_bytes()), "do not say what they are"),
    ],
)
def test_a_file_that_is_no_such_model_is_refused_by_name(spoil, said, tmp_path):
    path = tmp_path / "fusion.safetensors"
    save_trained(TrainedFusion("concat", _model(), THRESHOLDS), path)
    spoil(path)
    with pytest.raises(ModelError, match=said) as refused:
        load_trained(path)
    assert str(path) in str(refused.value)


def test_a_model_that_is_asked_about_a_moment_is_read_as_such(tmp_path):
    shape = replace(SHAPE, moment=3.0, rhythms=("video",))
    torch.manual_seed(0)
    model = make_fusion("weighted", shape).eval()
    save_trained(TrainedFusion("weighted", model, THRESHOLDS), tmp_path / "a.safetensors")
    read = load_trained(tmp_path / "a.safetensors").model
    assert read.shape == shape
    for mine, theirs in zip(model(*_inputs()), read(*_inputs()), strict=True):
        torch.testing.assert_close(mine, theirs, atol=2e-2, rtol=0)

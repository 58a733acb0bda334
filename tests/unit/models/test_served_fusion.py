"""A trained model of any kind behind what Triton takes and gives, and the models that cannot be served."""

import pytest
import torch

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.composed import COMPOSED_WEIGHTS_PATH, load_composed
from processors.models.fusion import (
    ENSEMBLE_KIND,
    FUSION_KINDS,
    Ensemble,
    FusionShape,
    ServedFusion,
    Task,
    TrainedFusion,
    facts_of,
    make_fusion,
    save_trained,
)
from processors.models.networks import load_network, read_facts
from processors.models.plan import ModelPlan
from processors.models.spec import FUSION

DIMS = {Modality.VIDEO: 5, Modality.AUDIO: 4, Modality.TRANSCRIPT: 3}
SIZES = {"video": 6, "audio": 4, "transcript": 4}
EVENT = Task("event", ("leak", "steam", "smoke"), is_exclusive=False)
MOOD = Task("mood", ("bad", "good"), is_exclusive=True)
BATCH = 3


def trained(kind="attention", modalities=None, tasks=(EVENT,), width=128, thresholds=None):
    torch.manual_seed(0)
    modalities = {modality.value: dim for modality, dim in DIMS.items()} if modalities is None else modalities
    model = make_fusion(kind, FusionShape(modalities=modalities, tasks=tasks, width=width)).eval()
    return TrainedFusion(kind, model, {} if thresholds is None else thresholds)


def draw(absent=()):
    generator = torch.Generator().manual_seed(1)
    inputs = {}
    for modality, dim in DIMS.items():
        size = SIZES[modality]
        weight = torch.rand(BATCH, size, generator=generator) * (modality not in absent)
        inputs[modality] = (
            torch.randn(BATCH, size, dim, generator=generator),
            torch.rand(BATCH, size, generator=generator),
            weight,
        )
    return inputs


def served(model, inputs):
    with torch.inference_mode():
        return ServedFusion(model)(*(tensor for modality in Modality for tensor in inputs[modality]))


@pytest.mark.parametrize("kind", FUSION_KINDS)
@pytest.mark.parametrize("names", [("transcript", "video", "audio"), ("audio", "video"), ("transcript",)])
def test_a_model_is_given_the_modalities_that_it_knows_and_others_contribute_nothing(kind, names):
    model = trained(kind, {name: DIMS[Modality(name)] for name in names}).model
    inputs = draw()
    answer = served(model, inputs)
    with torch.inference_mode():
        own = model(*(tensor for name in names for tensor in inputs[Modality(name)]))

    torch.testing.assert_close(answer.probabilities, own.probabilities)
    torch.testing.assert_close(answer.embedding, own.embedding)
    for row, modality in enumerate((Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT)):
        expected = own.contributions[:, names.index(modality)] if modality in names else torch.zeros(BATCH, 3)
        torch.testing.assert_close(answer.contributions[:, row], expected)


@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_an_absent_modality_contributes_exactly_nothing(kind):
    answer = served(trained(kind).model, draw(absent=[Modality.AUDIO]))
    assert (answer.contributions[:, 1] == 0).all()
    assert answer.contributions[:, 0].abs().max() > 0


@pytest.mark.parametrize("widths", [(32,), (96, 32), (96, 96, 96)])
def test_a_window_is_stored_as_128_numbers_and_windows_stay_as_alike_as_they_are(widths):
    members = [trained(width=width).model for width in widths]
    model = Ensemble(members).eval() if len(members) > 1 else members[0]
    inputs = draw()
    with torch.inference_mode():
        own = model(*(tensor for modality in Modality for tensor in inputs[modality])).embedding
    answer = served(model, inputs).embedding
    assert answer.shape == (BATCH, 128)
    torch.testing.assert_close(answer.norm(dim=1), torch.ones(BATCH))
    exactly = sum(widths) <= 128
    torch.testing.assert_close(answer @ answer.T, own @ own.T, atol=1e-5 if exactly else 0.3, rtol=0)
    assert torch.equal(served(model, inputs).embedding, answer)


def test_classes_of_another_task_are_served_by_its_name_and_never_become_an_event(tmp_path):
    facts = facts_of(trained(tasks=(MOOD, EVENT), thresholds={"steam": 0.8, "good": 0.1}), DIMS, tmp_path)
    assert facts.classes == ("mood.bad", "mood.good", "leak", "steam", "smoke")
    assert facts.thresholds == {"leak": 0.5, "steam": 0.8, "smoke": 0.5}
    assert facts.dims == DIMS


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"modalities": {"video": 9, "audio": 4}}, r"takes embeddings of video \[9\], audio \[4\], .*video \[5\]"),
        ({"modalities": {"smell": 5}}, r"takes embeddings of smell \[5\], the encoders give video \[5\], audio \[4\]"),
        ({"tasks": (MOOD,)}, r"has the tasks mood \(exclusive\); expected one called `event`"),
        ({"tasks": (Task("event", ("a", "b"), is_exclusive=True),)}, r"event \(exclusive\); expected"),
        ({"tasks": (EVENT, Task("x", ("y",), False), Task("x", ("y",), False))}, "all different"),
        ({"thresholds": {"leak": 1.5}}, "cannot be served: the thresholds"),
    ],
)
def test_a_model_that_cannot_be_served_is_refused_by_name_with_what_was_expected(model, said, tmp_path):
    path = tmp_path / "own.safetensors"
    with pytest.raises(ModelError, match=said) as refused:
        facts_of(trained(**model), DIMS, path)
    assert str(path) in str(refused.value)


def test_a_plan_serves_the_file_that_it_names(tmp_path):
    path = tmp_path / "own.safetensors"
    modalities = {tensor.name: tensor.shape[1] for tensor in FUSION.inputs[::3]}
    save_trained(trained("concat", modalities, thresholds={"leak": 0.25}), path)
    plan = ModelPlan(fusion=path)
    assert read_facts(plan).classes == EVENT.classes
    assert read_facts(plan).thresholds["leak"] == 0.25
    network = load_network("fusion", plan)
    assert isinstance(network, ServedFusion)
    assert not network.training
    assert not isinstance(load_network("fusion"), ServedFusion)


def test_an_ensemble_is_served_from_its_file(tmp_path):
    path = tmp_path / "own.safetensors"
    modalities = {tensor.name: tensor.shape[1] for tensor in FUSION.inputs[::3]}
    members = [trained(kind, modalities, width=64).model for kind in FUSION_KINDS]
    save_trained(TrainedFusion(ENSEMBLE_KIND, Ensemble(members), {"leak": 0.25}), path)
    assert read_facts(ModelPlan(fusion=path)).thresholds["leak"] == 0.25
    assert isinstance(load_network("fusion", ModelPlan(fusion=path)).model, Ensemble)


def test_the_model_of_composed_streams_is_served_as_it_is():
    facts = read_facts(ModelPlan(fusion=COMPOSED_WEIGHTS_PATH))
    assert facts.classes == load_composed()[0].model.shape.tasks[0].classes
    assert set(facts.thresholds) == set(facts.classes)

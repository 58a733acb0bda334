"""A trained model of any kind behind what Triton takes and gives, and the models that cannot be served."""

import pytest
import torch

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.fusion import (
    FUSION_KINDS,
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
        ({"width": 32}, "width of 32, expected 128"),
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

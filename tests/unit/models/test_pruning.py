"""Hidden units are really taken out, and a model without them answers as one in which they are silent."""

import pytest
import torch

from processors.errors import ModelError
from processors.models.compression.pruning import find_hidden, prune, rank_units, without_units
from processors.models.fusion import FUSION_KINDS, FusionShape, Task, make_fusion

SHAPE = FusionShape(
    modalities={"video": 6, "audio": 5, "transcript": 4},
    tasks=(Task("event", ("crash", "alarm"), is_exclusive=False), Task("mood", ("bad", "good"), is_exclusive=True)),
    width=16,
)
WINDOWS = 9


@pytest.fixture(params=sorted(FUSION_KINDS))
def model(request):
    torch.manual_seed(0)
    return make_fusion(request.param, SHAPE).eval()


@pytest.fixture
def inputs():
    torch.manual_seed(1)
    made = []
    for dim in SHAPE.modalities.values():
        weight = torch.ones(WINDOWS, 3)
        weight[::4] = 0.0
        made += [torch.randn(WINDOWS, 3, dim), torch.rand(WINDOWS, 3), weight]
    return tuple(made)


def parameters_of(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_a_pruned_model_answers_as_one_whose_units_are_silent(model, inputs, share):
    worth = rank_units(model, inputs)
    pruned = prune(model, worth, share)
    with torch.inference_mode(), without_units(model, worth, share):
        silent = model(*inputs)
    with torch.inference_mode():
        answer, whole = pruned(*inputs), model(*inputs)
    for mine, theirs in zip(answer, silent, strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)
    assert not torch.allclose(answer.probabilities, whole.probabilities, atol=1e-6)


def test_half_the_units_of_every_layer_are_gone(model, inputs):
    sizes = [layer.count for layer in find_hidden(model)]
    before = parameters_of(model)
    pruned = prune(model, rank_units(model, inputs), 0.5)
    assert [layer.count for layer in find_hidden(pruned)] == [size // 2 for size in sizes]
    assert parameters_of(pruned) < before
    assert parameters_of(model) == before


def test_what_goes_in_and_comes_out_keeps_its_sizes(model, inputs):
    pruned = prune(model, rank_units(model, inputs), 0.9)
    for mine, theirs in zip(pruned(*inputs), model(*inputs), strict=True):
        assert mine.shape == theirs.shape


def test_units_that_say_nothing_are_worth_nothing_and_go_first(model, inputs):
    """A layer whose units are silenced by hand loses exactly those, and then no answer changes."""
    layer = find_hidden(model)[0]
    width = layer.count
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith(("projections.0.layers.1", "block.think.1", "cross.think.1")):
                parameter[: width // 2] = 0.0
    worth = rank_units(model, inputs)
    assert (worth[0][: width // 2] == 0).all()
    assert (worth[0][width // 2 :] > 0).all()
    others = [torch.ones(each.count) for each in find_hidden(model)[1:]]
    with torch.inference_mode(), without_units(model, [worth[0], *others], 0.5):
        kept = model(*inputs)
    pruned = prune(model, [worth[0], *others], 0.5)
    assert find_hidden(pruned)[0].count == width // 2
    with torch.inference_mode():
        assert torch.allclose(pruned(*inputs).probabilities, kept.probabilities, atol=1e-6)


def test_the_least_worth_goes(model):
    worth = [torch.arange(layer.count, dtype=torch.float32) for layer in find_hidden(model)]
    first = find_hidden(model)[0]
    rows = dict(model.named_parameters())
    pruned = dict(prune(model, worth, 0.5).named_parameters())
    name = "projections.0.layers.1.weight" if "projections" in first.name else f"{first.name}.1.weight"
    assert torch.equal(pruned[name], rows[name][first.count // 2 :])


def test_the_same_seed_ranks_alike(model, inputs):
    for one, other in zip(rank_units(model, inputs, seed=3), rank_units(model, inputs, seed=3), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_that_makes_no_sense_is_refused(model, inputs, share):
    with pytest.raises(ModelError, match="expected more than 0, less than 1"):
        prune(model, rank_units(model, inputs), share)

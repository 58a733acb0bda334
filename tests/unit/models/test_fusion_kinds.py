"""What every kind of fusion, and an ensemble of them, owes."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.errors import ModelError
from processors.models.fusion import FUSION_KINDS, Ensemble, FusionShape, Task, make_fusion

DIMS = {"text": 5, "audio": 3, "video": 4}
TASKS = (
    Task("mood", ("bad", "good"), is_exclusive=True),
    Task("events", ("fire", "crash", "panic"), is_exclusive=False),
)
SHAPE = FusionShape(modalities=DIMS, tasks=TASKS, width=16)
BATCH = 4
SUBSETS = [rows for count in (1, 2, 3) for rows in itertools.combinations(range(3), count)]


def make(kind, seed=0):
    torch.manual_seed(seed)
    return make_fusion(kind, SHAPE).eval()


MODELS = {kind: make(kind) for kind in FUSION_KINDS}
MODELS["average of all"] = Ensemble([make(kind) for kind in FUSION_KINDS], "average", [1, 2, 3, 4]).eval()
MODELS["vote of all"] = Ensemble([make(kind, seed=3) for kind in FUSION_KINDS], "vote").eval()
every_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)


def draw(seed, sizes=(6, 4, 5)):
    generator = torch.Generator().manual_seed(seed)
    tensors = []
    for size, dim in zip(sizes, DIMS.values(), strict=True):
        time = torch.stack([torch.randperm(size, generator=generator) for _ in range(BATCH)]).float()
        weight = 0.2 + 0.8 * torch.rand(BATCH, size, generator=generator)
        tensors += [torch.randn(BATCH, size, dim, generator=generator), time, weight]
    return tensors


def keep_only(inputs, rows):
    return [
        torch.zeros_like(tensor) if number % 3 == 2 and number // 3 not in rows else tensor
        for number, tensor in enumerate(inputs)
    ]


def run(model, inputs):
    with torch.inference_mode():
        return model(*inputs)


def assert_same(got, expected):
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)


@every_model
@pytest.mark.parametrize("rows", SUBSETS)
def test_every_subset_is_accepted_and_an_absent_modality_contributes_exactly_nothing(model, rows):
    answer = run(model, keep_only(draw(1), rows))
    assert answer.probabilities.shape == (BATCH, 5)
    assert answer.contributions.shape == (BATCH, 3, 5)
    assert ((answer.probabilities >= 0) & (answer.probabilities <= 1 + 1e-6)).all()
    torch.testing.assert_close(answer.probabilities[:, SHAPE.span("mood")].sum(dim=1), torch.ones(BATCH))
    torch.testing.assert_close(answer.embedding.norm(dim=1), torch.ones(BATCH))
    assert (answer.contributions[:, [row for row in range(3) if row not in rows]] == 0).all()


@every_model
def test_a_contribution_is_what_really_leaving_out_changes(model):
    inputs = draw(2)
    everything = run(model, inputs)
    for row in range(3):
        without = run(model, keep_only(inputs, [other for other in range(3) if other != row])).probabilities
        torch.testing.assert_close(
            everything.contributions[:, row], everything.probabilities - without, atol=1e-5, rtol=0
        )
    assert everything.contributions.abs().max() > 1e-4


@every_model
@given(seed=st.integers(0, 10_000), extra=st.integers(0, 3), garbage=st.sampled_from([0.0, 1e6, torch.inf, torch.nan]))
@settings(max_examples=15)
def test_what_stands_in_padding_and_how_much_of_it_changes_nothing(model, seed, extra, garbage):
    inputs = keep_only(draw(seed), [(0, 1), (1, 2), (0, 1, 2)][seed % 3])
    padded = []
    for number, tensor in enumerate(inputs):
        fill = 0.0 if number % 3 == 2 else garbage
        tail = tensor.new_full((BATCH, extra, *tensor.shape[2:]), fill)
        padded.append(torch.cat([tensor, tail], dim=1))
    assert_same(run(model, padded), run(model, inputs))


@every_model
@given(seed=st.integers(0, 10_000), value=st.sampled_from([0.0, 3.0, -1e5]))
@settings(max_examples=15)
def test_the_items_of_an_absent_modality_change_nothing(model, seed, value):
    row = seed % 3
    inputs = keep_only(draw(seed), [other for other in range(3) if other != row])
    other = [torch.full_like(tensor, value) if number in (3 * row, 3 * row + 1) else tensor
             for number, tensor in enumerate(inputs)]  # fmt: skip
    assert_same(run(model, other), run(model, inputs))


@every_model
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_the_order_of_items_changes_nothing(model, seed):
    inputs = draw(seed)
    shuffled = []
    for first in (0, 3, 6):
        order = torch.randperm(inputs[first].shape[1], generator=torch.Generator().manual_seed(seed))
        shuffled += [tensor[:, order] for tensor in inputs[first : first + 3]]
    assert_same(run(model, shuffled), run(model, inputs))


@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_the_times_of_items_matter_but_not_where_the_clock_starts(kind):
    inputs = draw(4)
    answer = run(MODELS[kind], inputs)
    backwards = [-tensor if number % 3 == 1 else tensor for number, tensor in enumerate(inputs)]
    assert (run(MODELS[kind], backwards).probabilities - answer.probabilities).abs().max() > 1e-4
    assert_same(run(MODELS[kind], [t + 64 if number % 3 == 1 else t for number, t in enumerate(inputs)]), answer)


@every_model
def test_a_window_is_judged_by_itself_whatever_else_is_in_the_batch(model):
    inputs = draw(5)
    alone = run(model, [tensor[1:2] for tensor in inputs])
    assert_same(alone, [tensor[1:2] for tensor in run(model, inputs)])


@every_model
def test_a_window_with_nothing_in_it_has_finite_answers(model):
    for tensor in run(model, keep_only(draw(6), [])):
        assert torch.isfinite(tensor).all()


@pytest.mark.parametrize("kind", FUSION_KINDS)
@pytest.mark.parametrize("modalities", [{"text": 5}, {"text": 5, "audio": 3}, {**DIMS, "transcript": 2}])
def test_a_kind_takes_any_number_of_modalities(kind, modalities):
    model = make_fusion(kind, FusionShape(modalities=modalities, tasks=TASKS, width=8)).eval()
    inputs = [
        tensor for dim in modalities.values() for tensor in (torch.ones(1, 2, dim), torch.ones(1, 2), torch.ones(1, 2))
    ]
    assert run(model, inputs).contributions.shape == (1, len(modalities), 5)


@pytest.mark.parametrize("rule", ["average", "vote"])
@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_an_ensemble_of_one_is_its_member(kind, rule):
    inputs = draw(7)
    for got, expected in zip(run(Ensemble([MODELS[kind]], rule), inputs), run(MODELS[kind], inputs), strict=True):
        assert torch.equal(got, expected)


def test_an_average_weighs_and_a_vote_counts():
    members = [make("concat", seed) for seed in range(3)]
    inputs = draw(8)
    single = [run(member, inputs).probabilities for member in members]
    average = run(Ensemble(members, "average", [1, 0, 3]), inputs).probabilities
    torch.testing.assert_close(average, 0.25 * single[0] + 0.75 * single[2])
    vote = run(Ensemble(members, "vote"), inputs).probabilities
    for_good = torch.stack([each[:, 1] > each[:, 0] for each in single]).float().mean(dim=0)
    torch.testing.assert_close(vote[:, 1], for_good)
    torch.testing.assert_close(vote[:, 2:], torch.stack([each[:, 2:] > 0.5 for each in single]).float().mean(dim=0))


@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_every_task_and_modality_reaches_the_weights(kind):
    model = make_fusion(kind, SHAPE).train()
    logits, _ = model.judge(tuple(draw(9)), torch.ones(BATCH, 3))
    torch.autograd.backward(logits.square().sum())
    silent = [name for name, weight in model.named_parameters() if weight.grad is None and "missing" not in name]
    assert silent == []


def test_what_does_not_fit_is_refused_with_what_was_expected():
    with pytest.raises(ModelError, match="'sum'; choose one of concat, weighted, attention, transformer"):
        make_fusion("sum", SHAPE)
    with pytest.raises(ModelError, match=r"width 10 .*expected a multiple of 4"):
        make_fusion("concat", FusionShape(modalities=DIMS, tasks=TASKS, width=10))
    with pytest.raises(ModelError, match="no task 'smell'; this model has mood, events"):
        SHAPE.span("smell")
    with pytest.raises(ModelError, match="6 inputs; expected items, times and weights of text, audio, video"):
        MODELS["concat"](*draw(1)[:6])
    with pytest.raises(ModelError, match="ensemble of 0 members"):
        Ensemble([])
    with pytest.raises(ModelError, match="a weight for each, none negative"):
        Ensemble([MODELS["concat"]], "average", [-1.0])
    other = make_fusion("concat", FusionShape(modalities={"text": 5}, tasks=TASKS, width=16))
    with pytest.raises(ModelError, match=r"member 1 takes .*expected, as of member 0"):
        Ensemble([MODELS["concat"], other])


@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_a_modality_that_training_never_showed_is_never_looked_at(kind):
    model = make(kind)
    model.standardise(keep_only(draw(1), [0, 2]))
    inputs = draw(2)
    answer = run(model, inputs)
    assert_same(answer, run(model, keep_only(inputs, [0, 2])))
    assert (answer.contributions[:, 1] == 0).all()


@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_values_are_seen_as_training_had_them_and_one_that_never_varied_says_nothing(kind):
    model = make(kind)
    inputs = draw(1)
    inputs[0][:, :, 2] = 7.0
    model.standardise(inputs)
    before = run(model, inputs)
    scaled = [1000 * tensor + 50 if number % 3 == 0 else tensor for number, tensor in enumerate(inputs)]
    model.standardise(scaled)
    assert_same(run(model, scaled), before)
    scaled[0][:, :, 2] = -1e6
    assert_same(run(model, scaled), before)

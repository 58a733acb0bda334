"""Learning without labels: what may stand against what, what is hidden, and that nothing leaks from labels."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from processors.datasets.windows import WindowItems, WindowSet
from processors.errors import DatasetError, ModelError
from processors.modality import Modality
from processors.models.evaluation.pretraining import measure_pretraining
from processors.models.evaluation.spread_page import render_spreads
from processors.models.fusion import (
    FUSION_KINDS,
    FusionShape,
    Task,
    TrainedFusion,
    initialise_from,
    make_fusion,
    save_trained,
)
from processors.models.self_supervision import PretrainingSettings, pretrain
from processors.models.self_supervision.contrastive import ContrastiveLoss, find_negatives
from processors.models.self_supervision.masking import MaskedItemLoss, hide_items

DIMS = {"video": 3, "audio": 2}
SETTINGS = PretrainingSettings(width=16, dropout=0.0, epochs=12, batch_size=16, learning_rate=5e-3)


def make_windows(recordings=8, each=12, modalities=(Modality.VIDEO, Modality.AUDIO), seed=0, prefix="r"):
    """Windows with a state of their own, which every modality shows in its own directions, under noise."""
    world = np.random.default_rng(99)
    rng = np.random.default_rng(seed)
    count = recordings * each
    state = rng.normal(size=(count, 4))
    parts = {}
    for modality in modalities:
        shown = state @ world.normal(size=(4, 10))
        items = shown[:, None] + 0.5 * rng.normal(size=(count, 3, 10))
        times = np.tile(np.array([0.0, 1.0, 2.0], np.float32), (count, 1))
        parts[modality] = WindowItems(items.astype(np.float32), times, np.ones((count, 3), np.float32))
    return WindowSet(
        classes=("up", "right"),
        recordings=np.repeat([f"{prefix}{number}" for number in range(recordings)], each),
        starts_ms=np.tile(np.arange(each) * 2000, recordings).astype(np.int64),
        labels=(state[:, :2] > 0).astype(np.float32),
        modalities=parts,
    )


def make_inputs(count=5, items=4):
    torch.manual_seed(0)
    return tuple(
        tensor
        for dim in DIMS.values()
        for tensor in (torch.randn(count, items, dim), torch.rand(count, items), torch.ones(count, items))
    )


def test_windows_that_share_time_in_a_recording_are_no_negatives_and_all_others_are():
    recordings = torch.tensor([0, 0, 0, 1])
    starts = torch.tensor([0, 2000, 4000, 0])
    expected = [
        [one != two and not (recordings[one] == recordings[two] and abs(starts[one] - starts[two]) < 4000)
         for two in range(4)]
        for one in range(4)
    ]  # fmt: skip
    assert find_negatives(recordings, starts, 4000).tolist() == expected


def test_the_contrastive_loss_is_the_textbook_sum_over_the_negatives_that_are_allowed():
    torch.manual_seed(0)
    loss = ContrastiveLoss(6, 2)
    tokens, present = torch.randn(5, 2, 6), torch.ones(5, 2)
    present[4, 1] = 0.0
    allowed = torch.ones(5, 5, dtype=torch.bool).fill_diagonal_(False)
    allowed[0, 1] = allowed[1, 0] = False
    with torch.no_grad():
        got = loss(tokens, present, allowed)
        sides = [torch.nn.functional.normalize(loss.projections[row](tokens[:, row]), dim=1) for row in (0, 1)]
    terms = []
    for one, two in ((0, 1), (1, 0)):
        for row in range(4):
            stands = {other: math.exp(float(sides[one][row] @ sides[two][other]) / 0.07) for other in range(4)}
            against = sum(value for other, value in stands.items() if other == row or allowed[row, other])
            terms.append(-math.log(stands[row] / against))
    assert float(got) == pytest.approx(sum(terms) / len(terms), rel=1e-4)


def test_without_a_pair_there_is_nothing_to_tell_apart():
    tokens = torch.randn(3, 2, 8, requires_grad=True)
    loss = ContrastiveLoss(8, 2)(tokens, torch.tensor([[1.0, 0.0]] * 3), torch.ones(3, 3, dtype=torch.bool))
    assert loss.item() == 0.0
    loss.backward()


def test_hidden_items_are_items_with_the_weight_of_padding_and_something_is_left_of_every_window():
    inputs = make_inputs(count=200)
    inputs[2][:, 3] = 0.0
    left, hidden = hide_items(inputs, 0.5, 0.3, torch.Generator().manual_seed(0))
    for row, own in enumerate(hidden):
        weight = inputs[3 * row + 2]
        assert not (own & (weight == 0)).any()
        assert torch.equal(left[3 * row + 2], torch.where(own, torch.zeros_like(weight), weight))
        assert torch.equal(left[3 * row], inputs[3 * row])
        share = float(own.sum() / (weight > 0).sum())
        assert 0.45 < share < 0.7
        assert (own.sum(dim=1) == (weight > 0).sum(dim=1)).any(), "a whole modality is hidden now and then"
    assert all((left[2][row] > 0).any() or (left[5][row] > 0).any() for row in range(200))


@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_what_is_hidden_does_not_reach_the_embedding_that_is_to_tell_it(kind):
    shape = FusionShape(modalities=DIMS, tasks=(Task("event", ("a",), is_exclusive=False),), width=8, dropout=0.0)
    torch.manual_seed(0)
    model = make_fusion(kind, shape).eval()
    inputs = make_inputs()
    left, hidden = hide_items(inputs, 0.5, 0.0, torch.Generator().manual_seed(1))
    other = list(left)
    other[0] = torch.where(hidden[0][:, :, None], 100.0 * torch.ones_like(left[0]), left[0])
    with torch.no_grad():
        one, two = (model.fuse(model.encode(tuple(each)), torch.ones(5, 2)) for each in (left, other))
    assert hidden[0].any()
    torch.testing.assert_close(one, two)


def test_the_loss_of_hidden_items_is_over_hidden_items_alone():
    shape = FusionShape(modalities=DIMS, tasks=(Task("event", ("a",), is_exclusive=False),), width=8)
    model = make_fusion("concat", shape)
    masked, inputs = MaskedItemLoss(model), make_inputs()
    embedding = torch.randn(5, 8)
    hidden = [torch.zeros(5, 4, dtype=torch.bool) for _ in range(2)]
    assert masked(model, embedding, inputs, hidden).item() == 0.0
    hidden[0][2, 1] = True
    with torch.no_grad():
        before = masked(model, embedding, inputs, hidden)
        changed = (inputs[0].clone(), *inputs[1:])
        changed[0][2, 0] += 1.0
        assert torch.equal(masked(model, embedding, changed, hidden), before)
        changed[0][2, 1] += 1.0
        assert not torch.equal(masked(model, embedding, changed, hidden), before)


def test_both_tasks_are_learned(tmp_path):
    windows = make_windows()
    untrained = pretrain(windows, replace(SETTINGS, epochs=1, learning_rate=1e-9), tmp_path / "none").losses
    done = pretrain(windows, SETTINGS, tmp_path / "done")
    assert done.losses["contrastive"] < 0.5 * untrained["contrastive"]
    assert done.losses["masked"] < 0.9 * untrained["masked"]
    assert done.windows == (84, 12)


def test_no_label_is_looked_at(tmp_path):
    windows = make_windows(recordings=3)
    unlabelled = replace(windows, labels=np.full_like(windows.labels, np.nan))
    states = [
        pretrain(each, replace(SETTINGS, epochs=1), tmp_path / name).model.state_dict()
        for name, each in (("labelled", windows), ("unlabelled", unlabelled))
    ]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_training_goes_on_from_its_folder_and_ends_alike(tmp_path):
    windows = make_windows(recordings=4)
    settings = replace(SETTINGS, epochs=2, patience=None)
    whole = pretrain(windows, settings, tmp_path / "whole")
    again = pretrain(windows, settings, tmp_path / "whole")
    assert again.losses == whole.losses


def test_a_set_that_cannot_teach_is_refused(tmp_path):
    alone = make_windows(modalities=(Modality.AUDIO,), recordings=3)
    with pytest.raises(DatasetError, match="no window holds two modalities, of audio"):
        pretrain(alone, SETTINGS, tmp_path)
    done = pretrain(alone, replace(SETTINGS, contrastive_weight=0.0, epochs=1), tmp_path)
    assert set(done.losses) == {"masked"}
    with pytest.raises(DatasetError, match="1 recordings cannot be split"):
        pretrain(make_windows(recordings=1), SETTINGS, tmp_path)
    with pytest.raises(ModelError, match="one above"):
        replace(SETTINGS, contrastive_weight=0.0, masked_weight=0.0)


def _shape(classes=("up", "right"), width=16, dims=(("video", 10), ("audio", 10))):
    return FusionShape(modalities=dict(dims), tasks=(Task("event", classes, is_exclusive=False),), width=width)


@pytest.fixture
def beginning(tmp_path):
    torch.manual_seed(7)
    model = make_fusion("attention", _shape(("other",)))
    model.standardise(tuple(torch.rand(6, 3, 10) if row % 3 == 0 else torch.ones(6, 3) for row in range(6)))
    save_trained(TrainedFusion("attention", model, {}), tmp_path / "pretrained.safetensors")
    return model, tmp_path / "pretrained.safetensors"


def test_a_model_begins_with_all_that_fits_and_is_told_what_does_not(beginning):
    source, path = beginning
    torch.manual_seed(0)
    model = make_fusion("attention", _shape())
    head = model.head.weight.clone()
    done = initialise_from(model, path)
    assert torch.equal(model.head.weight, head)
    assert set(done.untouched) == set(done.unused) == {"head.weight", "head.bias", "logit_scale", "logit_shift"}
    held, offered = model.state_dict(), source.state_dict()
    assert {"pools.missing", "projections.0.centre", "known"} <= set(done.taken)
    assert all(torch.equal(held[name], offered[name].half().float()) for name in done.taken)


def test_another_kind_takes_the_projections_and_the_same_tasks_take_the_heads(beginning):
    _, path = beginning
    done = initialise_from(make_fusion("transformer", _shape(("other",))), path)
    assert {"projections.1.layers.1.weight", "head.weight", "logit_scale"} <= set(done.taken)
    assert "pools.missing" in done.unused
    assert "cross.query.weight" in done.untouched


@pytest.mark.parametrize(
    "shape", [_shape(width=8), _shape(dims=(("audio", 10), ("video", 10))), _shape(dims=(("video", 9), ("audio", 10)))]
)
def test_a_beginning_of_other_items_or_another_width_is_refused(beginning, shape):
    _, path = beginning
    with pytest.raises(ModelError, match="cannot begin this model"):
        initialise_from(make_fusion("attention", shape), path)


def test_the_gain_is_told_per_share_and_of_each_seed_against_itself():
    training, test = make_windows(recordings=10), make_windows(recordings=6, seed=1, prefix="t")
    short = replace(SETTINGS, epochs=3)
    report = measure_pretraining(training, test, short, seeds=[0], told=lambda _: None, shares=(0.1,), passes=1)
    [row] = report.as_json()["shares"]
    assert row["recordings"] == 1
    assert 0.5 < row["pretrained"]["mean"] <= 1.0
    assert row["gain"]["mean"] == pytest.approx(row["pretrained"]["mean"] - row["from_nothing"]["mean"], abs=2e-4)
    assert "| 1 (10 %) |" in report.as_markdown()
    assert "<td>1 (10 %)</td>" in render_spreads("Pre-training", report.as_tables(), {})


def test_sets_that_share_a_recording_or_differ_in_classes_are_refused():
    training = make_windows(recordings=3)
    for test, told in (
        (training, "are in both sets"),
        (replace(make_windows(recordings=3, prefix="t"), classes=("up", "left")), "expected, as those to learn from"),
    ):
        with pytest.raises(DatasetError, match=told):
            measure_pretraining(training, test, SETTINGS, seeds=[0], told=lambda _: None)


def test_pairs_of_modalities_are_all_taken():
    loss, present = ContrastiveLoss(4, 3), torch.ones(2, 3)
    tokens = torch.randn(2, 3, 4, requires_grad=True)
    loss(tokens, present, ~torch.eye(2, dtype=torch.bool)).backward()
    assert all(tokens.grad[:, row].abs().sum() > 0 for row, _ in itertools.product(range(3), range(1)))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"contrastive_weight": math.inf}, "expected finite numbers"),
        ({"masked_weight": math.nan}, "expected finite numbers"),
        ({"contrastive_weight": 0.0, "masked_weight": 0.0}, "neither below 0 and one above"),
        ({"width": 0}, "expected a multiple of 4"),
        ({"width": 18}, "expected a multiple of 4"),
    ],
)
def test_settings_that_no_training_can_use_are_refused(changes, told):
    with pytest.raises(ModelError, match=told):
        replace(SETTINGS, **changes)

"""Training on sounds: groups stay whole, the same seed gives the same, and only the upper blocks move."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from processors.errors import DatasetError, ModelError
from processors.models.evaluation import report_classification
from processors.models.sound_classifier import (
    SoundClassifier,
    load_sound_classifier,
    save_sound_classifier,
    sharpen,
)
from processors.models.sound_training.augmentation import change_samples, change_spectrogram
from processors.models.sound_training.fitting import RECIPE_TRANSFER, TuningSettings, answer_views, fit_classifier
from processors.models.sound_training.fold_spread import FoldSpread
from processors.models.sound_training.folds import FoldFigures, assign_folds, find_sharpness
from processors.models.sound_training.views import SoundViews
from processors.models.transfer import Transfer

CLASSES = ("hum", "click")
STATED = np.full((4, 2), 0.5) + 0.4 * np.array([[1, -1], [-1, 1]] * 2)


def fold_figures(seed, first, second):
    report = report_classification(np.array([0, 1, 0, seed % 2]), STATED, CLASSES)
    return FoldFigures({"fold 1": first, "fold 2": second}, report, seed, 1.0, RECIPE_TRANSFER, 0)


def test_several_seeds_give_mean_and_spread_of_every_fold():
    spread = FoldSpread((fold_figures(0, 0.5, 1.0), fold_figures(1, 0.75, 1.0)))
    document = spread.as_json()
    assert document["seeds"] == [0, 1]
    assert document["runs"] == [run.as_json() for run in spread.runs]
    over = document["over_seeds"]
    assert over["mean"]["values"] == [0.75, 0.875]
    assert over["folds"]["fold 1"] == {"mean": 0.625, "deviation": 0.1768, "values": [0.5, 0.75]}
    assert over["calibration_error"]["values"] == [0.15, 0.1]
    assert "| seed 1 | 75.0 | 100.0 | 87.5 | 0.100 |" in spread.as_markdown()
    assert (
        "| mean ± standard deviation | 62.5 ± 17.7 | 100.0 ± 0.0 | 81.2 ± 8.8 | 0.125 ± 0.035 |" in spread.as_markdown()
    )


@pytest.fixture(scope="module")
def views():
    """Maps of two kinds, told apart by half of their channels."""
    rng = torch.Generator().manual_seed(0)
    labels = torch.tensor([0, 1] * 3)
    maps = torch.randn(6, 5, 80, 12, 10, generator=rng)
    maps[labels == 1, :, :40] += 5.0
    return SoundViews(maps.half(), labels, tuple(f"fold {number // 2}" for number in range(6)), CLASSES)


def train(views):
    return fit_classifier(views, range(4), TuningSettings(epochs=2, batch_size=2, probe_views=4))


def test_training_tells_the_classes_apart_and_leaves_lower_blocks_and_batch_statistics(views):
    network = train(views)

    assert not network.training
    assert answer_views(network, views, [4, 5]).argmax(axis=1).tolist() == [0, 1]
    before, after = SoundClassifier(CLASSES).state_dict(), network.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved | {"sharpness"} == set(network.tuned_tensors())


@pytest.mark.parametrize(
    ("transfer", "beginnings"),
    [
        (Transfer(kind="frozen"), ()),
        (Transfer(kind="last_n", last_n=1), ("upper.3.",)),
        (Transfer(kind="lora", rank=2, targets=("middle.0._project_conv",)), ("middle.0._project_conv.",)),
    ],
)
def test_what_a_transfer_leaves_alone_stays_and_what_it_tunes_is_saved(views, tmp_path, transfer, beginnings):
    network = fit_classifier(views, range(4), TuningSettings(epochs=2, batch_size=2, probe_views=4, transfer=transfer))

    before, after = SoundClassifier(CLASSES).state_dict(), network.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    blocks = {name for name in moved if name.startswith(("lower.", "middle.", "upper."))}
    assert all(name.startswith(beginnings) for name in blocks)
    assert bool(blocks) == bool(beginnings)
    save_sound_classifier(network, tmp_path / "w.safetensors")
    assert moved <= set(load_file(tmp_path / "w.safetensors")) <= moved | {"sharpness"}
    loaded = load_sound_classifier(tmp_path / "w.safetensors")
    np.testing.assert_allclose(answer_views(loaded, views, [4]), answer_views(network, views, [4]), atol=0.02)


def test_blocks_below_the_maps_learn_from_pictures_alone(views):
    full = TuningSettings(epochs=1, batch_size=2, probe_views=4, transfer=Transfer(kind="full"))
    with pytest.raises(ModelError, match="encode pictures"):
        fit_classifier(views, range(4), full)
    pictures = torch.randn(4, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0)).half()
    drawn = SoundViews(pictures, torch.tensor([0, 1, 0, 1]), ("a",) * 4, CLASSES, are_pictures=True)

    moved = fit_classifier(drawn, range(4), full).state_dict()

    assert not torch.equal(
        moved["lower.1._project_conv.weight"], SoundClassifier(CLASSES).lower[1]._project_conv.weight
    )


def test_the_same_seed_gives_the_same_network(views):
    one, other = train(views).tuned_tensors(), train(views).tuned_tensors()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_fold_in_the_name_stays_a_fold():
    assert assign_folds([0, 0, 1, 1], ["fold 1", "fold 2"] * 2, CLASSES, 0) == ("fold 1", "fold 2") * 2


def test_made_folds_keep_groups_whole_and_spread_each_class():
    labels, groups = [0] * 20 + [1] * 20, [f"recording {number // 2}" for number in range(40)]

    folds = assign_folds(labels, groups, CLASSES, 0)

    assert len(set(folds)) == 5
    assert all(folds[number] == folds[number + 1] for number in range(0, 40, 2))
    assert {(fold, label) for fold, label in zip(folds, labels, strict=True)} == {(f, c) for f in folds for c in (0, 1)}


def test_a_class_in_one_fold_only_is_refused():
    with pytest.raises(DatasetError, match="'click' is in 1 fold"):
        assign_folds([0, 0, 1], ["fold 1", "fold 2", "fold 2"], CLASSES, 0)


def test_a_changed_clip_is_another_of_the_same_length_and_told_by_its_seed():
    clip = np.random.default_rng(1).uniform(-0.5, 0.5, 16_000).astype(np.float32)
    one, same, other = (change_samples(clip, np.random.default_rng(seed)) for seed in (2, 2, 3))
    assert one.shape == clip.shape
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, clip)


def test_a_changed_spectrogram_is_a_finite_picture_whatever_is_drawn():
    spectrogram = torch.randn(3, 128, 501, generator=torch.Generator().manual_seed(0)) * 10 - 50
    pictures = [change_spectrogram(spectrogram, np.random.default_rng(seed)) for seed in range(20)]
    assert all(picture.shape == (3, 192, 160) and torch.isfinite(picture).all() for picture in pictures)
    assert not torch.equal(pictures[0], pictures[1])


def test_sharpening_keeps_the_order_and_finds_the_power_that_was_taken_away():
    sure = np.random.default_rng(0).dirichlet(np.ones(4) * 0.4, 4000).astype(np.float32)
    truth = np.array([np.random.default_rng(number).choice(4, p=row / row.sum()) for number, row in enumerate(sure)])
    cautious = sharpen(sure, 0.5)

    assert (cautious.argmax(axis=1) == sure.argmax(axis=1)).all()
    assert find_sharpness(cautious, truth) == pytest.approx(2.0, abs=0.15)

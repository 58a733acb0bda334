"""Fusion of ready features: windows that look back, splits by recording, and what is learned from them."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from processors.datasets.features import SequencePart, SequenceSet, UtteranceSet, read_sequences, read_utterances
from processors.errors import DatasetError, ModelError
from processors.models.evaluation.fusion import compare_kinds, judge_by_other_set
from processors.models.evaluation.missing import measure_missing
from processors.models.evaluation.spread_page import render_spreads
from processors.models.feature_fusion.examples import look_back, pad_sequences, swap_items
from processors.models.feature_fusion.recipe import find_kinds, gather_items, split_recordings
from processors.models.feature_fusion.training import TrainingSettings, train
from processors.models.fusion import FUSION_KINDS
from processors.models.training.examples import judge

DATA = Path(os.environ.get("BRAID_DATA", Path(__file__).parents[3] / ".." / "shared" / "data")) / "features"
BRIEF = TrainingSettings(epochs=1, width=8)
DIMS = {"text": 4, "audio": 3, "video": 2}


def utterances(recordings=10, each=6, seed=0, noise=0.5):
    """Utterances of which `text` tells the label, and a recording's labels tend to agree; rows in no order."""
    rng = np.random.default_rng(seed)
    count = recordings * each
    labels = rng.permuted(np.repeat(np.arange(count) % 2, 1))
    items = {name: rng.normal(size=(count, dim)).astype(np.float32) for name, dim in DIMS.items()}
    items["text"][:, 0] = 2.0 * labels - 1 + noise * rng.normal(size=count)
    order = rng.permutation(count)
    return UtteranceSet(
        path=Path("made.npz"),
        items={name: array[order] for name, array in items.items()},
        labels=labels[order].astype(np.int64),
        classes=("negative", "positive"),
        recordings=np.repeat([f"r{number}" for number in range(recordings)], each)[order],
        places=np.tile(np.arange(1, each + 1), recordings)[order],
        transcripts=None,
    )


def test_a_window_holds_the_utterance_and_those_before_it_in_its_recording_and_nothing_else():
    made = utterances()
    reach = 3
    examples = look_back(made, made.items, reach)
    items, times, weights = examples.inputs[:3]
    for row in range(len(made.labels)):
        expected = [
            other
            for other in np.argsort(made.places)
            if made.recordings[other] == made.recordings[row] and 0 <= made.places[row] - made.places[other] < reach
        ]
        seen = weights[row] > 0
        assert times[row][seen].tolist() == made.places[expected].tolist()
        np.testing.assert_array_equal(items[row][seen].numpy(), made.items["text"][expected])
        assert times[row, -1] == made.places[row]


@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_what_comes_later_does_not_change_an_earlier_answer(kind):
    made = utterances(recordings=4)
    torch.manual_seed(0)
    examples = look_back(made, made.items, 4)
    fitted = train(kind, examples, examples, made.classes, TrainingSettings(epochs=1, width=8), seed=0)
    cut = 3
    is_later = made.places > cut
    changed = {name: np.where(is_later[:, None], array[::-1] * 9 + 5, array) for name, array in made.items.items()}
    before, after = judge(fitted, examples), judge(fitted, look_back(made, changed, 4))
    np.testing.assert_array_equal(before[~is_later], after[~is_later])
    assert np.abs(before[is_later] - after[is_later]).max() > 1e-3

    fewer = np.flatnonzero(~is_later)
    shorter = UtteranceSet(
        path=made.path,
        items={name: array[fewer] for name, array in made.items.items()},
        labels=made.labels[fewer],
        classes=made.classes,
        recordings=made.recordings[fewer],
        places=made.places[fewer],
        transcripts=None,
    )
    without = judge(fitted, look_back(shorter, shorter.items, 4))
    np.testing.assert_allclose(without, before[fewer], atol=1e-6)


def test_earlier_utterances_do_change_an_answer():
    made = utterances(recordings=4)
    examples = look_back(made, made.items, 4)
    fitted = train("transformer", examples, examples, made.classes, TrainingSettings(epochs=1, width=8), seed=0)
    is_first = made.places == 1
    changed = {name: np.where(is_first[:, None], array * -9, array) for name, array in made.items.items()}
    change = np.abs(judge(fitted, examples) - judge(fitted, look_back(made, changed, 4))).max(axis=1)
    assert change[made.places == 3].max() > 1e-4
    assert (change[made.places >= 5] == 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_no_recording_is_on_both_sides_of_a_split_and_each_is_held_out_once(seed):
    recordings = utterances(recordings=13).recordings
    held_rows = []
    for fold in range(5):
        learned, held = split_recordings(recordings, 5, fold, seed)
        assert not set(recordings[learned]) & set(recordings[held])
        assert sorted([*learned, *held]) == list(range(len(recordings)))
        held_rows.extend(held)
    assert sorted(held_rows) == list(range(len(recordings)))
    with pytest.raises(DatasetError, match="13 recordings cannot be split into 14 parts"):
        split_recordings(recordings, 14, 0, seed)


@pytest.mark.parametrize("kind", FUSION_KINDS)
def test_every_kind_learns_what_one_modality_tells_and_the_same_seed_gives_the_same_model(kind):
    made = utterances(recordings=30, each=6, noise=0.1)
    examples = look_back(made, made.items, 2)
    settings = TrainingSettings(epochs=6, width=16, dropout=0.1, learning_rate=1e-2, batch_size=32)
    answers = [judge(train(kind, examples, examples, made.classes, settings, seed=1), examples) for _ in range(2)]
    assert (answers[0].argmax(axis=1) == made.labels).mean() > 0.9
    np.testing.assert_array_equal(*answers)


def test_swapped_items_come_from_other_windows_in_the_share_that_was_asked_for():
    made = utterances(recordings=40)
    examples = look_back(made, made.items, 2)
    swapped = swap_items(examples.inputs, examples.dims, {"text": 0.4}, torch.Generator().manual_seed(0))
    is_changed = (swapped[0] != examples.inputs[0]).any(dim=2)
    assert 0.3 < is_changed.float().mean() < 0.5
    donors = {tuple(row) for row in made.items["text"].tolist()}
    assert all(tuple(row) in donors for row in swapped[0][is_changed].tolist())
    for got, expected in zip(swapped[1:], examples.inputs[1:], strict=True):
        assert torch.equal(got, expected)


def sequences(seed=0):
    rng = np.random.default_rng(seed)

    def part(count, dims):
        labels = np.arange(count) % 2
        items = {name: rng.normal(size=(count, 5, dim)).astype(np.float32) for name, dim in dims.items()}
        items["audio"][:, :, 0] += 2 * labels[:, None] - 1
        items["audio"][:, :2] = 0
        return SequencePart(items, labels.astype(np.int64))

    parts = {"train": part(40, {"audio": 3, "video": 2}), "valid": part(10, {"text": 4, "audio": 3, "video": 2})}
    return SequenceSet(Path("made.npz"), ("negative", "positive"), parts)


def test_steps_of_zeros_are_padding_and_a_modality_that_a_part_lacks_is_absent():
    made = sequences()
    examples = pad_sequences(made.parts["train"], made.dims)
    text, audio = examples.inputs[2], examples.inputs[5]
    assert (text == 0).all()
    assert (audio[:, :2] == 0).all()
    assert (audio[:, 2:] == 1).all()
    joined = examples.join(pad_sequences(made.parts["valid"], made.dims))
    assert len(joined) == 50
    assert joined.inputs[2].sum() == 10 * 5


def test_missing_modalities_are_measured_for_every_subset_and_an_unseen_one_changes_nothing():
    report = measure_missing(sequences(), kind="concat", seeds=[0], told=lambda _: None, settings=BRIEF)
    document = report.as_json()
    assert len(document["rows"]) == 2 * 7
    first = next(iter(report.rows.values()))
    assert first["text", "audio", "video"] == first["audio", "video"]
    assert first["text", "audio"] == first[("audio",)]
    assert report.as_markdown().count("\n| ") == 14
    page = render_spreads("Missing", report.as_tables(), {"data": "a & b"})
    assert page.count("<svg") == 2
    assert page.count("<td>audio, video</td>") == 2
    assert f"<td>{first['audio', 'video'][0].accuracy:.3f}</td>" in page
    assert "a &amp; b" in page


def test_the_transfer_report_has_the_recipe_and_each_seed():
    training, test = utterances(noise=0.1), utterances(recordings=4, seed=1, noise=0.1)
    report = judge_by_other_set(training, test, kind="concat", seeds=[0, 1], told=lambda _: None, settings=BRIEF)
    document = report.as_json()
    assert document["modalities"] == ["text", "audio", "video"]
    assert len(document["over_seeds"]["accuracy"]["values"]) == 2
    assert sum(map(sum, document["confusion"])) == len(test.labels)
    assert document["shared_recordings"] == ["r0", "r1", "r2", "r3"]
    assert "all 2 seeds as one" in report.as_markdown()
    assert "4 recordings have names that are in both files, such as 'r0'" in report.as_markdown()


def test_the_comparison_has_a_row_for_each_modality_alone_and_for_what_was_asked():
    report = compare_kinds(utterances(), kind="weighted", seeds=[0], told=lambda _: None, settings=BRIEF)
    assert list(report.rows) == [
        *(f"{name} alone, logistic" for name in DIMS), *(f"{name} alone" for name in DIMS), "weighted"
    ]  # fmt: skip
    assert report.as_json()["rows"]["weighted"]["as_given"]["accuracy"]["values"][0] >= 0
    assert report.as_markdown().count("\n") == 2 + 7
    page = render_spreads("Fusion", report.as_tables(), {})
    assert page.count("<svg") == 3
    assert page.count("<td>audio alone, logistic</td>") == 3


def test_sets_that_do_not_fit_each_other_and_unknown_kinds_are_refused():
    one, other = utterances(), utterances()
    wider = {**other.items, "audio": np.ones((60, 5), np.float32)}
    other = UtteranceSet(Path("other.npz"), wider, *(getattr(other, name) for name in (
        "labels", "classes", "recordings", "places", "transcripts")))  # fmt: skip
    with pytest.raises(DatasetError, match=r"other\.npz: items of `audio` have length 5; expected 3, as in made\.npz"):
        gather_items(one, other)
    with pytest.raises(ModelError, match="'sum'; choose one of concat"):
        find_kinds("sum")


@pytest.mark.parametrize("name", ["mosi_train", "mmmo_trainvalid", "youtube_trainvalid"])
def test_the_shared_sets_are_read(name):
    path = DATA / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"no {path}: set BRAID_DATA to the folder that holds `features`")
    if name == "mosi_train":
        found = read_utterances(path)
        assert len(np.unique(found.recordings)) == 62
        assert found.transcripts is not None
    else:
        assert set(read_sequences(path).parts["train"].items) == {"audio", "video"}

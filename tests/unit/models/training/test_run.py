"""A whole training: what it learns, what it leaves, and what it refuses."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from processors.datasets.windows import write_windows
from processors.errors import DatasetError, ModelError
from processors.modality import Modality
from processors.models.fusion import ENSEMBLE_KIND, FUSION_KINDS, ServedFusion, load_trained
from processors.models.fusion.served import facts_of
from processors.models.training.data import RecordingTools
from processors.models.training.examples import judge
from processors.models.training.run import train
from processors.models.training.selection import select

DIMS = {Modality.VIDEO: 6, Modality.AUDIO: 5, Modality.TRANSCRIPT: 4}


def unneeded(*_):
    raise AssertionError("a set of windows is not encoded")


@pytest.fixture
def run():
    def run(made, plan, told=lambda _step: None):
        write_windows(made, plan.data)
        return train(plan, RecordingTools(unneeded, unneeded), told=told)

    return run


def test_separable_classes_are_learned_and_everything_is_written(windows, plan, run):
    wanted = plan(tasks={"event": {}, "mood": {"weight": 0.5}}, loop={"epochs": 12})
    trained = run(windows(), wanted)
    report = json.loads((wanted.out / "report.json").read_text())
    assert report == trained.report.document
    assert report["tasks"]["event"]["macro_f1"] > 0.95
    assert report["tasks"]["mood"]["accuracy"] > 0.9
    assert report["views"]["audio alone"]["event"] > 0.9
    assert (wanted.out / "report.md").read_text() == trained.report.markdown
    assert "<svg" in (wanted.out / "report.html").read_text()
    model = load_trained(trained.weights)
    assert (model.kind, model.model.shape.width) == ("concat", 16)
    assert list(model.thresholds) == ["crash", "alarm"]
    assert not torch.equal(model.model.logit_scale, torch.ones(4))


def test_the_facts_tell_the_split_and_no_recording_is_in_two_parts(windows, plan, run):
    made = windows()
    run(made, wanted := plan(loop={"epochs": 1}))
    facts = json.loads((wanted.out / "facts.json").read_text())
    names = [name for part in facts["split"].values() for name in part]
    assert sorted(names) == sorted(set(made.recordings))
    assert [len(part) for part in facts["split"].values()] == [5, 2, 2]
    assert facts["windows"]["training"]["windows"] == 5 * 12
    assert facts["windows"]["training"]["unknown"] == {"event.crash": 0, "event.alarm": 20}
    assert facts["configuration"]["seed"] == 0
    assert len(facts["data"]["sha256"]) == 64
    assert set(facts["versions"]) == {"braid", "lightning", "numpy", "torch"}


def test_a_modality_that_is_left_out_is_in_no_figure(windows, plan, run):
    trained = run(windows(), plan(loop={"epochs": 1}, modalities=["video", "audio"]))
    views = ["all", "video alone", "audio alone", "without video", "without audio"]
    assert list(trained.report.document["views"]) == views
    assert list(load_trained(trained.weights).model.shape.modalities) == ["video", "audio"]


def test_what_was_trained_can_be_served(windows, plan, run):
    wanted = plan(tasks={"event": {}, "mood": {}}, network={"width": 128}, loop={"epochs": 1})
    weights = run(windows(), wanted).weights
    served = facts_of(load_trained(weights), {Modality.VIDEO: 6, Modality.AUDIO: 5, Modality.TRANSCRIPT: 4}, weights)
    assert served.classes == ("crash", "alarm", "mood.calm", "mood.upset")
    assert served.thresholds == load_trained(weights).thresholds


def test_members_of_an_ensemble_differ_and_answer_as_one(windows, plan, run):
    wanted = plan(network={"members": 2}, loop={"epochs": 4})
    weights = run(windows(), wanted).weights
    trained = load_trained(weights)
    one, two = trained.model.models
    assert trained.kind == ENSEMBLE_KIND
    assert not torch.allclose(one.head.weight, two.head.weight, atol=0.01)
    assert json.loads((wanted.out / "report.json").read_text())["tasks"]["event"]["macro_f1"] > 0.9
    again = run(windows(), plan(network={"members": 2}, loop={"epochs": 4}, out=wanted.out.with_name("again"))).weights
    assert again.read_bytes() == weights.read_bytes()


def test_members_of_different_kinds_vote_by_weight_also_from_the_file(windows, plan, run):
    members = [{"kind": "concat"}, {"kind": "attention", "width": 24}, {"kind": "weighted"}]
    network = {"members": members, "rule": "vote", "weights": [2, 1, 1]}
    made, wanted = windows(), plan(network=network, loop={"epochs": 4})
    told = []
    weights = run(made, wanted, told.append).weights
    trained = load_trained(weights)
    assert [type(each) for each in trained.model.models] == [FUSION_KINDS[each["kind"]] for each in members]
    assert [each.shape.width for each in trained.model.models] == [16, 24, 16]
    assert trained.model.rule == "vote"
    assert trained.model.weights.tolist() == [0.5, 0.25, 0.25]
    stated = judge(trained.model, select(made, wanted, "set.npz").examples)
    assert set(np.unique(stated)) <= {0, 0.25, 0.5, 0.75, 1}
    assert json.loads((wanted.out / "report.json").read_text())["tasks"]["event"]["macro_f1"] > 0.9
    assert any("training attention (member 2 of 3)" in step for step in told)
    served = facts_of(trained, DIMS, weights)
    assert served.thresholds == trained.thresholds
    assert ServedFusion(trained.model)(*_served_inputs()).probabilities.shape == (2, 2)


def _served_inputs():
    return [part for dim in DIMS.values() for part in (torch.ones(2, 3, dim), torch.zeros(2, 3), torch.ones(2, 3))]


def test_test_recordings_decide_nothing(windows, plan, run):
    made = windows()
    run(made, first := plan(loop={"epochs": 2}))
    held = json.loads((first.out / "facts.json").read_text())["split"]["test"]
    spoiled = made.labels.copy()
    is_held = np.isin(made.recordings, held)
    spoiled[is_held] = np.where(np.isnan(spoiled[is_held]), np.nan, 1 - spoiled[is_held])
    run(replace(made, labels=spoiled), second := plan(out=first.out.with_name("other"), loop={"epochs": 2}))
    of = [plan.out / "fusion.safetensors" for plan in (first, second)]
    assert of[0].read_bytes() == of[1].read_bytes()
    assert (first.out / "report.json").read_bytes() != (second.out / "report.json").read_bytes()


def test_a_modality_answers_alone_for_having_a_loss_of_its_own(windows, plan, run):
    made = windows(noise=0.8, seed=1)
    # Video tells everything, sound little: who has video does not need to listen.
    made.modalities[Modality.VIDEO].items[:, :, :2] = np.sign(made.modalities[Modality.VIDEO].items[:, :, :2])
    surprise = {}
    for weight in (0.0, 1.0):
        own = {"video": 0.0, "audio": weight, "transcript": 0.0}
        wanted = plan(out=plan().out.with_name(f"out{weight}"), loop={"absent_share": 0.0}, auxiliary=own)
        model = load_trained(run(made, wanted).weights).model
        learned = json.loads((wanted.out / "facts.json").read_text())["split"]["training"]
        rows = np.flatnonzero(np.isin(made.recordings, learned))
        examples = select(made, wanted, "set.npz").examples.take(rows).keep(frozenset({"audio"}))
        stated, truth = judge(model, examples), examples.labels.numpy()
        surprise[weight] = -np.nanmean(np.log(np.where(truth == 1, stated, 1 - stated) + 0 * truth))
    assert surprise[1.0] < 0.75 * surprise[0.0]


def test_a_folder_belongs_to_one_training(windows, plan, run):
    made = windows()
    run(made, wanted := plan(loop={"epochs": 1}))
    left = {path.name: path.read_bytes() for path in wanted.out.iterdir() if path.is_file()}
    run(made, wanted)
    assert {path.name: path.read_bytes() for path in wanted.out.iterdir() if path.is_file()} == left
    with pytest.raises(
        ModelError, match=r"loop\.epochs \(1 there, 2 now\), configuration\.seed \(0 there, 1 now\); name another"
    ):
        run(made, plan(loop={"epochs": 2}, seed=1))
    with pytest.raises(ModelError, match="another data_sha256"):
        run(windows(seed=1), wanted)


def test_what_cannot_be_learned_leaves_no_checkpoint(windows, plan, run):
    with pytest.raises(DatasetError, match="2 recordings"):
        run(windows(recordings=2), wanted := plan())
    assert not (wanted.out / "checkpoints").exists()


def test_a_training_begins_from_what_another_one_learned(windows, plan, run, tmp_path):
    made, begun = windows(), tmp_path / "begun.safetensors"
    run(made, plan(out=tmp_path / "first", tasks={"event": {}})).weights.replace(begun)
    told = []
    wanted = plan(tasks={"mood": {}}, network={"pretrained": begun}, loop={"epochs": 1, "learning_rate": 1e-9})
    after = load_trained(run(made, wanted, told.append).weights).model
    before = load_trained(begun).model
    torch.testing.assert_close(after.mix[0].weight, before.mix[0].weight, atol=1e-3, rtol=0)
    assert not torch.allclose(after.head.weight, before.head.weight, atol=0.01)
    assert any(str(begun) in step and "4 begin from nothing" in step for step in told), told

    begun.write_bytes(begun.read_bytes()[:-2] + b"\0\0")
    with pytest.raises(ModelError, match="another pretrained_sha256"):
        run(made, wanted)
    begun.unlink()
    with pytest.raises(ModelError, match="which is no file"):
        run(made, wanted)

"""Encoders and network that learn together: what changes, what is kept, and that a crash costs nothing."""

import json
import re
from tempfile import TemporaryFile
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from processors.datasets.recordings import read_recordings
from processors.datasets.windows import read_windows
from processors.modality import Modality
from processors.models.fusion import FusionShape, Task, load_trained, make_fusion
from processors.models.hub.encoders import load_encoder
from processors.models.hub.tuned import digest_encoder
from processors.models.training.calibration import held_out_logits
from processors.models.training.encoder_tuning import begin_tuning, open_tokenizer
from processors.models.training.item_store import ItemStore, store_items
from processors.models.training.joint_learner import JointLearner
from processors.models.training.learner import joined_loss
from processors.models.training.raw_windows import RawItems, RawWindows
from processors.models.training.recordings import encode_recordings
from processors.models.training.selection import select
from processors.models.training.tuned_encoder import PartlyTuned
from streams.cli.recordings import make_tools

BOTH = (Modality.VIDEO, Modality.AUDIO)


class Cut(Exception):
    """Stands for a crash."""


@pytest.fixture
def joint_plan(tuning_plan):
    """Encoders that hardly learn by themselves, and then with the network."""

    def plan(joint=None, **changes):
        joint = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01, "encoder_learning_rate": 0.003, **(joint or {})}
        given = tuning_plan(**changes).model_dump()
        for own in given["encoders"].values():
            own["epochs"] = 1
        return type(tuning_plan())(**{**given, "joint": joint})

    return plan


def loss_on(part, folder, plan):
    """Of the network in a folder, over windows as the encoders beside it made them."""
    facts = json.loads((plan.out / "facts.json").read_text())
    selection = select(read_windows(folder / "windows.npz"), plan, "set.npz")
    examples = selection.examples.take(np.flatnonzero(np.isin(selection.recordings, facts["split"][part])))
    model = load_trained(folder / "fusion.safetensors").model
    return float(joined_loss(held_out_logits(model, examples), examples.labels, model.shape, {"event": 1.0}))


def test_encoders_and_network_change_together_and_answer_better(joint_plan, train_on):
    told = []
    trained = train_on(plan := joint_plan(), told.append)
    apart, together = (plan.out / "checkpoints" / name for name in ("apart", "together"))
    for part in ("training", "validation"):
        assert loss_on(part, together, plan) < 0.95 * loss_on(part, apart, plan)
    for modality in BOTH:
        before, after = (
            digest_encoder(load_encoder(str(folder / f"{modality}_encoder"), modality)) for folder in (apart, plan.out)
        )
        assert before != after
        assert trained.encoders[modality] == plan.out / f"{modality}_encoder"
    heads = [load_trained(folder / "fusion.safetensors").model.head.weight for folder in (apart, plan.out)]
    assert not torch.allclose(*heads, atol=1e-2)
    joint = json.loads((plan.out / "facts.json").read_text())["joint"]
    assert joint["kept"] == "together"
    assert joint["validation_loss"]["together"] == pytest.approx(loss_on("validation", together, plan), abs=1e-5)
    assert "Then encoders and network learned together." in trained.report.markdown
    assert any(step.startswith("training video and audio together") for step in told)

    stamp = (together / "video_encoder/model.safetensors").stat().st_mtime_ns
    left = {name: (plan.out / name).read_bytes() for name in ("fusion.safetensors", "report.json", "windows.npz")}
    train_on(plan)
    assert (together / "video_encoder/model.safetensors").stat().st_mtime_ns == stamp
    assert {name: (plan.out / name).read_bytes() for name in left} == left


@pytest.mark.parametrize(("rate", "after"), [(9.0, r"\d+\.\d+"), (1e30, "nothing that can be computed with")])
def test_what_becomes_no_better_is_not_kept(joint_plan, train_on, tmp_path, rate, after):
    video = {"transfer": "last_n", "last_n": 1, "checkpoint": joint_plan().encoders.video.checkpoint}
    changes = {"encoders": {"video": video}, "modalities": ["video"]}
    spoiled = joint_plan({"epochs": 1, "learning_rate": rate, "encoder_learning_rate": rate}, **changes)
    without = joint_plan({"epochs": 0}, out=tmp_path / "without", **changes)
    train_on(spoiled)
    train_on(without)
    assert json.loads((spoiled.out / "facts.json").read_text())["joint"]["kept"] == "apart"
    report = (spoiled.out / "report.md").read_text()
    assert re.search(rf"before, and {after} after; which is no better: what was before is kept", report)
    for name in ("fusion.safetensors", "windows.npz", "video_encoder/model.safetensors"):
        assert (spoiled.out / name).read_bytes() == (without.out / name).read_bytes()


@pytest.mark.parametrize("place", ["in a pass", "before all is encoded anew"])
def test_learning_together_that_was_cut_ends_with_the_same_bytes(joint_plan, train_on, tmp_path, monkeypatch, place):
    changes = {"encoders": {"audio": joint_plan().encoders.audio.model_dump()}, "modalities": ["audio"]}
    whole, cut = (joint_plan(out=tmp_path / name, **changes) for name in ("whole", "cut"))
    train_on(whole)

    def told(step):
        if place != "in a pass" and step.startswith("encoding by what"):
            raise Cut

    def step(learner, batch, number):
        if learner.current_epoch == 2 and number == 1:
            raise Cut
        return taken(learner, batch, number)

    taken = JointLearner.training_step
    if place == "in a pass":
        monkeypatch.setattr(JointLearner, "training_step", step)
    with pytest.raises(Cut):
        train_on(cut, told)
    monkeypatch.undo()
    assert not (cut.out / "fusion.safetensors").exists()
    train_on(cut)
    for name in ("fusion.safetensors", "audio_encoder/model.safetensors", "windows.npz", "report.json"):
        assert (cut.out / name).read_bytes() == (whole.out / name).read_bytes()


def test_raw_windows_are_embedded_as_they_are_encoded_also_where_a_modality_is_absent(joint_plan, kept, tmp_path):
    checkpoints = {Modality.VIDEO: kept["clip_vision"], Modality.AUDIO: kept["ast"], Modality.TRANSCRIPT: kept["bert"]}
    encoders = {each.value: {"transfer": "lora", "checkpoint": name} for each, name in checkpoints.items()}
    plan = joint_plan(encoders=encoders, modalities=list(Modality), network={"width": 8})
    folder, read = read_recordings(plan.data), make_tools(2.0).read
    encoder = PartlyTuned(SimpleNamespace(dims={}), checkpoints)
    windows = encode_recordings(folder, plan.recordings, encoder, read, lambda _step: None)
    examples = select(windows, plan, "set.npz").examples
    with TemporaryFile(dir=tmp_path) as file:
        store = ItemStore(file, checkpoints)
        numbers = store_items(folder, plan.recordings, read, store)
        tuned = {
            each: begin_tuning(load_encoder(checkpoints[each], each), own, 0)
            for each, own in plan.encoders.learning.items()
        }
        words = open_tokenizer(tuned[Modality.TRANSCRIPT].encoder, kept["bert"])
        raw = {each: RawItems.of(each, store, words if each is Modality.TRANSCRIPT else None) for each in tuned}
        model = make_fusion(
            "attention", FusionShape(modalities=dict(examples.dims), tasks=(Task("event", ("crash",), False),))
        )
        learner = JointLearner(model, tuned, {each: own.inputs for each, own in raw.items()}, plan)
        for batch in DataLoader(RawWindows(examples, numbers, raw, store), batch_size=11):
            embedded = learner.embed(batch)
            break
        for given, expected in zip(embedded, (*examples.inputs, examples.labels), strict=True):
            length = given.shape[1]
            torch.testing.assert_close(given, expected[:11, :length], atol=1e-4, rtol=0)
        assert not (examples.inputs[5][:11] > 0).any() or not (examples.inputs[2][:11] > 0).any()
        loss = learner.training_step(batch, 0)
        torch.autograd.backward(loss)
        for each, own in tuned.items():
            learned = any(parameter.grad is not None for parameter in own.learning_parameters())
            place = list(examples.dims).index(each.value)
            assert learned == bool((examples.inputs[3 * place + 2][:11] > 0).any())

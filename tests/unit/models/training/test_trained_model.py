"""`braid evaluate model`: a model of one's own on windows and recordings, and what is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from processors.datasets.recordings import TimedEvent, write_labels
from processors.datasets.windows import TaskLabels, write_windows
from processors.modality import Modality
from processors.models.training.data import RecordingTools
from processors.models.training.run import train
from streams.cli.app import command_line
from streams.errors import ConfigurationError


def run(*words):
    return CliRunner().invoke(command_line(), list(map(str, words)))


def evaluate(model, data, *words):
    return run("evaluate", "model", model, "--data", data, *words)


def document(model, data, *words):
    done = evaluate(model, data, *words, "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    return json.loads(done.stdout)


@pytest.fixture
def model(windows, plan):
    """Trained on `windows.npz`, with its facts beside it."""
    wanted = plan(tasks={"event": {}, "mood": {}}, loop={"epochs": 8})
    write_windows(windows(), wanted.data)

    def unneeded(*_):
        raise AssertionError("a set of windows is not encoded")

    return train(wanted, RecordingTools(unneeded, unneeded), told=lambda _step: None).weights


def test_what_training_has_not_seen_is_judged_as_training_did(model, tmp_path):
    report = json.loads((model.parent / "report.json").read_text())
    told = document(model, tmp_path / "windows.npz", "--unseen")
    assert {key: told[key] for key in ("kind", "windows", "recordings", "tasks", "views")} == {
        key: report[key] for key in ("kind", "windows", "recordings", "tasks", "views")
    }
    assert told["seen_in_training"] == []
    assert report["events"] is told["events"] is None
    whole = evaluate(model, tmp_path / "windows.npz", "--json")
    assert len(json.loads(whole.stdout)["seen_in_training"]) == 7
    assert "these figures flatter" in whole.stderr


def test_other_windows_are_scored_in_every_form(model, windows, tmp_path):
    made = windows(seed=5, recordings=4)
    write_windows(replace(made, recordings=np.char.add("new-", made.recordings)), tmp_path / "new.npz")
    told = document(model, tmp_path / "new.npz", "--html", tmp_path / "page.html")
    event, mood = told["tasks"]["event"], told["tasks"]["mood"]
    assert event["macro_f1"] > 0.9
    assert event["accuracy"] > 0.9
    assert {"precision", "recall", "f1", "calibration_error"} <= set(event["classes"]["alarm"])
    assert np.array(event["confusion"]).shape == (3, 3)
    assert np.array(mood["confusion"]).sum() == 4 * 12 * 2 // 3
    assert told["seen_in_training"] == []
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg") == 4
    assert "48 windows of 4 recordings" in page
    text = evaluate(model, tmp_path / "new.npz", "--markdown").stdout
    assert text.startswith("# Fusion: concat\n")
    assert "| true class | crash | alarm | none |" in text
    assert "mood" in evaluate(model, tmp_path / "new.npz").stdout
    assert evaluate(model, tmp_path / "new.npz", "--markdown", "--json").exit_code == 2


def test_what_the_data_lacks_is_told_and_the_rest_is_judged(model, windows, tmp_path):
    made = windows(seed=5)
    audio = {Modality.AUDIO: made.modalities[Modality.AUDIO]}
    extra = np.zeros((len(made), 1), np.float32)
    given = replace(
        made,
        classes=("alarm", "flood", "crash"),
        labels=np.concatenate([made.labels[:, 1:], extra, made.labels[:, :1]], axis=1),
        modalities=audio,
        tasks={},
    )
    write_windows(given, tmp_path / "new.npz")
    done = evaluate(model, tmp_path / "new.npz", "--json")
    told = json.loads(done.stdout)
    assert (told["absent_modalities"], told["tasks_not_judged"]) == (["video", "transcript"], ["mood"])
    assert list(told["tasks"]["event"]["classes"]) == ["crash", "alarm"]
    assert told["tasks"]["event"]["macro_f1"] > 0.8
    assert "No window has video or transcript." in done.stderr
    assert "says nothing of mood" in done.stderr


def _strange(made):
    moods = TaskLabels(("calm", "upset", "bored"), np.eye(3, dtype=np.float32)[np.zeros(len(made), int)])
    return replace(made, tasks={"mood": moods})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda made: replace(made, classes=("crash", "alrm")), "no labels of the class 'alarm' in the task 'event'"),
        (_strange, "labels of the class 'bored' in the task 'mood'"),
        (lambda made: replace(made, labels=made.labels * np.nan, tasks={}), "nothing is known of event, mood"),
        (
            lambda made: replace(made, modalities={Modality.AUDIO: made.modalities[Modality.VIDEO]}),
            "audio items have 6 values, the model takes 5",
        ),
    ],
    ids=["a class that is not labelled", "a class that is not answered", "no label", "other encoders"],
)
def test_windows_that_do_not_fit_are_refused(model, windows, tmp_path, change, said):
    write_windows(change(windows()), tmp_path / "bad.npz")
    done = evaluate(model, tmp_path / "bad.npz")
    assert isinstance(done.exception, ConfigurationError)
    assert said in str(done.exception)
    assert "bad.npz" in str(done.exception) or "encode them" in str(done.exception)


def test_a_set_without_any_modality_of_the_model_is_refused(windows, plan, tmp_path):
    wanted = plan(modalities=["audio"], tasks={"event": {}}, loop={"epochs": 1})
    write_windows(windows(), wanted.data)
    weights = train(wanted, RecordingTools(None, None), told=lambda _step: None).weights
    made = windows()
    write_windows(replace(made, modalities={Modality.VIDEO: made.modalities[Modality.VIDEO]}), tmp_path / "seen.npz")
    done = evaluate(weights, tmp_path / "seen.npz")
    assert "no window has an item of audio, which is all that the model takes; it has video" in str(done.exception)


def test_what_is_not_known_of_the_training_is_told_or_refused(model, tmp_path):
    data, facts = tmp_path / "windows.npz", model.parent / "facts.json"
    everything = [name for part in json.loads(facts.read_text())["split"].values() for name in part]
    told = json.loads(facts.read_text())
    told["split"] = {"training": everything, "validation": []}
    facts.write_text(json.dumps(told))
    assert "training has seen all of its recordings" in str(evaluate(model, data, "--unseen").exception)
    facts.write_text('{"schema": "braid.other.v1"}')
    assert "facts.json does not tell how fusion.safetensors was trained" in str(evaluate(model, data).exception)
    facts.unlink()
    assert "no facts.json beside" in str(evaluate(model, data, "--unseen").exception)
    done = evaluate(model, data, "--json")
    assert json.loads(done.stdout)["seen_in_training"] == []
    assert "what training has seen is not known" in done.stderr
    (tmp_path / "broken.safetensors").write_bytes(b"no model")
    assert isinstance(evaluate(tmp_path / "broken.safetensors", data).exception, ConfigurationError)
    assert evaluate(model, data, "--hop-ms", 1000).exit_code == 2


@pytest.fixture
def heard(yard, repository, tmp_path):
    """A model that learned from the sound of the yard."""
    config = tmp_path / "train.yaml"
    values = {
        "data": str(yard),
        "out": str(tmp_path / "heard"),
        "modalities": ["audio"],
        "recordings": {"models": str(repository), "size_ms": 2000, "hop_ms": 1000, "least_ms": 1000},
        "network": {"kind": "concat", "width": 16, "dropout": 0.0},
        "loop": {"epochs": 30, "batch_size": 8, "learning_rate": 0.02, "patience": None},
    }
    config.write_text(yaml.safe_dump(values))
    done = run("train", config)
    assert done.exit_code == 0, (done.output, done.exception)
    return tmp_path / "heard/fusion.safetensors"


def test_recordings_are_scored_with_their_times_by_training_and_afterwards(heard, yard, tmp_path):
    report = json.loads((heard.parent / "report.json").read_text())
    told = document(heard, yard, "--unseen")
    assert told["events"] == report["events"]
    assert told["tasks"] == report["tasks"]
    # The windows that training kept are a set like any other, without times.
    kept = document(heard, heard.parent / "windows.npz", "--unseen")
    assert (kept["tasks"], kept["events"]) == (report["tasks"], None)
    assert "Events and their times" in (heard.parent / "report.html").read_text()
    assert "Events, collar 1 s" in (heard.parent / "report.md").read_text()
    other = tmp_path / "other"
    other.mkdir()
    for name in ("one.wav", "two.wav"):
        shutil.copy(yard / "roof.wav", other / name)
    write_labels(other, {"one.wav": [TimedEvent("crash", 2000, 4000)], "two.wav": [TimedEvent("crash", 2000, 4000)]})
    told = document(heard, other, "--html", tmp_path / "page.html")
    assert (told["windows"], told["seen_in_training"]) == (10, [])
    # The windows that begin at 1, 2 and 3 s hold a second of the crash: it is told from 1.5 to 4.5 s.
    assert [told["events"]["segment"][key] for key in ("true", "told", "hits")] == [4, 8, 4]
    assert [told["events"]["event"][key] for key in ("true", "told", "hits")] == [2, 2, 2]
    assert (tmp_path / "page.html").read_text().count("<svg") == 3
    # Cut otherwise, these are other windows.
    assert document(heard, other, "--hop-ms", 2000, "--size-ms", 2000)["windows"] == 6


def test_recordings_that_do_not_fit_are_refused(heard, yard, tmp_path):
    assert evaluate(heard, yard, "--hop-ms", 3000).exit_code == 2
    gone = evaluate(heard, yard, "--models", tmp_path / "gone")
    assert "is missing; build the models" in str(gone.exception)
    (yard / "labels.tsv").write_text("filename\tonset\toffset\tevent_label\nroof.wav\t1\t2\tcrahs\n")
    strange = evaluate(heard, yard)
    assert "labels.tsv:2: the class is 'crahs', expected one of crash" in str(strange.exception)
    (yard / "labels.tsv").unlink()
    assert "labels.tsv" in str(evaluate(heard, yard).exception)

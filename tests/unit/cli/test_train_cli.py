"""`braid train`: killed and started again it ends with the same model; its output and its refusals."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from typer.testing import CliRunner

from processors.datasets.windows import WindowItems, WindowSet, write_windows
from processors.modality import Modality
from streams.cli.app import command_line
from streams.errors import ConfigurationError

DEADLINE_S = 120
EPOCHS = 40


@pytest.fixture
def write(tmp_path):
    """Writes a set of windows and a configuration, and returns the path of that."""
    rng = np.random.default_rng(0)
    labels = (rng.random((80, 1)) < 0.5).astype(np.float32)
    items = (rng.normal(size=(80, 2, 4)) + 2 * labels[:, None]).astype(np.float32)
    ones = np.ones((80, 2), np.float32)
    write_windows(
        WindowSet(
            classes=("crash",),
            recordings=np.repeat([f"r{number}" for number in range(8)], 10),
            starts_ms=np.tile(np.arange(10), 8),
            labels=labels,
            modalities={Modality.AUDIO: WindowItems(items, ones, ones)},
        ),
        tmp_path / "windows.npz",
    )

    def write(name, **changes):
        values = {
            "data": str(tmp_path / "windows.npz"),
            "out": str(tmp_path / name),
            "modalities": ["audio"],
            "network": {"width": 8},
            "loop": {"epochs": EPOCHS, "batch_size": 16, "patience": None},
        }
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({**values, **changes}))
        return path

    return write


def run(*words):
    return CliRunner().invoke(command_line(), ["train", *map(str, words)])


def wait_for(condition):
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "the training did not come so far in time"
        time.sleep(0.01)


def test_a_training_killed_in_the_middle_ends_with_the_same_model(write):
    whole, cut = write("whole"), write("cut")
    assert run(whole).exit_code == 0
    folder = cut.with_suffix("")
    with subprocess.Popen([sys.executable, "-m", "streams.cli", "train", cut], stderr=subprocess.DEVNULL) as process:
        last = folder / "checkpoints/last.ckpt"
        wait_for(lambda: last.exists() and torch.load(last, weights_only=True)["epoch"] >= 3)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert torch.load(last, weights_only=True)["epoch"] < EPOCHS - 1
    assert not (folder / "fusion.safetensors").exists()
    assert run(cut).exit_code == 0
    for name in ("fusion.safetensors", "report.json", "facts.json", "report.html"):
        assert (folder / name).read_bytes() == (whole.with_suffix("") / name).read_bytes()


def test_json_is_one_document_and_the_next_step_is_told_elsewhere(write):
    path = write("out[x]", loop={"epochs": 1})
    done = run(path, "--json")
    assert done.exit_code == 0, done.output
    assert "train:" in done.stderr
    assert "Epoch 0" not in done.stderr, "progress is for terminals"
    document = json.loads(done.stdout)
    assert document["fusion"] == str(path.with_suffix("") / "fusion.safetensors")
    assert set(document["tasks"]["event"]["classes"]) == {"crash"}
    told = run(path)
    assert f"models.fusion_file: {document['fusion']}" in told.stderr
    assert "braid models build" in told.stderr


def test_the_example_is_printed_without_a_configuration():
    done = run("--example")
    assert done.exit_code == 0
    assert set(yaml.safe_load(done.stdout)) >= {"data", "out", "network", "loop"}
    assert run().exit_code == 2


def test_faults_of_configuration_and_data_are_ones_that_a_person_can_mend(write, tmp_path):
    for changes, said in (
        ({"netwrk": {}}, "netwrk: no such setting; did you mean network?"),
        ({"modalities": ["video"]}, "video is absent from the whole set"),
        ({"data": str(tmp_path / "gone.npz")}, "gone.npz: no such file"),
        ({"classes": ["fire"]}, "no labels of the class 'fire'"),
    ):
        done = run(write("bad", **changes))
        assert isinstance(done.exception, ConfigurationError)
        assert said in str(done.exception)
        assert not Path(tmp_path / "bad/checkpoints").exists()


def test_data_is_given_or_comes_from_the_store(write):
    done = run(write("both"), "--from-store")
    assert isinstance(done.exception, ConfigurationError)
    assert "the windows come from the store; leave out one of both" in str(done.exception)


def test_what_chooses_stored_windows_is_refused_without_them(write):
    done = run(write("both"), "--limit", 5)
    assert done.exit_code == 2
    assert "give --from-store, too" in " ".join(done.stderr.replace("│", "").split())


def test_tensorboard_is_told_the_losses_of_every_step_and_pass(write):
    path = write("out", loop={"epochs": 3, "batch_size": 16, "patience": None})
    assert run(path).exit_code == 0
    events = EventAccumulator(str(path.with_suffix("") / "checkpoints"))
    events.Reload()
    losses = {name: [event.value for event in events.Scalars(name)] for name in ("training_loss", "validation_loss")}
    assert len(losses["training_loss"]) == 3 * 3  # 40 windows of 4 recordings
    assert len(losses["validation_loss"]) == 3
    assert losses["training_loss"][-1] < losses["training_loss"][0]


def test_progress_is_shown_on_a_terminal(write):
    path = write("out", loop={"epochs": 1})
    command = [sys.executable, "-m", "streams.cli", "train", str(path)]
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 120))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs) as process:
        os.close(theirs)
        said = _read_all(ours)
    assert process.returncode == 0, said
    assert "train:" in said
    assert "Epoch 0" in said


def _read_all(descriptor):
    """What is written until nobody holds the other end any more."""
    parts = []
    try:
        while part := os.read(descriptor, 65_536):
            parts.append(part)
    except OSError:  # how the end of a terminal shows
        pass
    finally:
        os.close(descriptor)
    return b"".join(parts).decode(errors="replace")

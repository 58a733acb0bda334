"""`braid pretrain`: a file to begin from, facts, and refusals that name the file."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from processors.datasets.windows import WindowItems, WindowSet, write_windows
from processors.modality import Modality
from processors.models.fusion import load_trained
from streams.cli.app import command_line
from streams.errors import ConfigurationError


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    count = 12
    parts = {
        modality: WindowItems(
            rng.normal(size=(count, 2, dim)).astype(np.float32),
            np.tile(np.float32([0.0, 1.0]), (count, 1)),
            np.ones((count, 2), np.float32),
        )
        for modality, dim in ((Modality.VIDEO, 4), (Modality.TRANSCRIPT, 3))
    }
    windows = WindowSet(
        ("fall",),
        np.repeat(["a", "b", "c"], 4),
        np.tile(np.arange(4) * 1000, 3).astype(np.int64),
        np.full((count, 1), np.nan, np.float32),
        parts,
    )
    write_windows(windows, tmp_path / "windows.npz")
    return tmp_path / "windows.npz"


def run(*words):
    return CliRunner().invoke(command_line(), ["pretrain", *map(str, words)])


def test_unlabelled_windows_give_a_model_to_begin_from_and_one_json_document(path, tmp_path):
    out = tmp_path / "run"
    done = run("--data", path, "--out", out, "--kind", "weighted", "--width", 8, "--epochs", 1, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document == json.loads((out / "pretrained.json").read_text(encoding="utf-8"))
    assert set(document["validation_losses"]) == {"contrastive", "masked"}
    trained = load_trained(out / "pretrained.safetensors")
    assert (trained.kind, trained.model.shape.width) == ("weighted", 8)
    assert trained.model.shape.modalities == {"video": 4, "transcript": 3}


def test_what_cannot_be_used_is_refused_as_a_fault_that_a_person_can_mend(path, tmp_path):
    for words, told in (
        (("--data", tmp_path / "gone.npz"), "gone.npz"),
        (("--data", path, "--kind", "sum"), "choose one of concat"),
        (("--data", path, "--masked", -1), "expected neither below 0"),
    ):
        done = run("--out", tmp_path / "run", *words)
        assert isinstance(done.exception, ConfigurationError)
        assert told in str(done.exception)

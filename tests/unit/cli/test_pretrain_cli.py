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

BRIEF = ("--kind", "weighted", "--width", 8, "--epochs", 1)


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
        (("--data", path, "--masked", 0, "--contrastive", 0), "neither below 0 and one above"),
        (("--data", path, "--width", 10), "expected a multiple of 4"),
    ):
        done = run("--out", tmp_path / "run", *words)
        assert isinstance(done.exception, ConfigurationError), done.output
        assert told in str(done.exception)
    assert run("--data", path, "--out", tmp_path / "run", *BRIEF).exit_code == 0, "a refusal has taken the folder"


def test_numbers_out_of_bounds_are_refused_with_the_bounds(path, tmp_path):
    for option, value in (
        ("--masked", -1),
        ("--masked", "nan"),
        ("--contrastive", 1001),
        ("--width", 0),
        ("--width", 5000),
        ("--seed", 2**31),
    ):
        done = run("--data", path, "--out", tmp_path / "run", option, value)
        assert done.exit_code == 2
        assert option in done.stderr


def test_the_folder_of_another_run_is_refused_and_left_as_it_is(path, tmp_path):
    out = tmp_path / "run"
    assert run("--data", path, "--out", out, *BRIEF).exit_code == 0
    before = {each: each.read_bytes() for each in out.iterdir() if each.is_file()}
    other = tmp_path / "other.npz"
    with np.load(path) as arrays:
        np.savez(other, **{**arrays, "video": -arrays["video"]})
    for words, told in (
        (("--data", other, *BRIEF), "another data_sha256;"),
        (("--data", path, *BRIEF, "--seed", 1), "another settings.seed (0 there, 1 now);"),
    ):
        done = run("--out", out, *words)
        assert isinstance(done.exception, ConfigurationError)
        assert told in str(done.exception)
        assert "name another folder (`out`), or remove this one" in str(done.exception)
    (out / "run.json").unlink()
    done = run("--data", path, "--out", out, *BRIEF)
    assert "but no run.json that says what was learned from" in str(done.exception)
    del before[out / "run.json"]
    assert {each: each.read_bytes() for each in out.iterdir() if each.is_file()} == before


def test_the_same_command_again_ends_with_the_same_bytes(path, tmp_path):
    out = tmp_path / "run"
    ends = []
    for _ in range(2):
        assert run("--data", path, "--out", out, *BRIEF).exit_code == 0
        ends.append([(out / name).read_bytes() for name in ("pretrained.safetensors", "pretrained.json")])
    assert ends[0] == ends[1]
    assert not list(out.glob("*.part"))


def test_a_folder_in_brackets_is_named_whole(path, tmp_path):
    out = tmp_path / "run[x]"
    done = run("--data", path, "--out", out, *BRIEF)
    assert f"{out / 'pretrained.safetensors'} begins a training with labels" in done.stdout


def test_what_is_about_recordings_or_the_store_is_refused_with_a_set_of_windows(path, tmp_path):
    for words, told in (
        (("--fps", 2), "are about recordings"),
        (("--hop-ms", 100), "are about recordings"),
        (("--since", "-10m"), "choose stored windows"),
    ):
        done = run("--data", path, "--out", tmp_path / "run", *words)
        assert done.exit_code == 2
        assert told in " ".join(done.stderr.replace("│", "").split())
    assert run("--out", tmp_path / "run").exit_code == 2

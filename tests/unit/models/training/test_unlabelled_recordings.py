"""`braid pretrain` on a folder of recordings that nobody has labelled: real media, real graphs, no label."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from processors.datasets.recordings import LABELS_NAME, find_recordings
from processors.datasets.windows import UNLABELLED_CLASS, read_windows
from processors.errors import DatasetError
from processors.models.fusion import load_trained
from streams.cli.app import command_line
from streams.errors import ConfigurationError

BRIEF = ("--kind", "weighted", "--width", 8, "--epochs", 1, "--window-ms", 2000, "--hop-ms", 1000)


@pytest.fixture
def run(yard, repository, tmp_path):
    """Learns from the yard into a folder of the given name."""

    def run(name, *words):
        given = ["--data", yard, "--models", repository, "--out", tmp_path / name, *BRIEF, *words]
        return CliRunner().invoke(command_line(), ["pretrain", *map(str, given)])

    return run


def test_recordings_without_any_label_give_a_model_to_begin_from(yard, run, tmp_path):
    (yard / LABELS_NAME).unlink()
    done = run("out", "--json")
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert sum(facts["windows"].values()) == 4 * 5
    assert facts["settings"]["window_ms"] == 2000
    assert facts["modalities"] == {"video": 1280, "audio": 1280, "transcript": 8}
    assert load_trained(tmp_path / "out/pretrained.safetensors").model.shape.modalities == facts["modalities"]
    kept = read_windows(tmp_path / "out/windows.npz")
    assert kept.classes == (UNLABELLED_CLASS,)
    assert np.isnan(kept.labels).all()
    assert kept.starts_ms.tolist() == [0, 1000, 2000, 3000, 4000] * 4
    assert sorted(set(kept.recordings)) == ["door.wav", "film.mp4", "gate.wav", "roof.wav"]
    assert "encoding film.mp4 (2/4)" in done.stderr


def test_labels_that_are_there_are_not_looked_at_and_recordings_are_encoded_once(yard, run, tmp_path):
    assert run("labelled").exit_code == 0
    assert "encoding" not in run("labelled").stderr
    (yard / LABELS_NAME).write_text("filename\tonset\toffset\tevent_label\n", encoding="utf-8")
    assert "encoding" not in run("labelled").stderr
    (yard / LABELS_NAME).unlink()
    assert run("bare").exit_code == 0
    labelled, bare = (tmp_path / name / "pretrained.safetensors" for name in ("labelled", "bare"))
    assert labelled.read_bytes() == bare.read_bytes()


def test_a_modality_that_no_recording_has_is_left_out(yard, run, tmp_path):
    (yard / "film.mp4").unlink()
    assert run("out").exit_code == 0
    assert set(load_trained(tmp_path / "out/pretrained.safetensors").model.shape.modalities) == {"audio", "transcript"}


def test_other_recordings_and_other_windows_are_refused_in_the_same_folder(yard, run):
    assert run("out").exit_code == 0
    for words, told in (
        (("--hop-ms", 500), "recordings.hop_ms (1000 there, 500 now)"),
        (("--window-ms", 1500), "recordings.size_ms (2000 there, 1500 now)"),
        (("--fps", 2), "recordings.fps (5.0 there, 2.0 now)"),
    ):
        done = run("out", *words)
        assert isinstance(done.exception, ConfigurationError)
        assert told in str(done.exception)
    (yard / "roof.wav").unlink()
    assert "another data_sha256;" in str(run("out").exception)


def test_what_cannot_be_cut_is_refused(yard, run, tmp_path):
    for words, told in (
        (("--window-ms", 50), "expected 100 ms or more"),
        (("--hop-ms", 3000), "no longer hop"),
        (("--from-store",), "either --data or --from-store"),
        (("--limit", 5), "give --from-store, too"),
    ):
        done = run("out", *words)
        assert done.exit_code == 2
        assert told in " ".join(done.stderr.replace("│", "").split())
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="holds no recording"):
        find_recordings(tmp_path / "empty")
    (yard / "gate.wav").write_bytes(b"RIFF")
    assert "gate.wav cannot be read as a recording" in str(run("out").exception)
    assert not (tmp_path / "out").exists()

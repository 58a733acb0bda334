import json
import wave

import numpy as np
import pytest
from typer.testing import CliRunner

from processors.datasets.recordings import TimedEvent, write_labels
from processors.datasets.windows import TaskLabels, WindowItems, WindowSet, write_windows
from processors.modality import Modality
from streams.cli.app import command_line
from streams.errors import ConfigurationError


@pytest.fixture
def folder(tmp_path):
    for name in ("gate.wav", "quiet.wav"):
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8_000)
            file.writeframes(bytes(2 * 8_000 * 3))
    write_labels(tmp_path, {"gate.wav": [TimedEvent("crash", 0, 1_000), TimedEvent("crash", 2_000, 3_000)]})
    return tmp_path


def check(*arguments):
    return CliRunner().invoke(command_line(), ["dataset", "check", *map(str, arguments)], catch_exceptions=False)


def test_what_a_folder_holds_is_counted(folder):
    assert json.loads(check(folder, "--json").stdout) == {
        "format": "recordings",
        "recordings": 2,
        "without_events": 1,
        "minutes": 0.1,
        "with_modality": {"audio": 2},
        "events": {"crash": 2},
    }
    assert check(folder).stdout == (
        "recordings: 2 recordings, 1 without events, 0.1 minutes, (audio 2) with modality\n  crash: 2\n"
    )


def test_a_fault_is_a_configuration_error(folder):
    with pytest.raises(ConfigurationError, match=r"labels.tsv:2: the class is 'crash', expected one of alarm"):
        check(folder, "--class", "alarm")


def convert(*arguments):
    return CliRunner().invoke(command_line(), ["dataset", "convert", *map(str, arguments)], catch_exceptions=False)


def test_label_tracks_become_a_table_that_passes_the_check(folder):
    (folder / "labels.tsv").unlink()
    (folder / "quiet.txt").write_text("0.5\t1.25\talarm\n", encoding="utf-8")
    outcome = convert(folder)
    assert "1 events in 1 recordings" in outcome.stdout
    assert json.loads(check(folder, "--json").stdout)["events"] == {"alarm": 1}


def test_a_table_of_other_columns_is_read(folder):
    table = folder / "mine.csv"
    table.write_text("clip;from;to;what;note\ngate.wav;250;1500;alarm;loud\n", encoding="utf-8")
    names = ("--file-column", "clip", "--start-column", "from", "--end-column", "to", "--class-column", "what")
    outcome = convert(folder, "--csv", table, *names, "--delimiter", ";", "--milliseconds", "--replace", "--json")
    assert json.loads(outcome.stdout) == {"labels": str(folder / "labels.tsv"), "events": {"alarm": 1}}
    assert (folder / "labels.tsv").read_text(encoding="utf-8").splitlines()[1] == "gate.wav\t0.25\t1.5\talarm"


def test_a_table_that_is_there_stays_unless_it_may_be_replaced(folder):
    before = (folder / "labels.tsv").read_bytes()
    (folder / "quiet.txt").write_text("0.5\t1.25\talarm\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"labels.tsv is there already; use --replace"):
        convert(folder)
    assert (folder / "labels.tsv").read_bytes() == before


def test_a_fault_leaves_the_table_as_it_was(folder):
    before = (folder / "labels.tsv").read_bytes()
    (folder / "quiet.txt").write_text("0.5\t1.25\talarm\n2\tx\talarm\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"quiet.txt:2: 'x' is no time"):
        convert(folder, "--replace")
    assert (folder / "labels.tsv").read_bytes() == before


def test_a_delimiter_is_one_character(folder):
    assert convert(folder, "--delimiter", ";;", "--replace").exit_code == 2


@pytest.fixture
def sounds(folder, tmp_path_factory):
    """Two class folders of one sound each, of three seconds."""
    path = tmp_path_factory.mktemp("sounds")
    for name in ("rain", "dog_bark"):
        (path / name).mkdir()
        (path / name / "1-17-A.wav").write_bytes((folder / "gate.wav").read_bytes())
    return path


def test_class_folders_are_counted_and_become_a_table_of_the_same(sounds):
    before = json.loads(check(sounds, "--json").stdout)
    assert before == {
        "format": "sounds",
        "recordings": 2,
        "without_events": 0,
        "minutes": 0.1,
        "with_modality": {"audio": 2},
        "events": {"dog_bark": 1, "rain": 1},
    }
    assert "2 events in 2 recordings" in convert(sounds, "--class-folders").stdout
    table = (sounds / "labels.tsv").read_text(encoding="utf-8").splitlines()
    assert table[1:] == ["dog_bark/1-17-A.wav\t0.0\t3.0\tdog_bark", "rain/1-17-A.wav\t0.0\t3.0\train"]
    assert json.loads(check(sounds, "--json").stdout) == {**before, "format": "recordings"}


def test_two_sources_of_labels_are_one_too_many(sounds):
    assert convert(sounds, "--class-folders", "--csv", sounds / "a.csv").exit_code == 2


def test_a_file_that_is_no_sound_is_named(sounds):
    (sounds / "rain" / "hiss.wav").write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match=r"rain/hiss\.wav cannot be read as a recording"):
        check(sounds)


def test_what_has_no_known_form_is_told_which_there_are(tmp_path):
    with pytest.raises(ConfigurationError, match=r"holds neither labels\.tsv nor folders by class; expected"):
        check(tmp_path)
    with pytest.raises(ConfigurationError, match=r"gone\.npz: no such file"):
        check(tmp_path / "gone.npz")
    np.savez(tmp_path / "other.npz", numbers=np.zeros(3))
    with pytest.raises(ConfigurationError, match=r"neither windows .* nor sequences .*; the file holds `numbers`"):
        check(tmp_path / "other.npz")


def test_features_of_every_form_are_counted(tmp_path):
    ones = np.ones((3, 2), np.float32)
    windows = WindowSet(
        classes=("crash", "alarm"),
        recordings=np.array(["a", "a", "b"]),
        starts_ms=np.arange(3),
        labels=np.array([[1, 0], [0, np.nan], [1, 1]], np.float32),
        modalities={
            Modality.AUDIO: WindowItems(np.ones((3, 2, 4), np.float32), ones, np.float32([[1, 0], [0, 0], [1, 1]]))
        },
        tasks={"mood": TaskLabels(("calm", "upset"), np.eye(2, dtype=np.float32)[[0, 1, 0]])},
    )
    write_windows(windows, tmp_path / "windows.npz")
    assert json.loads(check(tmp_path / "windows.npz", "--json").stdout) == {
        "format": "windows",
        "windows": 3,
        "recordings": 2,
        "unknown_labels": 1,
        "with_modality": {"audio": 2},
        "tasks": {"mood": ["calm", "upset"]},
        "events": {"crash": 2, "alarm": 1},
    }
    with pytest.raises(ConfigurationError, match=r"no example of the class 'fire'; it has crash, alarm"):
        check(tmp_path / "windows.npz", "--class", "fire")
    items = {name: np.ones((4, 5)) for name in ("text", "audio", "video")}
    np.savez(tmp_path / "utterances.npz", y=[0, 1, 1, 1], vid=["a", "a", "b", "b"], utt=[0, 1, 0, 1], **items)
    found = json.loads(check(tmp_path / "utterances.npz", "--json").stdout)
    assert (found["format"], found["utterances"], found["events"]) == ("utterances", 4, {"negative": 1, "positive": 3})
    parts = {f"{name}_{part}": np.ones((2, 3, 5)) for name in ("text", "audio", "video") for part in ("train", "valid")}
    np.savez(tmp_path / "sequences.npz", y_train=[1, 5], y_valid=[5, 5], **parts)
    found = json.loads(check(tmp_path / "sequences.npz", "--json").stdout)
    assert (found["sequences"], found["events"]) == ({"train": 2, "valid": 2}, {"negative": 1, "positive": 3})
    np.savez(tmp_path / "bad.npz", y=[0, 7], vid=["a", "a"], utt=[0, 1], **items)
    with pytest.raises(ConfigurationError, match=r"bad\.npz: `y` row 1 is 7"):
        check(tmp_path / "bad.npz")

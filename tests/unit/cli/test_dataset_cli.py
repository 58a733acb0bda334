import json
import wave

import pytest
from typer.testing import CliRunner

from processors.datasets.recordings import TimedEvent, write_labels
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
        "recordings": 2,
        "without_events": 1,
        "minutes": 0.1,
        "with_modality": {"audio": 2},
        "events": {"crash": 2},
    }
    assert check(folder).stdout == "2 recordings, 0.1 minutes, 1 without events\n2 with audio\n  crash: 2 events\n"


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

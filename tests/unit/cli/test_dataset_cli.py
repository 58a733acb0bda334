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

"""`braid evaluate anomalies` on a tiny folder, and what it refuses."""

import json
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from processors.scenes.anomalies import Kind
from streams.cli.app import command_line
from streams.errors import ConfigurationError


def evaluate(*words: str | Path) -> Result:
    return CliRunner().invoke(command_line(), ["evaluate", "anomalies", *map(str, words)])


def test_json_is_one_document_with_every_kind(material: Path, repository: Path) -> None:
    words = ("--data", material, "--models", repository, "--sources", "1", "--learned-minutes", "1", "--json")
    outcome = evaluate(*words)
    assert outcome.exit_code == 0, outcome.output
    document = json.loads(outcome.stdout)
    assert document["sources"] == ["gate.mp4"]
    assert list(document["kinds"]) == [kind.value for kind in Kind]
    assert document["anomalies"] == [len(Kind)]
    assert document["as_a_stream"]["anomalies"] == [len(Kind)]
    assert document["kinds"]["dark"]["auc"]["median"] > 0.8


def test_a_folder_without_clips_is_refused_and_named(tmp_path: Path) -> None:
    outcome = evaluate("--data", tmp_path)
    assert isinstance(outcome.exception, ConfigurationError)
    assert str(tmp_path / "clips") in str(outcome.exception)


def test_a_folder_without_sounds_is_refused_and_named(material: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").symlink_to(material / "clips")
    outcome = evaluate("--data", tmp_path, "--sources", "2")
    assert isinstance(outcome.exception, ConfigurationError)
    assert str(tmp_path / "esc10") in str(outcome.exception)


def test_a_repository_without_encoders_is_refused(material: Path, tmp_path: Path) -> None:
    outcome = evaluate("--data", material, "--models", tmp_path)
    assert isinstance(outcome.exception, ConfigurationError)
    assert "braid models build" in str(outcome.exception)

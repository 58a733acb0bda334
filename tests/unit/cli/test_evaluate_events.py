"""`braid evaluate events`: two tables, one document, or the line that is at fault."""

import json

import pytest
from typer.testing import CliRunner

from processors.datasets.recordings import TimedEvent, write_labels
from streams.cli.app import command_line
from streams.errors import ConfigurationError


def evaluate(folder, *words):
    arguments = ["evaluate", "events", "--truth", folder / "labels.tsv", "--told", folder / "told.tsv", *words]
    return CliRunner().invoke(command_line(), list(map(str, arguments)))


@pytest.fixture
def tables(tmp_path):
    write_labels(tmp_path, {"yard.wav": [TimedEvent("crash", 2_000, 4_000)], "gate.wav": []})
    (tmp_path / "labels.tsv").rename(tmp_path / "told.tsv")
    write_labels(tmp_path, {"yard.wav": [TimedEvent("crash", 3_500, 5_000), TimedEvent("alarm", 6_000, 7_000)]})
    return tmp_path


def test_json_is_one_document_of_both_kinds_of_figures(tables):
    outcome = evaluate(tables, "--json")
    assert outcome.exit_code == 0, outcome.output
    report = json.loads(outcome.stdout)
    assert (report["segment"]["true"], report["segment"]["told"], report["segment"]["hits"]) == (3, 2, 1)
    assert report["event"]["classes"]["crash"]["hits"] == 0
    assert report["segment"]["classes"]["alarm"]["recall"] == 0


def test_a_wider_collar_and_finer_segments_are_obeyed(tables):
    report = json.loads(evaluate(tables, "--json", "--collar", "1.5", "--segment", "0.5").stdout)
    assert report["event"]["hits"] == 1
    assert report["segment"]["true"] == 5


def test_without_json_the_figures_are_tables(tables):
    outcome = evaluate(tables)
    assert "Segments of 1 s" in outcome.stdout
    assert "crash" in outcome.stdout


def test_the_line_at_fault_is_named(tables):
    with (tables / "told.tsv").open("a", encoding="utf-8") as file:
        file.write("yard.wav\t3\t3\tcrash\n")
    outcome = evaluate(tables)
    assert isinstance(outcome.exception, ConfigurationError)
    assert "told.tsv:3: the event ends at 3 s and begins at 3 s" in str(outcome.exception)


def test_a_table_that_is_not_there_is_told(tables):
    (tables / "told.tsv").unlink()
    outcome = evaluate(tables)
    assert isinstance(outcome.exception, ConfigurationError)
    assert "told.tsv cannot be read: No such file" in str(outcome.exception)

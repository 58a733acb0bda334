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


def test_the_page_has_both_kinds_of_figures_and_a_plot(tables, tmp_path):
    outcome = evaluate(tables, "--html", tmp_path / "page.html", "--markdown")
    assert outcome.exit_code == 0, outcome.output
    assert outcome.stdout.startswith("Segments of 1 s\n")
    page = (tmp_path / "page.html").read_text()
    assert page.count("<svg") == 1
    assert "<h3>Events, collar 1 s</h3>" in page
    assert "<td>mean of the classes</td>" in page


def test_two_documents_do_not_share_stdout_and_a_page_needs_a_place(tables, tmp_path):
    assert evaluate(tables, "--json", "--markdown").exit_code == 2
    outcome = evaluate(tables, "--html", tmp_path / "gone" / "page.html")
    assert isinstance(outcome.exception, ConfigurationError)
    assert "name another file" in str(outcome.exception)

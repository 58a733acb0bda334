"""The commands: JSON alone on stdout, and refusals that name the file."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from streams.cli.app import command_line
from streams.errors import ConfigurationError


@pytest.fixture
def path(tmp_path):
    rng = np.random.default_rng(0)
    count = 60
    labels = np.arange(count) % 2
    text = rng.normal(size=(count, 3)) + labels[:, None]
    np.savez(
        tmp_path / "set.npz",
        text=text,
        audio=rng.normal(size=(count, 2)),
        video=rng.normal(size=(count, 2)),
        y=labels,
        vid=np.repeat([f"v{number}" for number in range(10)], 6),
        utt=np.tile(np.arange(6), 10),
    )
    return tmp_path / "set.npz"


def run(*words):
    return CliRunner().invoke(command_line(), ["evaluate", *map(str, words)])


def test_json_is_one_document_and_nothing_else(path):
    done = run("fusion", "--train", path, "--test", path, "--kind", "concat", "--seeds", 1, "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["test"] == str(path)
    assert 0 <= document["accuracy"] <= 1


def test_a_page_is_written_with_a_test_file_and_without(path):
    for words, plots in (((), 3), (("--test", path), 2)):
        page = path.parent / "page.html"
        done = run("fusion", "--train", path, "--kind", "concat", "--seeds", 1, "--html", page, *words)
        assert done.exit_code == 0, done.output
        assert page.read_text().count("<svg") == plots


def test_a_set_that_cannot_be_used_is_refused_as_a_fault_that_a_person_can_mend(path):
    for words in (("fusion", "--train", path.parent / "gone.npz"), ("missing", "--data", path)):
        done = run(*words)
        assert isinstance(done.exception, ConfigurationError)
        assert done.exception.code == "configuration.dataset"
        assert str(words[-1]) in str(done.exception)
    done = run("fusion", "--train", path, "--kind", "sum")
    assert isinstance(done.exception, ConfigurationError)
    assert "choose one of concat" in str(done.exception)

"""`braid evaluate sounds`: one JSON document, or a fault that a person can mend."""

import io
import json
import wave

import numpy as np
import pytest
from typer.testing import CliRunner

from streams.cli.app import command_line
from streams.errors import ConfigurationError


def write_wav(path, samples, rate_hz=16_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate_hz)
        sound.writeframes((samples * 32_767).astype("<i2").tobytes())
    path.write_bytes(file.getvalue())


def evaluate(*words):
    return CliRunner().invoke(command_line(), ["evaluate", "sounds", *map(str, words)])


@pytest.fixture
def noises(tmp_path):
    rng = np.random.default_rng(0)
    for room in ("rain", "SEA-waves"):
        write_wav(tmp_path / room / "a.wav", rng.uniform(-0.3, 0.3, 8_000))
    return tmp_path


def test_json_is_one_document_with_the_figures_of_every_class(noises):
    outcome = evaluate("--data", noises, "--json")

    assert outcome.exit_code == 0, outcome.output
    report = json.loads(outcome.stdout)
    assert 0 <= report["accuracy"] <= 1
    assert sum(figures["support"] for figures in report["classes"].values()) == 2
    assert "2 of 2 sounds" in outcome.stderr


def test_without_json_the_figures_are_tables(noises):
    outcome = evaluate("--data", noises)
    assert outcome.exit_code == 0
    assert outcome.stdout.startswith("accuracy ")
    assert "| class | precision |" in outcome.stdout


def test_the_page_stands_beside_what_is_printed(noises, tmp_path_factory):
    page = tmp_path_factory.mktemp("report") / "sounds.html"
    outcome = evaluate("--data", noises, "--json", "--html", page)
    assert outcome.exit_code == 0, outcome.output
    assert json.loads(outcome.stdout)["accuracy"] <= 1
    assert "<h1>Sounds</h1>" in page.read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_is_told(noises):
    outcome = evaluate("--data", noises, "--html", noises / "nowhere" / "sounds.html")
    assert isinstance(outcome.exception, ConfigurationError)
    assert "nowhere/sounds.html cannot be written" in str(outcome.exception)


def test_there_is_no_page_about_several_models(noises):
    outcome = evaluate("--data", noises, "--folds", "--html", noises / "sounds.html")
    assert outcome.exit_code == 2
    assert not (noises / "sounds.html").exists()


def test_an_unknown_class_ends_with_those_that_are_known(noises):
    write_wav(noises / "didgeridoo" / "a.wav", np.zeros(8_000))
    outcome = evaluate("--data", noises, "--json")
    assert isinstance(outcome.exception, ConfigurationError)
    assert "'didgeridoo'" in str(outcome.exception)
    assert "helicopter" in str(outcome.exception)
    assert outcome.stdout == ""


def test_several_seeds_without_trainings_are_refused(noises):
    assert evaluate("--data", noises, "--seeds", "2").exit_code == 2


def test_folds_of_too_few_recordings_are_refused_before_anything_is_trained(noises):
    outcome = evaluate("--data", noises, "--folds")
    assert isinstance(outcome.exception, ConfigurationError)
    assert "each class in at least two" in str(outcome.exception)

import pytest
import typer
from typer.testing import CliRunner

from streams.cli import sources
from streams.errors import MediaError


@pytest.fixture
def invoke(monkeypatch):
    monkeypatch.setenv("BRAID_KAFKA__BROKERS", "127.0.0.1:9")
    app = typer.Typer()
    sources.register(app)
    return lambda *arguments: CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--fps", "0", "above 0"),
        ("--fps", "1/0", "above 0"),
        ("--fps", "many", "above 0"),
        ("--size", "640", "WIDTHxHEIGHT"),
        ("--size", "0x480", "WIDTHxHEIGHT"),
        ("--start-time", "tomorrow", "RFC 3339"),
        ("--start-time", "2026-01-31T12:00:00", "RFC 3339"),
        ("--quality", "101", "100"),
        ("--pace", "slow", "realtime"),
    ],
)
def test_an_option_that_cannot_be_meant_ends_with_2_and_names_what_was_expected(invoke, make, option, value, told):
    result = invoke("ingest", make(), "--source", "dock-1", option, value)
    assert result.exit_code == 2
    assert told in result.output
    assert option in result.output


def test_times_are_taken_as_epoch_milliseconds_or_rfc_3339():
    assert sources._parse_time("1700000000123") == 1_700_000_000_123
    assert sources._parse_time("2023-11-14T23:13:20.123+01:00") == 1_700_000_000_123
    assert sources._parse_time("2023-11-14T22:13:20Z") == 1_700_000_000_000


@pytest.mark.parametrize(("text", "seconds"), [("60s", 60), ("90", 90), ("1.5m", 90), ("1h", 3600)])
def test_lengths_are_taken_with_their_unit(text, seconds):
    assert sources._parse_duration_s(text, "--duration") == seconds


def test_a_file_is_looked_at_before_anything_is_connected(invoke, tmp_path):
    result = invoke("ingest", tmp_path / "nowhere.mp4", "--source", "dock-1")
    assert isinstance(result.exception, MediaError)
    assert "does not exist" in str(result.exception)


@pytest.mark.parametrize(
    ("option", "value", "told"), [("--duration", "long", "60s"), ("--size", "keep", "WIDTHxHEIGHT")]
)
def test_a_scene_option_that_cannot_be_meant_ends_with_2(invoke, tmp_path, option, value, told):
    result = invoke("scene", "--out", tmp_path / "scene.mp4", option, value)
    assert result.exit_code == 2
    assert told in result.output


def test_a_scene_that_cannot_be_composed_says_why(invoke, tmp_path):
    result = invoke("scene", "--out", tmp_path / "scene.mp4", "--duration", "1s")
    assert isinstance(result.exception, MediaError)
    assert "duration_s is 1.0" in str(result.exception)
    assert list(tmp_path.iterdir()) == []

"""What `braid label` refuses before it talks to anyone."""

import pytest
from typer.testing import CliRunner

from streams.cli.app import command_line
from streams.errors import ConfigurationError


@pytest.mark.parametrize("command", ["set", "unset", "list", "suggest", "export"])
def test_every_command_explains_itself(command):
    result = CliRunner().invoke(command_line(), ["label", command, "--help"])
    assert result.exit_code == 0
    assert "--config" in result.output


@pytest.mark.parametrize("out", ["set.csv", "nowhere/set.npz"])
def test_a_set_that_cannot_be_written_is_said_before_anything_is_fetched(out, tmp_path):
    result = CliRunner().invoke(command_line(), ["label", "export", str(tmp_path / out)])
    assert isinstance(result.exception, ConfigurationError)
    assert "ends in .npz, in a folder that is there" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_time_that_cannot_be_read_is_said():
    result = CliRunner().invoke(command_line(), ["label", "suggest", "--since", "yesterday"])
    assert isinstance(result.exception, ConfigurationError)

"""What every command says of itself comes out whole."""

import re

import pytest
import typer.main
from typer.testing import CliRunner

from streams.cli.app import command_line

WIDE = {"COLUMNS": "2000", "NO_COLOR": "1"}


def walk(command, path=()):
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from walk(inner, (*path, name))


COMMANDS = dict(walk(typer.main.get_command(command_line())))


def squeeze(text):
    """Without line breaks, frames and what makes words stand out."""
    return re.sub(r"[\s│`]+", "", text)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_no_word_of_a_help_text_is_lost(path):
    command = COMMANDS[path]
    done = CliRunner().invoke(command_line(), [*path, "--help"], env=WIDE)
    assert done.exit_code == 0
    shown = squeeze(done.stdout)
    for text in (command.help, *(parameter.help for parameter in command.params)):
        assert squeeze(text or "") in shown


def test_the_installation_that_a_command_needs_is_named_whole():
    for path in (("train",), ("export",), ("evaluate",), ("models", "build")):
        done = CliRunner().invoke(command_line(), [*path, "--help"], env=WIDE)
        assert "pip install braid[train]" in done.stdout

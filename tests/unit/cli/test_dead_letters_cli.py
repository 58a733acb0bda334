"""What `braid dead-letters` refuses before it talks to anyone, and what it does to a terminal."""

import pytest
from typer.testing import CliRunner

from streams.cli.app import command_line
from streams.cli.dead_letter_reports import _line
from streams.dead_letters import BuriedLetter
from streams.errors import ConfigurationError, PoisonItem
from streams.records import DeadLetter, OriginRecord


@pytest.mark.parametrize(
    "arguments", [["replay"], ["replay", "--source", "dock-1"], ["replay", "braid.video-0-1", "--code", "late"]]
)
def test_a_replay_names_letters_or_a_code(arguments):
    result = CliRunner().invoke(command_line(), ["dead-letters", *arguments])
    assert result.exit_code == 2
    assert "--code" in result.output


def test_a_time_that_cannot_be_read_is_said():
    result = CliRunner().invoke(command_line(), ["dead-letters", "list", "--since", "yesterday"])
    assert isinstance(result.exception, ConfigurationError)


def test_what_a_stranger_sent_does_not_steer_the_terminal():
    record = OriginRecord("braid.video", 2, 41, b"\x1b[2Jdock\xff", b"12345", (), 5)
    letter = DeadLetter.of(record, PoisonItem("bad \x1b]0;key\x07", code="key.illegal", stage="header"))
    line = _line(BuriedLetter(letter, 0, 7, 1_700_000_000_000, copies=3, has_payload=False)).plain
    assert line.isprintable()
    for part in ("braid.video-2-41", "key.illegal", "5 bytes", "(dropped)", "x3", r"\x1b[2Jdock\xff"):
        assert part in line

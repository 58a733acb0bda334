"""Texts with brackets and colons reach the terminal as they are."""

import ast
from pathlib import Path

import pytest
from typer.testing import CliRunner

import streams.cli
from streams.cli.app import command_line
from streams.cli.terminal import headed, make_console, say_steps

TEXT = "run[x] [bold]of[/bold] :car: [/]"
LONG = "/".join(["a[b]"] * 60)


@pytest.mark.parametrize("text", [TEXT, LONG])
def test_a_text_is_printed_as_it_is_on_one_line(capsys, text):
    make_console().print(text, style="bold")
    make_console(stderr=True).print(headed("note", text))
    say_steps("train")(text)
    shown = capsys.readouterr()
    assert shown.out == f"{text}\n"
    assert shown.err == f"note: {text}\ntrain: {text}\n"


def test_no_command_makes_a_console_of_its_own():
    for path in Path(streams.cli.__file__).parent.glob("*.py"):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        made = [call for call in calls if isinstance(call, ast.Name) and call.id == "Console"]
        assert not made or path.name == "terminal.py", f"{path.name} prints past streams.cli.terminal"


@pytest.mark.parametrize(
    ("words", "code"),
    [(("down",), 0), (("status",), 1)],
)
def test_a_data_directory_in_brackets_is_named_whole(tmp_path, words, code):
    folder = tmp_path / "run[x]"
    done = CliRunner().invoke(command_line(), [*words, "--data-dir", str(folder)], env={"COLUMNS": "500"})
    assert done.exit_code == code
    assert str(folder) in done.stdout

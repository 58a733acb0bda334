"""What the documentation shows works: its Python runs, its commands exist, its links lead somewhere."""

import json
import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from processors.models.training.plan import TrainingPlan
from streams.cli.app import command_line
from streams.settings import Settings

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://)([^)#]+)")
COMMANDS = typer.main.get_command(command_line())


def blocks(language):
    return [
        pytest.param(page, text, id=f"{page.name}-{number}")
        for page in PAGES
        for number, (kind, text) in enumerate(BLOCK.findall(page.read_text()))
        if kind == language
    ]


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_python_runs(page, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(text, str(page), "exec"), {"__name__": "example"})


@pytest.mark.parametrize(("page", "text"), blocks("json"))
def test_json_is_json(page, text):
    json.loads(text)


@pytest.mark.parametrize(("page", "text"), blocks("yaml"))
def test_yaml_is_a_valid_configuration(page, text):
    values = yaml.safe_load(text)
    (TrainingPlan if "data" in values else Settings)(**values)


@pytest.mark.parametrize(("page", "text"), blocks("bash"))
def test_commands_exist_with_their_options(page, text):
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    for words in (line for line in lines if line and line[0] == "braid"):
        command, rest = COMMANDS, words[1:]
        while hasattr(command, "commands"):
            name = rest.pop(0)
            found = command.commands.get(name)
            assert found is not None, f"{page.name}: no command {name} in {' '.join(words)}"
            command = found
        known = {flag for parameter in command.params for flag in (*parameter.opts, *parameter.secondary_opts)}
        used = {word for word in rest if word.startswith("--")}
        assert used <= known, f"{page.name}: {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    broken = [target for target in LINK.findall(page.read_text()) if not (page.parent / target).exists()]
    assert broken == []


def test_the_readme_is_short_enough_to_be_read():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200

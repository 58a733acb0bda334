"""Stored windows are chosen alike by every command, and a training goes on with those that it began with."""

import json
from dataclasses import asdict

import pytest
import typer.main

from streams.cli import label_export
from streams.cli.app import command_line
from streams.cli.stored_windows import StoredChoice, collect_once
from streams.errors import ConfigurationError
from streams.settings import Settings


@pytest.fixture
def asked(monkeypatch):
    """What was asked of the store, which gives one small file, or nothing at all."""
    asked = []

    def export(_settings, chosen, since, out, *, as_json):
        assert not as_json
        asked.append((chosen, since))
        if chosen.source_id == "silent":
            return False
        out.write_bytes(b"windows")
        return True

    monkeypatch.setattr(label_export, "export_and_print", export)
    return asked


def test_commands_that_take_stored_windows_have_the_same_options():
    root = typer.main.get_command(command_line())
    found = [
        {each.name: (each.opts, each.default, each.help) for each in command.params}
        for command in (root.commands["train"], root.commands["pretrain"], root.commands["label"].commands["export"])
    ]
    for name in ("source", "since", "limit", "gap_s"):
        assert found[0][name] == found[1][name] == found[2][name]


def test_windows_are_collected_once_as_they_were_chosen(asked, tmp_path):
    choice = StoredChoice(source="dock-1", since="-10m", limit=7, gap_s=2.5, judged=False)
    for _ in range(2):
        assert collect_once(tmp_path / "run", choice, Settings()).read_bytes() == b"windows"
    [(chosen, since)] = asked
    assert (chosen.source_id, chosen.limit, chosen.gap_ms, chosen.judged, since) == ("dock-1", 7, 2500, False, "-10m")


def test_another_choice_in_the_same_folder_is_refused_with_both(asked, tmp_path):
    collect_once(tmp_path, StoredChoice(limit=7), Settings())
    for other in (StoredChoice(limit=8), StoredChoice(limit=7, judged=False)):
        with pytest.raises(ConfigurationError, match="of another choice") as refused:
            collect_once(tmp_path, other, Settings())
        assert json.dumps(asdict(other)) in str(refused.value)
        assert json.dumps(asdict(StoredChoice(limit=7))) in str(refused.value)
    assert len(asked) == 1


def test_a_choice_of_which_there_is_no_window_keeps_no_folder_from_another(asked, tmp_path):
    with pytest.raises(typer.Exit):
        collect_once(tmp_path, StoredChoice(source="silent"), Settings())
    assert collect_once(tmp_path, StoredChoice(), Settings()).exists()

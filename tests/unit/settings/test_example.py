"""The example configuration is the tree itself."""

from itertools import pairwise
from pathlib import Path

from streams.settings import Settings, load_settings
from streams.settings.example import render_example

EXAMPLE = Path(__file__).parents[3] / "braid.example.yaml"


def test_the_committed_example_is_the_rendered_one():
    assert EXAMPLE.read_text() == render_example(), "run: braid check-config --example > braid.example.yaml"


def test_reading_the_example_gives_the_defaults(monkeypatch):
    monkeypatch.delenv("BRAID_CONFIG", raising=False)
    assert load_settings(EXAMPLE) == Settings()


def test_every_setting_of_the_example_is_explained():
    lines = EXAMPLE.read_text().splitlines()
    unexplained = [
        line
        for before, line in pairwise(lines)
        if ": " in line and not line.lstrip().startswith("#") and not before.lstrip().startswith("#")
    ]
    assert unexplained == []
    assert not any(line.strip() == "# None" for line in lines)

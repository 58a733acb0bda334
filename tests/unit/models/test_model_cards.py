"""Every weight that is committed has a card beside it, and is small."""

import re
from pathlib import Path

import pytest
from safetensors import safe_open

from processors.models.fusion import FUSION_WEIGHTS_PATH

FOLDER = FUSION_WEIGHTS_PATH.parent
WEIGHTS = sorted(FOLDER.glob("*.safetensors"))
MAX_BYTES = 10_000_000


def section(card: str, title: str) -> str:
    """What stands under a heading that begins so, up to the next one."""
    found = re.search(rf"^## {title}.*?\n(.*?)(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    assert found, f"no section {title!r}"
    return found[1].strip()


def test_there_are_weights_and_all_together_are_small():
    assert len(WEIGHTS) >= 4
    assert sum(path.stat().st_size for path in WEIGHTS) <= MAX_BYTES


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.name)
def test_weights_are_in_half_precision(path: Path):
    with safe_open(path, framework="pt") as file:
        types = {file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118 # not a mapping
    assert types == {"F16"}


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.name)
def test_a_card_tells_data_licence_figures_and_limits(path: Path):
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    assert f"`{path.name}`" in card
    licence = re.search(r"^\| licence \| (.+) \|$", card, re.MULTILINE)
    assert licence, "no licence in the table"
    assert "Apache-2.0" in licence[1]
    assert re.search(r"CC BY|CC0|Apache-2\.0|MIT|synthesised|composed|drawn", section(card, "Data"))
    assert re.search(r"\d\.\d", section(card, "Figures")), "no figure"
    assert section(card, "Limits").count("- ") >= 2


@pytest.mark.parametrize("path", WEIGHTS, ids=lambda path: path.name)
def test_a_card_stands_beside_the_facts_of_its_training(path: Path):
    assert path.with_suffix(".json").is_file()

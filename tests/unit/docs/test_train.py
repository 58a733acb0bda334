"""The page on training: what it trains leaves what the page says, and is judged again as the page says."""

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from streams.cli.app import command_line

PAGE = (Path(__file__).parents[3] / "docs/how-to/train.md").read_text(encoding="utf-8")


def test_the_training_of_the_page_leaves_what_the_page_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], {})
    Path("train.yaml").write_text(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])
    done = CliRunner().invoke(command_line(), ["train", "train.yaml"])
    assert done.exit_code == 0, done.output
    rows = re.findall(r"^\| (`[a-z].*?) \| ", PAGE, re.MULTILINE)
    named = {name.rstrip("/") for row in rows for name in re.findall(r"`(.*?)`", row)}
    left = {path.name for path in Path("runs/first").iterdir()}
    assert named == left
    assert "mood" in done.stdout
    [line] = re.findall(r"^braid (evaluate model .* --unseen)$", PAGE, re.MULTILINE)
    again = CliRunner().invoke(command_line(), [*line.split(), "--json"])
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout)["tasks"] == json.loads(Path("runs/first/report.json").read_text())["tasks"]

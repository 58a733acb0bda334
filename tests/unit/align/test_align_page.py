"""The page about event time keeps its word."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "event-time.md"


def test_the_example_on_the_page_runs_as_it_stands():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    exec(compile(blocks[0], str(PAGE), "exec"), {"__name__": "page"})


def test_the_tests_that_the_page_names_exist():
    named = set(re.findall(r"`(test_\w+\.py)`", PAGE.read_text(encoding="utf-8")))
    assert named
    assert all((Path(__file__).parent / name).is_file() for name in named)

"""Every code that a dead letter can have is explained."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs/how-to/dead-letters.md"


def codes_raised():
    """The constants with which poison and decoding errors are raised."""
    found = set()
    for path in [*ROOT.glob("streams/**/*.py"), *ROOT.glob("processors/**/*.py")]:
        for call in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)):
            name = getattr(call.func, "id", "")
            code = None
            if name == "PoisonItem":
                [code] = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
            elif name == "DecodeError":
                code = call.args[0]
            if isinstance(code, ast.Constant):
                found.add(code.value)
    return found


def test_the_table_has_the_codes_that_the_source_raises():
    of_items = {code for code in codes_raised() if not code.startswith("fuse.")} | {"encode.failed"}
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", PAGE.read_text(), re.MULTILINE)) == of_items


def test_the_codes_of_windows_are_named_beside_it():
    assert all(f"`{code}`" in PAGE.read_text() for code in codes_raised() if code.startswith("fuse."))

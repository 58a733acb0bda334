"""The page on data sets: its code runs, and its table is one that is read."""

import re
from pathlib import Path

from processors.datasets import recordings
from processors.datasets.recordings import read_recordings

PAGE = Path(__file__).parents[3] / "docs/how-to/data-sets.md"


def test_the_code_of_the_page_makes_the_table_of_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    exec(re.search(r"```python\n(.*?)```", page, re.DOTALL)[1], {})
    header, row = (tmp_path / "labels.tsv").read_text(encoding="utf-8").splitlines()
    assert f"    {header}\n    {row}\n" in page


def test_the_table_of_the_page_is_read(tmp_path, monkeypatch):
    table = re.search(r"(    filename\t.*?)\n\n", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]
    (tmp_path / "labels.tsv").write_text(re.sub("(?m)^    ", "", table), encoding="utf-8")
    (tmp_path / "monday.mp4").write_bytes(b"")
    monkeypatch.setattr(recordings, "_look_into", lambda path, _table, rows: recordings.Recording(path, 0, (), rows))
    assert read_recordings(tmp_path).classes == ("alarm", "crash")

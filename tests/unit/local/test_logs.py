"""Logs are bounded, and their end is at hand for an error message."""

from pathlib import Path

from streams.local.logs import BoundedLog, tail


def test_a_log_never_outgrows_twice_its_limit_and_keeps_the_newest(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "logs" / "x.log", limit_bytes=100)
    for number in range(50):
        log.write(f"line {number:02}\n".encode())
    log.close()
    files = sorted((tmp_path / "logs").iterdir())
    assert [file.name for file in files] == ["x.log", "x.log.1"]
    assert all(file.stat().st_size <= 100 for file in files)
    assert tail(tmp_path / "logs" / "x.log", lines=1) == "line 49"


def test_a_log_goes_on_where_it_ended(tmp_path: Path) -> None:
    for word in (b"one\n", b"two\n"):
        log = BoundedLog(tmp_path / "x.log")
        log.write(word)
        log.close()
    assert tail(tmp_path / "x.log") == "one\ntwo"


def test_the_tail_is_the_last_lines_whatever_the_bytes(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(b"\xff\n" * 20_000 + b"the end\n")
    assert tail(tmp_path / "x.log", lines=2) == "\N{REPLACEMENT CHARACTER}\nthe end"


def test_a_log_without_words_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.log").touch()
    assert tail(tmp_path / "x.log") == tail(tmp_path / "missing.log") == "(it wrote nothing)"

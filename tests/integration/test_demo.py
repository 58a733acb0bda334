"""The demonstration from a new user's side: a verdict at the end, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

OWN_MODELS = "BRAID_MODELS__REPOSITORY"
END_S = 240.0
STOP_S = 20.0


@pytest.fixture
def start(models: Path, tmp_path: Path):
    """Starts `braid demo` with a short scene, and says where its output goes; kills what a test leaves running."""
    data_dir = tmp_path / "data"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BRAID_")}
    command = [sys.executable, "-m", "streams.cli", "demo", "--duration", "12", "--data-dir", str(data_dir)]
    started = []

    def start() -> tuple[subprocess.Popen[bytes], Path, Path]:
        out = tmp_path / f"out-{len(started)}"
        with out.open("wb") as output:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=clean | {OWN_MODELS: str(models), "COLUMNS": "160"},
            )
        started.append(process)
        return process, out, data_dir

    yield start
    for left in [*processes_of(data_dir), *started]:
        left.kill()
    for process in started:
        process.wait()


def processes_of(data_dir: Path) -> list[psutil.Process]:
    """Every process that was started with this data directory."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        words = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        if any(str(data_dir) in word for word in words):
            found.append(process)
    return found


def test_it_leaves_nothing_when_interrupted_and_the_next_one_ends_by_itself_with_a_verdict(start):
    """In the same directory: windows of the first that become final in the second count for neither of its sources."""
    process, out, data_dir = start()
    deadline_s = time.monotonic() + END_S
    while " r0 " not in out.read_text():
        assert process.poll() is None, out.read_text()
        assert time.monotonic() < deadline_s, out.read_text()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    assert process.wait(STOP_S) == 130, out.read_text()
    assert "nothing is left running" in out.read_text()
    assert processes_of(data_dir) == []

    process, out, data_dir = start()
    assert process.wait(END_S) == 0, out.read_text()
    text = out.read_text()
    assert "events found: " in text
    assert text.count(": all covered") == 2
    assert "braid ingest YOUR_VIDEO.mp4" in text
    assert processes_of(data_dir) == []

"""Records a second from Kafka into windows: a worker beside aiokafka alone and beside Quix Streams, one backlog.

Each is a process of its own, one after the other, and reads the backlog with a fresh group; the time runs from the
first record to the last. A result that is not what the backlog must give ends the bench.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import venv
from dataclasses import asdict
from pathlib import Path
from typing import Any

from streams.settings import Settings
from tests.bench.backlog import Backlog, fill
from tests.bench.figures import Figure
from tests.bench.stack import with_own_topics, write_config

__all__ = ["measure_alignment"]

ROUNDS = 3
DEADLINE_S = 180.0
QUIX = Path("build") / "quix"
HERE = Path(__file__).parent


async def measure_alignment(settings: Settings) -> tuple[list[Figure], dict[str, Any]]:
    quix_python = await asyncio.to_thread(_quix_environment)
    own = await with_own_topics(settings, "bench-align")
    backlog = await fill(own)
    rounds = []
    for number in range(ROUNDS):
        entry = {
            "bare": await _bare(own, backlog),
            "worker": await _worker(own, backlog, number),
            "quix": await _quix(quix_python, own, backlog, number),
        }
        rounds.append(entry)
    rates = {name: [entry[name] for entry in rounds] for name in rounds[0]}
    against_bare = [entry["worker"] / entry["bare"] for entry in rounds]
    against_quix = [entry["worker"] / entry["quix"] for entry in rounds]
    figures = [
        Figure("worker into windows", rates["worker"], "records/s"),
        Figure("aiokafka alone", rates["bare"], "records/s"),
        Figure("Quix Streams into windows", rates["quix"], "records/s"),
        Figure("worker / aiokafka alone", against_bare, at_least=0.3),
        Figure("worker / Quix Streams", against_quix, at_least=3),
    ]
    return figures, {"backlog": asdict(backlog), "rounds": rounds}


async def _bare(settings: Settings, backlog: Backlog) -> float:
    topics = _topics(settings)
    command = ["-m", "tests.bench.alignment_bare", settings.kafka.brokers, str(backlog.records), *topics]
    return (await _run(sys.executable, *command))["records_per_s"]


async def _worker(settings: Settings, backlog: Backlog, number: int) -> float:
    kafka = settings.kafka.model_copy(update={"group": f"bench-align-{number}"})
    config = write_config(settings.model_copy(update={"kafka": kafka}), settings.data_dir / f"align-{number}.yaml")
    found = await _run(sys.executable, "-m", "tests.bench.alignment_worker", str(config), str(backlog.records))
    _check("the worker", found, asdict(backlog))
    return found["records_per_s"]


async def _quix(python: Path, settings: Settings, backlog: Backlog, number: int) -> float:
    with tempfile.TemporaryDirectory(prefix="braid-bench-quix-") as state:
        script = [str(HERE / "quix_windows.py"), settings.kafka.brokers, f"bench-quix-{number}"]
        found = await _run(str(python), *script, str(backlog.records), state, *_topics(settings))
    expected = asdict(backlog)
    # It counts a record once for each window that it is late for.
    expected["late_placements"] = expected.pop("late") * 2
    _check("Quix Streams", found, expected)
    return found["records_per_s"]


def _topics(settings: Settings) -> list[str]:
    topics = settings.kafka.topics
    return [topics.video, topics.audio, topics.transcript]


def _check(name: str, found: dict[str, float], expected: dict[str, int]) -> None:
    wrong = {key: (found.get(key), value) for key, value in expected.items() if found.get(key) != value}
    if wrong:
        raise SystemExit(f"{name} gave another result than the backlog must give (found, expected): {wrong}")


async def _run(*command: str) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    async with asyncio.timeout(DEADLINE_S):
        output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return json.loads(output.splitlines()[-1])


def _quix_environment() -> Path:
    """Quix Streams in an environment of its own, made once."""
    python = QUIX / "bin" / "python"
    requirements = HERE / "quix-requirements.txt"
    mark = QUIX / requirements.name
    if not mark.exists() or mark.read_text() != requirements.read_text():
        venv.create(QUIX, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--requirement", requirements], check=True)
        mark.write_text(requirements.read_text())
    return python

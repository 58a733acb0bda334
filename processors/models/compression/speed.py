"""How fast ONNX graphs are, one beside the other."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

__all__ = ["Speed", "compare_speed", "open_graph"]

Feed = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Speed:
    """One graph's speed, over several rounds.

    Attributes:
        per_second: items a second of one thread's time, one figure a round.
        ratios: the same, divided by those of the first graph in the same round.
    """

    per_second: tuple[float, ...]
    ratios: tuple[float, ...]

    def as_json(self) -> dict[str, Any]:
        """Medians and the range of all rounds."""
        return {
            "items_per_second": _spread(self.per_second, 1),
            "times_as_fast": _spread(self.ratios, 3),
            "rounds": len(self.ratios),
        }


def compare_speed(graphs: Mapping[str, Path], feed: Feed, *, rounds: int) -> dict[str, Speed]:
    """Run graphs in turn on one thread, batch by batch.

    The thread's own time is taken: time in which the machine does something else does not count, and what slows the
    thread itself, such as a shared cache, slows all graphs alike.

    Args:
        graphs: name -> file; the first is what the others are compared with.
        feed: one batch, input name -> array with the batch dimension first.
        rounds: how often each is run, after a first time that is not counted.
    """
    batch = len(next(iter(feed.values())))
    sessions = {name: open_graph(path) for name, path in graphs.items()}
    for session in sessions.values():
        session.run(None, dict(feed))
    rates: dict[str, list[float]] = {name: [] for name in sessions}
    for _ in range(rounds):
        for name, session in sessions.items():
            begun_s = time.thread_time()
            session.run(None, dict(feed))
            rates[name].append(batch / (time.thread_time() - begun_s))
    base = rates[next(iter(graphs))]
    return {
        name: Speed(tuple(found), tuple(rate / usual for rate, usual in zip(found, base, strict=True)))
        for name, found in rates.items()
    }


def open_graph(path: Path) -> onnxruntime.InferenceSession:
    """A graph on one thread of the CPU."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _spread(values: tuple[float, ...], digits: int) -> dict[str, float]:
    return {
        "median": round(float(np.median(values)), digits),
        "least": round(min(values), digits),
        "most": round(max(values), digits),
    }

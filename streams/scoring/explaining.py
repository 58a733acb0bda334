"""Why a window of a recording is unusual, told by recordings: baselines know one time line for all of them."""

from bisect import bisect_right
from typing import Any

from processors.normality import Judgement
from streams.records import Explanation

__all__ = ["TimeLine", "explain"]


class TimeLine:
    """Where the recordings that are learned lie, one after another."""

    def __init__(self) -> None:
        self._starts_ms: list[int] = []
        self._names: list[str] = []

    def begin(self, name: str, start_ms: int) -> None:
        """Let a recording begin, behind those before."""
        self._names.append(name)
        self._starts_ms.append(start_ms)

    def find(self, at_ms: int) -> tuple[str, int]:
        """The recording at a moment, and the moment from the recording's beginning on."""
        number = bisect_right(self._starts_ms, at_ms) - 1
        return self._names[number], at_ms - self._starts_ms[number]


def explain(judgement: Judgement, time_line: TimeLine, origin_ms: int) -> dict[str, Any]:
    """The explanation of a detection, with times from the beginning of recordings on.

    Args:
        judgement: of the window.
        time_line: of what was learned.
        origin_ms: where the window's own recording began when it was judged.
    """
    explanation = Explanation.of(judgement).model_dump(mode="json")
    for second in explanation["seconds"]:
        second["start_ms"] -= origin_ms
    similar = [time_line.find(int(window_id.split("/")[1])) for window_id in judgement.similar]
    return explanation | {"similar": [{"clip": clip, "start_ms": start_ms} for clip, start_ms in similar]}

"""Sources that send in real time, and what a worker's metrics say of it."""

import asyncio
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import merge

from streams.settings import Settings
from tests.bench.media import FPS, speaking_source
from tests.bench.stack import producer

__all__ = ["Histogram", "Player", "sample", "total"]


@dataclass
class Player:
    """Speaking sources in real time.

    Attributes:
        settings: with the topics to send to.
        source_ids: who speaks.
        frames: sent over and over.
        fps: of each source.
        items: sent so far, heartbeats left out.
    """

    settings: Settings
    source_ids: Sequence[str]
    frames: list[bytes]
    fps: int = FPS
    items: int = 0

    async def play(self, seconds: float | None = None) -> None:
        """Send for so long, or until cancelled."""
        begun_ms = time.time_ns() // 10**6
        # Cameras are not in step with one another.
        phase_ms = 1_000 / len(self.source_ids)
        sources = [
            speaking_source(source_id, begun_ms + round(phase_ms * number), self.frames, fps=self.fps)
            for number, source_id in enumerate(self.source_ids)
        ]
        async with producer(self.settings) as kafka:
            for modality, record, due_ms in merge(*sources, key=lambda entry: entry[2]):
                if seconds is not None and due_ms > begun_ms + 1_000 * seconds:
                    return
                delay_s = due_ms / 1_000 - time.time()
                if delay_s > 0:
                    await asyncio.sleep(delay_s)
                topic = self.settings.kafka.topics.of(modality)
                await kafka.send(topic, record.value, key=record.key, headers=list(record.headers))
                self.items += bool(record.value)


class Histogram:
    """One of a worker's histograms without labels, as of now."""

    def __init__(self, buckets: Iterable[tuple[float, float]]) -> None:
        self.buckets = list(buckets)

    @classmethod
    def read(cls, text: str, name: str) -> "Histogram":
        found = re.findall(rf'^{name}_bucket{{le="([^"]+)"}} (\S+)$', text, re.MULTILINE)
        return cls((float(bound), float(count)) for bound, count in found)

    def since(self, before: "Histogram") -> "Histogram":
        if not before.buckets:
            return self
        return Histogram(
            (bound, count - earlier) for (bound, count), (_, earlier) in zip(self.buckets, before.buckets, strict=True)
        )

    @property
    def count(self) -> float:
        return self.buckets[-1][1] if self.buckets else 0.0

    def quantile(self, share: float) -> float:
        """Seconds, by interpolation within a bucket."""
        rank, lower, below = share * self.count, 0.0, 0.0
        for bound, count in self.buckets:
            if count >= rank and count > below:
                upper = bound if bound != float("inf") else lower
                return lower + (upper - lower) * (rank - below) / (count - below)
            lower, below = bound, count
        return 0.0


def sample(text: str, pattern: str) -> float:
    """The value of one metric; 0 if it is not there."""
    found = re.search(rf"^{pattern} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def total(text: str, name: str) -> float:
    """The sum over all labels of a metric."""
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.MULTILINE))

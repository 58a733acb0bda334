"""How far the work of one partition number is done, and what of it the store holds already."""

from collections.abc import Mapping
from dataclasses import dataclass

from processors.modality import Modality
from streams.store import Position
from streams.worker.offsets import OffsetTracker

__all__ = ["PartitionPosition", "PositionMove"]


@dataclass(frozen=True, slots=True)
class PositionMove:
    """One step of a position, for the store's compare-and-set.

    Attributes:
        expected: next offsets that the store must hold; None when it must hold none.
        new: next offsets of all topics, and the watermarks that changed.
        forgotten: sources whose watermarks are dropped.
    """

    expected: Mapping[str, int] | None
    new: Position
    forgotten: tuple[str, ...]


class PartitionPosition:
    """The offset trackers of a partition number's topics, and the position that follows from them.

    Attributes:
        trackers: by topic.
    """

    def __init__(self, topics: Mapping[str, Modality], stored: Position | None, starts: Mapping[str, int]) -> None:
        """Continue where the store stands.

        Args:
            topics: topic -> modality.
            stored: what the store holds; None when it holds nothing.
            starts: topic -> offset at which reading begins; not after `stored`.
        """
        self._topics = topics
        self._stored_offsets = dict(stored.next_offsets) if stored else None
        self._floor = {topic: max(starts[topic], (self._stored_offsets or {}).get(topic, 0)) for topic in topics}
        self._forgotten: set[str] = set()
        self.trackers = {topic: OffsetTracker(starts[topic]) for topic in topics}
        for source_id, watermarks in (stored.watermarks if stored else {}).items():
            for topic, modality in topics.items():
                if modality in watermarks:
                    self.trackers[topic].watermarks_ms[source_id] = watermarks[modality]

    @property
    def stored_offsets(self) -> Mapping[str, int]:
        """The next offsets that the store has acknowledged; Kafka's commit follows them and never leads."""
        return self._stored_offsets or {}

    @property
    def held(self) -> int:
        """Records that were read and are not done."""
        return sum(tracker.held for tracker in self.trackers.values())

    def watermarks(self, source_id: str) -> dict[Modality, int]:
        """The watermarks of a source as of the position."""
        return {
            modality: self.trackers[topic].watermarks_ms[source_id]
            for topic, modality in self._topics.items()
            if source_id in self.trackers[topic].watermarks_ms
        }

    def forget(self, source_id: str) -> None:
        """Drop the watermarks of a source that has vanished for good."""
        for tracker in self.trackers.values():
            tracker.watermarks_ms.pop(source_id, None)
        self._forgotten.add(source_id)

    def next_move(self) -> PositionMove | None:
        """What the store should be told; None when it holds all of it. To be acknowledged before the next one."""
        offsets = {topic: max(self._floor[topic], tracker.position) for topic, tracker in self.trackers.items()}
        if offsets == self._stored_offsets:
            return None
        changed = set[str]().union(*(tracker.changed for tracker in self.trackers.values()))
        watermarks = {source_id: marks for source_id in changed if (marks := self.watermarks(source_id))}
        forgotten = tuple(self._forgotten - watermarks.keys())
        for tracker in self.trackers.values():
            tracker.changed.clear()
        self._forgotten.clear()
        return PositionMove(self._stored_offsets, Position(next_offsets=offsets, watermarks=watermarks), forgotten)

    def acknowledge(self, move: PositionMove) -> None:
        """The store holds a move now."""
        self._stored_offsets = dict(move.new.next_offsets)

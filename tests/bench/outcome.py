"""What comes out of the aligner when nothing stands behind it: an item is done when all its windows are sealed."""

from collections import Counter
from collections.abc import Mapping

from processors.modality import Modality
from streams.align import AlignEvent, WindowSealed
from streams.errors import PoisonItem
from streams.records import Item, KafkaRecord
from streams.worker.position import PartitionPosition

__all__ = ["SealedWindows"]


class SealedWindows:
    """A partition's outcome without answers.

    Attributes:
        position: moves over what is done.
        counts: `windows` sealed, `placements` of items in them, `late` items.
    """

    def __init__(self, topics: Mapping[str, Modality], starts: Mapping[str, int], counts: Counter[str]) -> None:
        self.position = PartitionPosition(topics, None, starts)
        self.counts = counts
        self._windows: dict[Item, int] = {}

    def admit(self, source_id: str) -> None:
        pass

    def poison(self, record: KafkaRecord, error: PoisonItem) -> None:
        raise error

    def placed(self, record: KafkaRecord, item: Item, windows: int) -> None:
        self._windows[item] = windows

    def late(self, record: KafkaRecord, item: Item, late_for: int) -> None:
        self.counts["late"] += 1
        self.position.trackers[item.topic].done(item.offset)

    def happened(self, event: AlignEvent[Item]) -> None:
        if isinstance(event, WindowSealed):
            items = event.window.items
            self.counts["windows"] += 1
            self.counts["placements"] += len(items)
            for item in items.values():
                self._windows[item] -= 1
                if not self._windows[item]:
                    del self._windows[item]
                    self.position.trackers[item.topic].done(item.offset)

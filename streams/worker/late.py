"""Items that come when all their windows are final: read again after a crash and done, or late."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from processors.modality import Modality
from streams.records import Item, ItemRange
from streams.store import detection_id
from streams.worker.services import Services

__all__ = ["FinalWindows"]

_REMEMBERED = 1_024  # windows: those of the stretch that is being read again, which is read in order of time


@dataclass(frozen=True, slots=True)
class _Final:
    """What is needed of a stored final window.

    Attributes:
        items: records that it was made of, or that went to the dead letters instead.
        shed: modalities of which something was left out under overload.
    """

    items: tuple[ItemRange, ...]
    shed: frozenset[Modality]

    def accounts_for(self, item: Item) -> bool:
        """Whether the window holds an item, or may have left it out under overload."""
        return item.modality in self.shed or any(
            listed.topic == item.topic
            and listed.partition == item.partition
            and listed.first_offset <= item.offset <= listed.last_offset
            for listed in self.items
        )


class FinalWindows:
    """Looks items up in the final windows that the store holds. Belongs to one partition number."""

    def __init__(self, services: Services) -> None:
        """Look up in the store of `services`."""
        self._services = services
        self._remembered: OrderedDict[str, _Final] = OrderedDict()

    async def account_for(self, item: Item, spans: Iterable[tuple[int, int]]) -> bool:
        """Whether an item whose windows have all been sealed is done: a final window knows it, or all have expired.

        Args:
            item: that came.
            spans: start and end of its windows.
        """
        retention_ms = self._services.settings.retention.detections_s * 1000
        has_expired = True
        for start_ms, end_ms in spans:
            final = await self._find(detection_id(item.source_id, start_ms, end_ms))
            if final is not None and final.accounts_for(item):
                return True
            has_expired &= final is None and end_ms < self._services.wall_ms() - retention_ms
        return has_expired

    async def _find(self, window_id: str) -> _Final | None:
        if window_id in self._remembered:
            self._remembered.move_to_end(window_id)
            return self._remembered[window_id]
        stored = await self._services.writer.get(window_id)
        if stored is None or not stored.final:
            return None  # it may become final yet
        shed = frozenset(modality for modality, count in stored.coverage.shed_items.items() if count)
        final = self._remembered[window_id] = _Final((*stored.items, *stored.dead_letters), shed)
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return final

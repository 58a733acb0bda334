"""Windows of event time: which ones an item belongs to, and what one holds."""

from enum import StrEnum
from typing import Generic, TypeVar

from streams.align.items import AlignItem

__all__ = ["ClosedBy", "SealedBy", "Window", "windows_of"]

ItemT = TypeVar("ItemT", bound=AlignItem)


class ClosedBy(StrEnum):
    """Why a window got its first answer."""

    WATERMARK = "watermark"
    """The source watermark reached its end."""
    MAX_OPEN = "max_open"
    """It had been open for `max_open_ms` of read clock."""
    MEMORY = "memory"
    """It was sealed under memory pressure before anything else closed it."""


class SealedBy(StrEnum):
    """Why a window takes no more items."""

    WATERMARK = "watermark"
    """The seal watermark reached its end plus the allowed lateness."""
    VANISHED = "vanished"
    """Nothing of its source had come for `max_open_ms` of read clock."""
    MEMORY = "memory"
    """It was the oldest one under memory pressure."""


def windows_of(start_ms: int, end_ms: int, size_ms: int, hop_ms: int) -> range:
    """Starts of the windows `[k*hop, k*hop + size)` that an item belongs to.

    Args:
        start_ms: beginning of the item, epoch milliseconds; may be negative.
        end_ms: its end, exclusive; not after the start, the item is a point.
        size_ms: length of a window.
        hop_ms: distance between window starts, from 1 to `size_ms`.

    Returns:
        The starts in ascending order, never empty: for a point all windows that contain it, for an interval all that
        it overlaps.
    """
    first_ms = ((start_ms - size_ms) // hop_ms + 1) * hop_ms
    last_inside_ms = end_ms - 1 if end_ms > start_ms else start_ms
    return range(first_ms, last_inside_ms + 1, hop_ms)


class Window(Generic[ItemT]):
    """What one source brought in `[start_ms, end_ms)`; the aligner fills, closes and seals it.

    Until it is sealed its items may grow after any `Aligner.add`: take what is needed while acting on an event.

    Attributes:
        source_id: whose window it is.
        start_ms: its beginning in event time, a multiple of the hop.
        end_ms: its end, exclusive.
        first_seen_ms: read clock when its first item came.
        items: by item id, in order of arrival.
        closed_by: what closed it; `None` while it is open.
        sealed_by: what sealed it; `None` while it still takes items.
    """

    __slots__ = ("closed_by", "end_ms", "first_seen_ms", "items", "sealed_by", "source_id", "start_ms")

    def __init__(self, source_id: str, start_ms: int, end_ms: int, first_seen_ms: int) -> None:
        self.source_id = source_id
        self.start_ms = start_ms
        self.end_ms = end_ms
        self.first_seen_ms = first_seen_ms
        self.items: dict[str, ItemT] = {}
        self.closed_by: ClosedBy | None = None
        self.sealed_by: SealedBy | None = None

    @property
    def id(self) -> str:
        """The same for the same stretch of a source, whoever builds it: `source_id/start_ms/size_ms`."""
        return f"{self.source_id}/{self.start_ms}/{self.end_ms - self.start_ms}"

    @property
    def is_closed(self) -> bool:
        """Whether its first answer is due."""
        return self.closed_by is not None

    @property
    def is_sealed(self) -> bool:
        """Whether it takes no more items."""
        return self.sealed_by is not None

    def sorted_items(self) -> list[ItemT]:
        """Its items by modality, start and id: an order that does not depend on when they arrived."""
        return sorted(self.items.values(), key=lambda item: (item.modality, item.start_ms, item.item_id))

    def __repr__(self) -> str:
        return f"<Window {self.id} items={len(self.items)} closed_by={self.closed_by} sealed_by={self.sealed_by}>"

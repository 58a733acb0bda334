"""Where an item ended up."""

from collections.abc import Sequence
from typing import Any, Final, Generic, TypeVar

from streams.align.items import AlignItem
from streams.align.windows import Window

__all__ = ["BELONGS_NOWHERE", "IGNORED", "Placement"]

ItemT = TypeVar("ItemT", bound=AlignItem)


class Placement(Generic[ItemT]):
    """Where one item went; a heartbeat goes nowhere, and everything here is then empty.

    Attributes:
        windows: the windows that it went into, in order of start.
        late_for: how many windows it would have belonged to and was late for.
        held_by: how many windows that it was in time for held an item with its id already.
        is_ignored: whether its modality is absent from its source, so that it belongs to no window.
    """

    __slots__ = ("held_by", "late_for", "windows")

    is_ignored = False

    def __init__(self, windows: Sequence[Window[ItemT]], late_for: int, held_by: int) -> None:
        self.windows = windows
        self.late_for = late_for
        self.held_by = held_by

    @property
    def is_late(self) -> bool:
        """Late for every window that it would have belonged to."""
        return self.late_for > 0 and not self.windows and not self.held_by

    @property
    def is_duplicate(self) -> bool:
        """In time for at least one window, and already in each of those."""
        return self.held_by > 0 and not self.windows


class _Ignored(Placement[ItemT]):
    __slots__ = ()

    is_ignored = True


# Without a window they fit every type of item, and are shared: in sparse modalities most records are heartbeats.
BELONGS_NOWHERE: Final[Placement[Any]] = Placement((), 0, 0)
IGNORED: Final[Placement[Any]] = _Ignored((), 0, 0)

"""What happens to windows, in an order in which a consumer can act."""

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from streams.align.items import AlignItem
from streams.align.windows import Window

__all__ = ["Changes", "WindowClosed", "WindowEvent", "WindowRevised", "WindowSealed"]

ItemT = TypeVar("ItemT", bound=AlignItem)

_CLOSED, _REVISED, _SEALED = 1, 2, 4


@dataclass(frozen=True, slots=True)
class WindowClosed(Generic[ItemT]):
    """The first answer of a window is due: revision 0."""

    window: Window[ItemT]


@dataclass(frozen=True, slots=True)
class WindowRevised(Generic[ItemT]):
    """A window that was answered before holds more items now: the answer is to be made again."""

    window: Window[ItemT]


@dataclass(frozen=True, slots=True)
class WindowSealed(Generic[ItemT]):
    """A window takes no more items: its latest answer is the last."""

    window: Window[ItemT]


WindowEvent: TypeAlias = WindowClosed[ItemT] | WindowRevised[ItemT] | WindowSealed[ItemT]


class Changes(Generic[ItemT]):
    """Collects what happened to windows until it is asked for; at most one event of each kind per window."""

    __slots__ = ("_kinds",)

    def __init__(self) -> None:
        self._kinds: dict[Window[ItemT], int] = {}

    def closed(self, window: Window[ItemT]) -> None:
        """Note that a window closed."""
        self._kinds[window] = self._kinds.get(window, 0) | _CLOSED

    def revised(self, window: Window[ItemT]) -> None:
        """Note that a closed window got an item."""
        self._kinds[window] = self._kinds.get(window, 0) | _REVISED

    def sealed(self, window: Window[ItemT]) -> None:
        """Note that a window was sealed."""
        self._kinds[window] = self._kinds.get(window, 0) | _SEALED

    def drain(self) -> list[WindowEvent[ItemT]]:
        """Hand out what was collected: windows in order of start, each closed or revised before it is sealed.

        A window that closed and was revised since the last call is told as closed: its first answer has it all.
        """
        events: list[WindowEvent[ItemT]] = []
        for window in sorted(self._kinds, key=lambda window: (window.start_ms, window.source_id)):
            kinds = self._kinds[window]
            if kinds & _CLOSED:
                events.append(WindowClosed(window))
            elif kinds & _REVISED:
                events.append(WindowRevised(window))
            if kinds & _SEALED:
                events.append(WindowSealed(window))
        self._kinds.clear()
        return events

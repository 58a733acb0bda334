"""What happens to windows and sources, in an order in which a consumer can act."""

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from processors.modality import Modality
from streams.align.items import AlignItem
from streams.align.watermarks import Presence
from streams.align.windows import Window

__all__ = [
    "AlignEvent",
    "Changes",
    "PresenceChanged",
    "SourceForgotten",
    "WindowClosed",
    "WindowEvent",
    "WindowRevised",
    "WindowSealed",
]

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


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """A modality of a source came, fell silent, or went with its whole source.

    Attributes:
        source_id: the source.
        modality: one that has a role in it, whether or not it was ever seen.
        presence: as it is now; every modality begins as awaited, which is not told.
        since_ms: read clock of its latest item as of the change; of the source's first sight while it has brought none.
        at_ms: read clock at the change.
    """

    source_id: str
    modality: Modality
    presence: Presence
    since_ms: int
    at_ms: int


@dataclass(frozen=True, slots=True)
class SourceForgotten:
    """A source was gone for so long that its watermarks are remembered no more: should it return, it starts anew."""

    source_id: str


WindowEvent: TypeAlias = WindowClosed[ItemT] | WindowRevised[ItemT] | WindowSealed[ItemT]
AlignEvent: TypeAlias = WindowEvent[ItemT] | PresenceChanged | SourceForgotten


class Changes(Generic[ItemT]):
    """Collects what happened until it is asked for.

    At most one event of each kind per window, one per modality of a source, and none for what ended as it began.
    """

    __slots__ = ("_forgotten", "_kinds", "_presences")

    def __init__(self) -> None:
        self._kinds: dict[Window[ItemT], int] = {}
        # By source and modality: the presence that was told last, and the change that stands now.
        self._presences: dict[tuple[str, Modality], tuple[Presence, PresenceChanged]] = {}
        self._forgotten: set[str] = set()

    def closed(self, window: Window[ItemT]) -> None:
        """Note that a window closed."""
        self._kinds[window] = self._kinds.get(window, 0) | _CLOSED

    def revised(self, window: Window[ItemT]) -> None:
        """Note that a closed window got an item."""
        self._kinds[window] = self._kinds.get(window, 0) | _REVISED

    def sealed(self, window: Window[ItemT]) -> None:
        """Note that a window was sealed."""
        self._kinds[window] = self._kinds.get(window, 0) | _SEALED

    def presence(self, before: Presence, change: PresenceChanged) -> None:
        """Note that a modality was present in one way and is now in another."""
        key = (change.source_id, change.modality)
        told, _ = self._presences.get(key, (before, change))
        self._presences[key] = (told, change)

    def forgotten(self, source_id: str) -> None:
        """Note that a source that is gone is remembered no more."""
        self._forgotten.add(source_id)

    def begins(self, source_id: str) -> bool:
        """Note that a source starts anew.

        Returns:
            Whether it had been forgotten and that was not told; it is not told then.
        """
        if source_id not in self._forgotten:
            return False
        self._forgotten.remove(source_id)
        return True

    def drain(self) -> list[AlignEvent[ItemT]]:
        """Hand out what was collected.

        First windows in order of start, each closed or revised before it is sealed; then presences in order of the
        read clock; then forgotten sources. A window that closed and was revised since the last call is told as closed:
        its first answer has it all.
        """
        events: list[AlignEvent[ItemT]] = []
        for window in sorted(self._kinds, key=lambda window: (window.start_ms, window.source_id)):
            kinds = self._kinds[window]
            if kinds & _CLOSED:
                events.append(WindowClosed(window))
            elif kinds & _REVISED:
                events.append(WindowRevised(window))
            if kinds & _SEALED:
                events.append(WindowSealed(window))
        self._kinds.clear()
        if self._presences:
            changes = [change for told, change in self._presences.values() if change.presence is not told]
            changes.sort(key=lambda change: (change.at_ms, change.source_id, change.modality))
            events += changes
            self._presences.clear()
        if self._forgotten:
            events += map(SourceForgotten, sorted(self._forgotten))
            self._forgotten.clear()
        return events

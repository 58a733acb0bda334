"""The window settings that a group's answers are made with, as the store keeps them."""

from collections.abc import Mapping
from typing import ClassVar

from pydantic import PositiveInt

from streams.store.documents import DocumentPart, StoredDocument

__all__ = ["AgreedWindows", "WindowCut", "WindowCuts", "WindowsBefore"]


class WindowCut(DocumentPart):
    """How the time of one source is cut.

    Attributes:
        size_ms: length of a window.
        hop_ms: distance between the starts of neighbouring windows.
    """

    size_ms: PositiveInt
    hop_ms: PositiveInt

    def __str__(self) -> str:
        return f"{self.size_ms} ms every {self.hop_ms} ms"


class WindowCuts(WindowCut):
    """How the time of every source is cut.

    Attributes:
        sources: source id -> its cut, where it differs from the others'.
    """

    sources: Mapping[str, WindowCut] = {}

    def of(self, source_id: str) -> WindowCut:
        """The cut of one source."""
        return self.sources.get(source_id) or WindowCut(size_ms=self.size_ms, hop_ms=self.hop_ms)

    def __str__(self) -> str:
        return ", ".join([super().__str__(), *(f"{name}: {cut}" for name, cut in sorted(self.sources.items()))])


class WindowsBefore(DocumentPart):
    """What held before a change.

    Attributes:
        until_ms: moment of the change in event time: windows that end there or before were made with `cuts`.
        cuts: that held.
    """

    until_ms: int
    cuts: WindowCuts


class AgreedWindows(StoredDocument):
    """What all workers of a group go by.

    Attributes:
        cuts: that hold now.
        effective_from_ms: moment of the last change that the settings named; None when they named none.
        earlier: what held before, in order of time.
    """

    means: ClassVar[str] = "the window settings of a group"
    code: ClassVar[str] = "contract.windows"

    cuts: WindowCuts
    effective_from_ms: int | None = None
    earlier: tuple[WindowsBefore, ...] = ()

    def earlier_of(self, source_id: str) -> list[tuple[int, WindowCut]]:
        """The earlier cuts of one source, each with the moment of its end, without the changes that left it alone."""
        cuts = [*(before.cuts.of(source_id) for before in self.earlier), self.cuts.of(source_id)]
        return [
            (before.until_ms, cut)
            for before, cut, following in zip(self.earlier, cuts, cuts[1:], strict=False)
            if cut != following
        ]

    def continues(self, other: "AgreedWindows") -> bool:
        """Whether this came of `other` by one or more changes."""
        count = len(other.earlier)
        before = [*self.earlier[count:]][:1]
        return self.earlier[:count] == other.earlier and [each.cuts for each in before] == [other.cuts]

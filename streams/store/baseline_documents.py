"""What is kept of a source's baseline, of windows that it is to learn, and of what people said of windows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import NonNegativeInt

from processors.teaching import TaughtAs
from streams.store.documents import StoredDocument
from streams.store.writes import Fence

__all__ = ["BaselineAbout", "BaselineWrite", "Lesson", "PendingWindow", "StoredBaseline", "StoredLesson"]


class BaselineAbout(StoredDocument):
    """What is known of a baseline without reading it.

    Attributes:
        layout: of this document.
        version: grows with every window learned and every lesson; a detection names the one that judged it.
        through_ms: start of the last window that was learned or passed over; None before the first.
        learned_to_ms: end of the last window that was learned.
        learned: how many windows it learned.
        digest: SHA-256 in hex, chained over the ids of the windows learned, in order: two baselines with the same one
            learned the same windows.
        lessons: revision of the lessons that it knows.
        taught: window, `start_ms/size_ms` -> what it was taught as.
        models: encoder -> version whose embeddings it learned from.
        written_ms: when, epoch milliseconds.
    """

    means: ClassVar[str] = "about a baseline"
    code: ClassVar[str] = "contract.baseline"

    layout: Literal[1] = 1
    version: NonNegativeInt = 0
    through_ms: int | None = None
    learned_to_ms: int | None = None
    learned: NonNegativeInt = 0
    digest: str = ""
    lessons: NonNegativeInt = 0
    taught: Mapping[str, TaughtAs] = {}
    models: Mapping[str, str] = {}
    written_ms: int = 0


@dataclass(frozen=True, slots=True)
class StoredBaseline:
    """A baseline in the store.

    Attributes:
        epoch: grows by 1 with each import and each reset.
        about: what is known of it.
        state: the baseline itself; empty when nothing was learned since a reset.
    """

    epoch: int
    about: BaselineAbout
    state: bytes


@dataclass(frozen=True, slots=True)
class BaselineWrite:
    """Keep what was learned of a source.

    Attributes:
        source_id: whose.
        fence: of the partition number that the source belongs to.
        stored: goes on from the import or reset with this epoch.
        learned: ids of windows whose features need not be kept any longer.
    """

    source_id: str
    fence: Fence
    stored: StoredBaseline
    learned: Sequence[str]


@dataclass(frozen=True, slots=True)
class PendingWindow:
    """A window up to the source's last final one.

    Attributes:
        id: of its detection.
        start_ms: event time.
        end_ms: exclusive.
        is_final: whether its answer is; one that is not was given up by an owner that is gone.
        features: empty when none were kept, or the detection has expired.
    """

    id: str
    start_ms: int
    end_ms: int
    is_final: bool
    features: bytes


class Lesson(StoredDocument):
    """What a person said of one window.

    Attributes:
        taught_as: what it is.
        undone: whether that was taken back.
        author: who said it; None where nobody is named.
        at_ms: when, epoch milliseconds.
        revision: among the source's lessons; set by the store.
    """

    means: ClassVar[str] = "a lesson"
    code: ClassVar[str] = "contract.lesson"

    taught_as: TaughtAs
    undone: bool = False
    author: str | None = None
    at_ms: int
    revision: NonNegativeInt = 0


@dataclass(frozen=True, slots=True)
class StoredLesson:
    """A lesson with the features of its window."""

    window_id: str
    lesson: Lesson
    features: bytes

"""What is asked of the store when something is written, and what it answers."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from streams.records import Detection

__all__ = ["Answer", "Fence", "Finalise", "MoveStatus", "Put", "SealedBy", "Status"]

SealedBy = Literal["watermark", "vanished", "memory"]


@dataclass(slots=True, eq=False)
class Fence:
    """The right to write for one partition number, until somebody else takes it or the store goes back.

    Attributes:
        group: consumer group.
        partition: partition number, shared by the three media topics.
        token: grows with every owner; the store refuses every token but the last one it gave out.
        writes: how many writes under this fence the store has acknowledged at least. A store that holds fewer has lost
            some of them, after a restart with an older file, and refuses the fence as well.
    """

    group: str
    partition: int
    token: int
    writes: int = 0


@dataclass(frozen=True, slots=True)
class Put:
    """Store one revision of a window.

    Attributes:
        detection: its `revision`, `final`, `sealed_by` and `stored_ms` are ignored: the store sets them.
        fence: of the partition number that the source belongs to.
        features: what the source's baseline is to learn from once the window is final, kept beside the answer until
            then; empty without any. A revision replaces them.
    """

    detection: Detection
    fence: Fence
    features: bytes = b""


@dataclass(frozen=True, slots=True)
class Finalise:
    """Make the stored answer of a window final."""

    detection_id: str
    sealed_by: SealedBy
    fence: Fence


class Status(StrEnum):
    """What became of a put, a finalise or a reopen."""

    STORED = "stored"
    """The put, or the reopen, is a new revision."""
    SAME = "same"
    """It holds the items that are stored already; nothing was written."""
    SMALLER = "smaller"
    """It covers less than what is stored; nothing was written."""
    CHANGED = "changed"
    """Of a reopen: what is stored is not what the new answer was made from; nothing was written."""
    OPEN = "open"
    """Of a reopen: the window is not final; nothing was written."""
    FINAL = "final"
    """Of a put: the stored answer is final, nothing was written. Of a finalise: it is final now."""
    ABSENT = "absent"
    """Of a finalise: there is no such detection; nothing was written."""
    FENCED = "fenced"
    """The fence is not the partition's current one: a newer owner, or a store that lost writes or all its state."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The store's answer to one put, finalise or reopen.

    Attributes:
        status: what became of it.
        detection: what is stored now, the one to tell; None when absent, open without an answer, or fenced.
    """

    status: Status
    detection: Detection | None


class MoveStatus(StrEnum):
    """What became of a move of a partition's position."""

    MOVED = "moved"
    """The new position is stored; also when an earlier try of the same move had stored it."""
    CONFLICT = "conflict"
    """What is stored is not what was expected: the store went back, or somebody else moved it."""
    FENCED = "fenced"
    """As `Status.FENCED`."""

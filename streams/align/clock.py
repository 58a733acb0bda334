"""The read clock of a partition, as its reader hands it in."""

from typing import NamedTuple

__all__ = ["ReadClock"]


class ReadClock(NamedTuple):
    """One reading of a partition's read clock.

    Rules about processing time (idle, open for too long, vanished) run on it and not on the wall clock, so that being
    behind is never taken for silence. A reader that drains a backlog hands in a reading per record; readings that go
    back count as the largest so far.

    Attributes:
        now_ms: while records are unread, the largest Kafka timestamp read, at most the wall clock; when caught up, time
            that runs on by itself. Milliseconds in the domain of the wall clock.
        caught_up: whether the reader stands at the end of its topics.
    """

    now_ms: int
    caught_up: bool

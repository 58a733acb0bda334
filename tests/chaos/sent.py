"""What all senders share: when each record is due, and what they know of its fate."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from tests.chaos.producers import Planned
from tests.chaos.reading import Origin

__all__ = ["Pace", "Sent", "steps"]

_STEP_MS = 500


@dataclass
class Sent:
    """What the clients said.

    Attributes:
        acknowledged: where the broker said that a record is -> the record.
        untold: topic, key and payload -> how many such records were sent by a client that does not say where they are.
    """

    acknowledged: dict[Origin, Planned] = field(default_factory=dict)
    untold: Counter[tuple[str, bytes, bytes]] = field(default_factory=Counter)

    def __len__(self) -> int:
        """How many records were sent."""
        return len(self.acknowledged) + self.untold.total()


@dataclass(frozen=True)
class Pace:
    """Holds records back until they are due.

    Attributes:
        until_ms: what is due after that is sent then, epoch milliseconds.
    """

    until_ms: int

    async def wait_for(self, entry: Planned) -> None:
        """Returns when it may be sent."""
        left_s = min(entry.due_ms, self.until_ms) / 1000 - time.time()
        if left_s > 0:
            await asyncio.sleep(left_s)


def steps(planned: Sequence[Planned]) -> Iterator[list[Planned]]:
    """What is sent before the broker's answers are awaited."""
    for _, entries in groupby(planned, key=lambda entry: entry.due_ms // _STEP_MS):
        yield list(entries)

"""Read the three topics of a partition in step, so that none runs ahead of another in a backlog."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import heapify, heappop, heapreplace

from streams.records import KafkaRecord

__all__ = ["PartitionMerge"]


class PartitionMerge:
    """Merges the topics of one partition number by Kafka timestamp.

    A topic that still has unread records holds the others back until its next record is known; one that is fully read
    holds nobody back. So what counts as late or idle does not depend on which topic was fetched first.
    """

    __slots__ = ("_buffers",)

    def __init__(self, topics: Iterable[str]) -> None:
        self._buffers: dict[str, deque[KafkaRecord]] = {topic: deque() for topic in topics}

    def extend(self, topic: str, records: Iterable[KafkaRecord]) -> None:
        """Take a fetched batch, in partition order."""
        self._buffers[topic].extend(records)

    def pop_ready(self, has_unread: Callable[[str], bool]) -> Iterator[KafkaRecord]:
        """Yield records in order of timestamp for as long as no topic that is empty here has unread records.

        At equal timestamps the topic that was named first comes first. While the iterator is in use, no batch may be
        taken.

        Args:
            has_unread: whether the broker holds records of a topic that were not fetched yet (or may hold some).
        """
        heads: list[tuple[int, int, str, deque[KafkaRecord]]] = []
        for rank, (topic, buffer) in enumerate(self._buffers.items()):
            if buffer:
                heads.append((buffer[0].timestamp, rank, topic, buffer))
            elif has_unread(topic):
                return
        heapify(heads)
        while heads:
            _, rank, topic, buffer = heads[0]
            yield buffer.popleft()
            if buffer:
                heapreplace(heads, (buffer[0].timestamp, rank, topic, buffer))
            elif has_unread(topic):
                return
            else:
                heappop(heads)

    @property
    def wanted(self) -> Collection[str]:
        """Topics of which more should be fetched: those with nothing buffered, so that memory stays bounded."""
        return [topic for topic, buffer in self._buffers.items() if not buffer]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is buffered."""
        return not any(self._buffers.values())

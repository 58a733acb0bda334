"""What the harness stands on: what was sent is in the log, where it belongs, or no other check means anything."""

from collections import Counter

from aiokafka.partitioner import DefaultPartitioner

from tests.chaos.oracle import Expected
from tests.chaos.sent import Sent

__all__ = ["find_lost_footing"]

_SHOWN = 5


def find_lost_footing(sent: Sent, expected: Expected, partitions: int) -> list[str]:
    """Compare the log with what the clients said.

    Args:
        partitions: of each topic.

    Returns:
        One line per fault; none if all is where it should be.
    """
    return [*_gone(sent, expected), *_miscounted(sent, expected), *_astray(expected, partitions)]


def _gone(sent: Sent, expected: Expected) -> list[str]:
    gone = [origin for origin in sent.acknowledged if origin not in expected.records]
    return [f"{len(gone)} acknowledged records are not in Kafka's log: {gone[:_SHOWN]}"] if gone else []


def _miscounted(sent: Sent, expected: Expected) -> list[str]:
    """Of a client that tells no offsets, all that nobody else claims must be as many as it sent."""
    unclaimed = [record for origin, record in expected.records.items() if origin not in sent.acknowledged]
    found = Counter((record.topic, record.key, record.value) for record in unclaimed)
    if found == sent.untold:
        return []
    less, more = (sent.untold - found).total(), (found - sent.untold).total()
    where = f"{less} are not in Kafka's log, and {more} are there that nobody sent"
    return [f"of {sent.untold.total()} records that were sent without a word about their offsets, {where}"]


def _astray(expected: Expected, partitions: int) -> list[str]:
    numbers = list(range(partitions))
    partition_of = DefaultPartitioner()
    astray = [
        f"{record.key.decode()} in {record.topic}[{record.partition}]"
        for record in expected.records.values()
        if record.partition != partition_of(record.key, numbers, numbers)
    ]
    if not astray:
        return []
    what = "records are not in the partition that murmur2 over their key gives, so that a source's items do not meet"
    return [f"{len(astray)} {what}: {astray[:_SHOWN]}"]

"""The items of a stored window, fetched again from where they lie on Kafka."""

from collections.abc import AsyncGenerator, Iterable, Mapping

from processors.modality import Modality
from streams.errors import BraidError, ConfigurationError, PoisonItem
from streams.kafka_ranges import KafkaRanges
from streams.records import Detection, Item, ItemLimits, ItemRange, parse_item
from streams.store import items_digest

__all__ = ["LostItems", "fetch_items"]

# Reading on over so many records of others is cheaper than another request.
_GAP_RECORDS = 256


class LostItems(BraidError):
    """A window cannot be made again: Kafka does not hold its items, or they are not what they were."""

    default_code = "replay.lost_items"


async def fetch_items(
    kafka: KafkaRanges, stored: Detection, modalities: Mapping[str, Modality], limits: ItemLimits
) -> AsyncGenerator[Item, None]:
    """Every item of a stored detection, with its payload.

    Args:
        kafka: connected.
        stored: says where its items lie.
        modalities: topic -> modality.
        limits: in force now.

    Raises:
        LostItems: Kafka no longer holds one of them, or they do not have the detection's digest; the latter is known
            only at the end, so nothing may be written before.
        DependencyUnavailable: Kafka does not answer.
    """
    ids: list[str] = []
    for topic in sorted({part.topic for part in stored.items}):
        modality = modalities.get(topic)
        if modality is None:
            raise LostItems(f"its items came by {topic}, which is no media topic in these settings (kafka.topics)")
        own = [part for part in stored.items if part.topic == topic]
        await _refuse_lost(kafka, topic, own)
        for partition, span, wanted in _spans(own):
            async for record in kafka.read(topic, {partition: span}):
                if record.offset not in wanted:
                    continue
                try:
                    item = parse_item(record, modality, limits)
                except PoisonItem as error:
                    raise LostItems(f"{topic}[{partition}]@{record.offset} is poison now: {error}") from error
                ids.append(item.item_id)
                yield item
    if items_digest(ids) != stored.digest:
        raise LostItems("the records at its items' offsets are not its items; was a topic made anew?")


async def _refuse_lost(kafka: KafkaRanges, topic: str, ranges: Iterable[ItemRange]) -> None:
    try:
        held = await kafka.held(topic)
    except ConfigurationError as error:
        raise LostItems(str(error)) from error
    for part in ranges:
        span = held.get(part.partition, range(0))
        if part.first_offset not in span or part.last_offset not in span:
            raise LostItems(
                f"Kafka no longer holds {topic}[{part.partition}]@{part.first_offset}-{part.last_offset} "
                f"(it holds {span.start} to {span.stop - 1}); see retention.topics_s"
            )


def _spans(ranges: Iterable[ItemRange]) -> list[tuple[int, range, set[int]]]:
    """Partition, offsets to read in one go, and which of them are wanted."""
    spans: list[tuple[int, range, set[int]]] = []
    for part in sorted(ranges, key=lambda part: (part.partition, part.first_offset)):
        own = range(part.first_offset, part.last_offset + 1)
        if spans and spans[-1][0] == part.partition and own.start - spans[-1][1].stop <= _GAP_RECORDS:
            partition, span, wanted = spans[-1]
            spans[-1] = (partition, range(span.start, own.stop), wanted | set(own))
        else:
            spans.append((part.partition, own, set(own)))
    return spans

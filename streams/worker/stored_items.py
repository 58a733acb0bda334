"""The items of stored windows with their content: fetched from Kafka, and encoded as a worker encodes them."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing

from processors.modality import Modality
from streams.align import Window
from streams.kafka_ranges import KafkaRanges
from streams.records import Detection, Item, ItemLimits
from streams.worker.encoders import Content, Encoded, ItemEncoders
from streams.worker.window_items import fetch_items

__all__ = ["StoredItems", "fill"]

_ENCODED_AT_A_TIME = 16  # payloads in memory
_REMEMBERED_ITEMS = 2_000  # some kilobytes each where they are embedded: neighbouring windows share items
_REMEMBERED_BYTES = 64_000_000


class StoredItems:
    """Fetches and encodes; an item that several windows share is encoded once."""

    def __init__(
        self, kafka: KafkaRanges, encoders: ItemEncoders, modalities: Mapping[str, Modality], limits: ItemLimits
    ) -> None:
        """Nothing is fetched yet.

        Args:
            kafka: connected.
            encoders: items to content.
            modalities: topic -> modality.
            limits: of items.
        """
        self._kafka = kafka
        self._encoders = encoders
        self._modalities = modalities
        self._limits = limits
        self._contents: OrderedDict[tuple[str, int, int], Content] = OrderedDict()
        self._remembered_bytes = 0

    @property
    def encoder_names(self) -> Mapping[Modality, str]:
        """The name in the repository of each modality's encoder."""
        return self._encoders.names

    async def of_window(self, stored: Detection, unless: Collection[str] = ()) -> list[Encoded] | None:
        """The items of a stored answer with their content; None when one of them has an id out of `unless`.

        Raises:
            LostItems: Kafka no longer holds one of them, or other records lie there now.
            PoisonItem: one of them cannot be decoded now, or its model refuses it.
            DependencyUnavailable: Kafka or Triton does not answer.
        """
        found: list[Encoded] = []
        waiting: list[Item] = []
        async with aclosing(fetch_items(self._kafka, stored, self._modalities, self._limits)) as items:
            async for item in items:
                if item.item_id in unless:
                    return None
                waiting.append(item)
                if len(waiting) == _ENCODED_AT_A_TIME:
                    found += await asyncio.gather(*map(self.encoded, waiting))
                    waiting.clear()
        found += await asyncio.gather(*map(self.encoded, waiting))
        return found

    async def encoded(self, item: Item) -> Encoded:
        """An item with its content; its payload is released.

        Raises:
            PoisonItem: it cannot be decoded, or its model refuses it.
        """
        place = (item.topic, item.partition, item.offset)
        content = self._contents.get(place) or await self._encoders.encode(item)
        item.payload = b""
        self._remember(place, content)
        return Encoded(item, content)

    def _remember(self, place: tuple[str, int, int], content: Content) -> None:
        if place not in self._contents:
            self._remembered_bytes += content.held_bytes
        self._contents[place] = content
        self._contents.move_to_end(place)
        while len(self._contents) > _REMEMBERED_ITEMS or self._remembered_bytes > _REMEMBERED_BYTES:
            _, forgotten = self._contents.popitem(last=False)
            self._remembered_bytes -= forgotten.held_bytes


def fill(window: Window[Item], items: Sequence[Encoded]) -> list[Encoded]:
    """Put items into a window; they come back once each, in the order in which the fusion model takes them."""
    contents = {encoded.item.item_id: encoded for encoded in items}
    window.items = {item_id: encoded.item for item_id, encoded in contents.items()}
    return [contents[item.item_id] for item in window.sorted_items()]

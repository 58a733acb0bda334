"""Make the answer of a final window anew with one more item: fetch, encode, fuse, store, tell."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from processors.modality import Modality
from processors.models.served import ServedFacts
from streams.align import ClosedBy, Window
from streams.errors import ContractBroken, PoisonItem
from streams.kafka_ranges import KafkaRanges
from streams.records import Detection, Item, ItemLimits
from streams.settings import Settings
from streams.store import Status, Store
from streams.worker.answer import detection_of, without
from streams.worker.encoders import Encoded, ItemEncoders
from streams.worker.outbox import Outbox
from streams.worker.services import Fuser
from streams.worker.stored_items import StoredItems, fill
from streams.worker.window_items import LostItems

__all__ = ["Remade", "WindowRemaker"]

# What the source's baseline said when the window was first made: it has learned the window since.
_JUDGED = ("anomaly_p", "warming_up", "is_anomalous", "parts", "states", "explanation", "baseline_version")
_TRIES = 5  # each lost to another replay of the same window


@dataclass(frozen=True, slots=True)
class Remade:
    """What became of one window.

    Attributes:
        window_id: of the window.
        revision: that holds the item now; None when it could not be made.
        is_new: whether this replay made it; otherwise the item was in it already.
        reason: why it could not be made; empty when it could.
    """

    window_id: str
    revision: int | None = None
    is_new: bool = False
    reason: str = ""


@dataclass(slots=True)
class WindowRemaker:
    """Everything that making a window anew needs.

    Attributes:
        settings: in force.
        kafka: reads the window's items.
        encoders: items to content.
        fuser: items to an answer.
        store: holds the answers.
        outbox: tells them.
        served: what the models answer.
        modalities: topic -> modality.
        limits: of items.
        wall_ms: the wall clock, epoch milliseconds.
        stored_items: fetches and encodes the items of stored windows.
    """

    settings: Settings
    kafka: KafkaRanges
    encoders: ItemEncoders
    fuser: Fuser
    store: Store
    outbox: Outbox
    served: ServedFacts
    modalities: Mapping[str, Modality]
    limits: ItemLimits
    wall_ms: Callable[[], int]
    stored_items: StoredItems = field(init=False)

    def __post_init__(self) -> None:
        """Nothing is fetched yet."""
        self.stored_items = StoredItems(self.kafka, self.encoders, self.modalities, self.limits)

    async def add(self, added: Encoded, known_ids: Collection[str], span: tuple[int, int]) -> Remade:
        """Add an item to a final window, unless it is in it.

        Args:
            added: the item with its content.
            known_ids: ids under which the item may be in the window already.
            span: start and end of the window, epoch milliseconds.

        Raises:
            DependencyUnavailable: Kafka, Triton or Redis is away; do it again.
        """
        window: Window[Item] = Window(added.item.source_id, *span, first_seen_ms=0)
        for _ in range(_TRIES):
            stored = await self.store.get(window.id)
            if stored is None and self._may_have_expired(span[1]):
                return Remade(window.id, reason="its answer has expired (retention.detections_s), if it ever had one")
            try:
                remade = await self._try(window, added, known_ids, stored)
            except (LostItems, PoisonItem) as error:
                return Remade(window.id, reason=str(error))
            if remade is not None:
                return remade
        return Remade(window.id, reason=f"other replays changed it {_TRIES} times meanwhile")

    async def _try(
        self, window: Window[Item], added: Encoded, known_ids: Collection[str], stored: Detection | None
    ) -> Remade | None:
        """None when what is stored has changed meanwhile."""
        items = [] if stored is None else await self.stored_items.of_window(stored, unless=known_ids)
        if items is None and stored is not None:
            await self._tell(stored)  # the replay that stored it may have ended before it was told
            return Remade(window.id, stored.revision)
        detection = await self._detection(window, [*(items or ()), added], stored)
        answer = await self.store.reopen(detection, stored.digest if stored else None)
        if answer.status is Status.CHANGED:
            return None
        if answer.status is Status.OPEN:
            return Remade(window.id, reason="it is not final")
        if answer.status is Status.SMALLER:
            return Remade(window.id, reason="what is stored covers more; were its settings changed?")
        if answer.detection is None:
            raise ContractBroken(f"window {window.id}: the store answered {answer.status} and holds no detection")
        await self._tell(answer.detection)
        return Remade(window.id, answer.detection.revision, is_new=answer.status is Status.STORED)

    async def _detection(self, window: Window[Item], items: list[Encoded], stored: Detection | None) -> Detection:
        ordered = fill(window, items)
        window.closed_by = ClosedBy(stored.closed_by) if stored else ClosedBy.WATERMARK
        view = self.settings.for_source(window.source_id)
        return detection_of(
            window,
            ordered,
            await self.fuser.fuse(window, ordered),
            required=[modality for modality in Modality if getattr(view.modalities, modality.value) == "required"],
            served=self.served,
            encoder_names=self.encoders.names,
            fusion_name=self.fuser.client.name,
            closed_ms=stored.closed_ms if stored else self.wall_ms(),
            shed=stored.coverage.shed_items if stored else {},
            dead_letters=without(stored.dead_letters, [encoded.item for encoded in items]) if stored else (),
            judgement={name: getattr(stored, name) for name in _JUDGED} if stored else {},
        )

    async def _tell(self, detection: Detection) -> None:
        await self.outbox.tell(detection, self.settings.for_source(detection.source_id).group)

    def _may_have_expired(self, end_ms: int) -> bool:
        """Whether an answer of that window, if there was one, may have expired: made anew, it would hold less."""
        return self.wall_ms() - end_ms > self.settings.retention.detections_s * 1000

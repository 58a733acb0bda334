"""Replay of dead letters: the one act that may revise a final answer.

A record that could not be processed is read again with the settings in force now. Each final window that it belongs to
is made anew, from the window's items as they lie on Kafka and this one; for windows that a worker still holds open the
record is sent again. Doing it twice changes nothing the second time.
"""

import time
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from processors.modality import Modality
from processors.models.spec import FUSION
from streams.dead_letters import BuriedLetter, read_whole
from streams.errors import ConfigurationError, PoisonItem
from streams.inference import ModelClient, TritonServer, check_models, read_served
from streams.kafka_ranges import KafkaRanges, brokers_of
from streams.records import DeadLetter, Item, ItemLimits, parse_item
from streams.settings import Settings
from streams.store import AgreedWindows, Store, detection_id
from streams.worker.encoders import ItemEncoders
from streams.worker.fusion_versions import FusionVersions
from streams.worker.outbox import Outbox
from streams.worker.readiness import OneTry
from streams.worker.remake import Remade, WindowRemaker
from streams.worker.send_again import OriginProducer, as_sent_again
from streams.worker.services import Fuser, align_settings
from streams.worker.window_change import cuts_of

__all__ = ["Replayed", "Replayer", "open_replayer"]

_CLIENT_ID = "braid-replay"
_DECODE_THREADS = 2


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one dead letter.

    Attributes:
        letter_id: of the letter.
        windows: the final ones that it belongs to.
        sent_again_for: ids of windows that a worker still holds open, and for which its record was sent again.
        refused: why nothing was changed; empty when it was not refused.
    """

    letter_id: str
    windows: tuple[Remade, ...] = ()
    sent_again_for: tuple[str, ...] = ()
    refused: str = ""

    @property
    def is_done(self) -> bool:
        """Whether everything that the record belongs to holds it now, or will."""
        return not self.refused and all(window.revision is not None for window in self.windows)


class Replayer:
    """Replays dead letters one after another."""

    def __init__(self, remaker: WindowRemaker, windows: AgreedWindows, origin: OriginProducer) -> None:
        """Made by `open_replayer`."""
        self._remaker = remaker
        self._windows = windows
        self._origin = origin

    async def replay(self, buried: BuriedLetter) -> Replayed:
        """Replay one dead letter.

        Raises:
            DependencyUnavailable: Kafka, Triton or Redis is away. What was done stays; do it again.
        """
        remaker = self._remaker
        letter = await read_whole(remaker.kafka, remaker.settings, buried)
        if letter is None:
            return Replayed(buried.letter.id, refused="Kafka no longer holds its payload")
        modality = remaker.modalities.get(letter.topic)
        if modality is None:
            return Replayed(letter.id, refused=f"{letter.topic} is no media topic in these settings (kafka.topics)")
        try:
            return await self._place(letter, parse_item(letter.origin, modality, remaker.limits))
        except PoisonItem as error:
            return Replayed(letter.id, refused=f"still {error.code}: {error}")

    async def _place(self, letter: DeadLetter, item: Item) -> Replayed:
        view = self._remaker.settings.for_source(item.source_id)
        if item.is_heartbeat:
            return Replayed(letter.id)
        if getattr(view.modalities, item.modality) == "absent":
            return Replayed(letter.id, refused=f"{item.modality} is absent from {item.source_id} (modalities)")
        again = as_sent_again(letter, item)
        added = await self._remaker.stored_items.encoded(item)
        settings = align_settings(self._remaker.settings, self._windows, item.source_id)
        spans = settings.spans_of(item.start_ms, item.end_ms)
        final = await self._final(item.source_id, spans)
        known_ids = {item.item_id, parse_item(again, item.modality, self._remaker.limits).item_id}
        windows = [await self._remaker.add(added, known_ids, span) for span in spans if span in final]
        still_open = tuple(detection_id(item.source_id, *span) for span in spans if span not in final)
        if letter.code == "late":
            too_early = "a worker holds it open, and the item would be late again; replay it once it is final"
            windows += [Remade(window_id, reason=too_early) for window_id in still_open]
            still_open = ()
        if still_open:
            await self._origin.send(again)
        return Replayed(letter.id, tuple(windows), still_open)

    async def _final(self, source_id: str, spans: list[tuple[int, int]]) -> set[tuple[int, int]]:
        """Those windows that are final, with an answer or without one."""
        store = self._remaker.store
        through_ms = (await store.final_through_ms([source_id])).get(source_id)
        found = set()
        for span in spans:
            stored = await store.get(detection_id(source_id, *span))
            is_past = through_ms is not None and span[1] <= through_ms
            if stored.final if stored else is_past:
                found.add(span)
        return found


@asynccontextmanager
async def open_replayer(settings: Settings) -> AsyncGenerator[Replayer, None]:
    """Connect to everything that a replay needs.

    Args:
        settings: with the addresses of Kafka, Redis and Triton.

    Raises:
        ConfigurationError: an address is missing, the store is not as it must be, or the workers' windows are others.
        ContractBroken: a served model differs from its spec.
        DependencyUnavailable: Kafka, Redis or Triton does not answer.
    """
    if settings.triton.grpc is None:
        raise ConfigurationError("a replay needs the address of Triton; set triton.grpc (BRAID_TRITON__GRPC)")
    readiness = OneTry()
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(Store.connect(settings, _wall_ms))
        await store.check()
        windows = await _agreed_windows(store, settings)
        executor = ThreadPoolExecutor(_DECODE_THREADS, thread_name_prefix="decode")
        stack.callback(partial(executor.shutdown, wait=False, cancel_futures=True))
        triton, timeout_s = TritonServer(settings.triton.grpc), settings.triton.timeout_s
        served = await read_served(triton, settings.models.fusion, timeout_s=timeout_s)
        encoders = ItemEncoders(triton, served, settings, readiness, executor)
        stack.push_async_callback(encoders.close)
        spec = served.make_specs()[FUSION.name]
        client = ModelClient(triton, spec, timeout_s=timeout_s, name=settings.models.fusion)
        versions = FusionVersions(store, client, settings, readiness, served.thresholds)
        fuser = Fuser(client, served, settings, readiness, lambda: versions.live)
        stack.push_async_callback(fuser.close)
        await versions.reach()
        await check_models([encoder.client for encoder in encoders.by_modality.values()])
        await client.check(versions.live.number)
        outbox = await stack.enter_async_context(
            Outbox(settings, brokers_of(settings), readiness, client_id=_CLIENT_ID)
        )
        limits = settings.limits
        remaker = WindowRemaker(
            settings,
            await stack.enter_async_context(KafkaRanges(settings, client_id=_CLIENT_ID)),
            encoders,
            fuser,
            store,
            outbox,
            served,
            {settings.kafka.topics.of(modality): modality for modality in Modality},
            ItemLimits(limits.max_item_bytes, limits.max_item_ms, limits.max_future_ms),
            _wall_ms,
        )
        yield Replayer(remaker, windows, await stack.enter_async_context(OriginProducer(settings)))


async def _agreed_windows(store: Store, settings: Settings) -> AgreedWindows:
    """What the workers of the group go by; a replay that made other windows would add to their answers."""
    own, group = cuts_of(settings), settings.kafka.group
    stored = await store.read_windows(group)
    if stored is not None and stored.cuts != own:
        raise ConfigurationError(
            f"these settings make windows of {own}, the workers of group {group} make windows of {stored.cuts}; give a "
            "replay the workers' settings (size_ms and hop_ms of windows and sources.ID.windows)",
            code="configuration.windows",
        )
    return stored or AgreedWindows(cuts=own)


def _wall_ms() -> int:
    return time.time_ns() // 10**6

"""Make a set of windows to learn from out of stored windows, people's verdicts if wanted, and the records on Kafka.

The records are fetched from where they lie, encoded by the encoders that are served now, and laid out as the worker
lays them out for the fusion model: what is learned from is what will be asked. Where the fusion model takes items raw,
its encoders are asked all the same: what is learned from is what its inner fusion is given.
"""

import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from processors.datasets.windows import WindowSet
from processors.modality import Modality
from processors.models.spec import TensorSpec
from streams.align import Window
from streams.errors import ConfigurationError, PoisonItem
from streams.inference import TritonServer, check_models, read_embedding_dims, read_served
from streams.kafka_ranges import KafkaRanges
from streams.labels.examples import Example, window_set
from streams.records import Detection, Item, ItemLimits
from streams.settings import Settings
from streams.store import Store, Verdict
from streams.worker.answer import FusionInputs, fusion_inputs
from streams.worker.encoders import ItemEncoders, encoder_names
from streams.worker.readiness import OneTry
from streams.worker.stored_items import StoredItems, fill
from streams.worker.window_items import LostItems

__all__ = [
    "Chosen",
    "LeftOut",
    "TrainingSet",
    "Why",
    "collect_training_set",
    "open_items",
]

_CLIENT_ID = "braid-label"
_DECODE_THREADS = 2
_WINDOWS_READ_AT_A_TIME = 100


class Why(StrEnum):
    """Why a window that is meant is not in the set."""

    EXPIRED = "expired"
    """Its answer is no longer stored, so where its records lie is not known."""
    NOT_FINAL = "not_final"
    """Its items may still change."""
    EMPTY = "empty"
    """It holds no item."""
    LOST = "lost"
    """Kafka no longer holds its records, or other ones lie there now."""
    REFUSED = "refused"
    """One of its records cannot be decoded or encoded now."""
    LIMIT = "limit"
    """Newer ones are as many as were asked for."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A window that is not in the set.

    Attributes:
        window_id: of its answer.
        why: for programs.
        message: for people.
    """

    window_id: str
    why: Why
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which windows are meant, and how they are told apart.

    Attributes:
        source_id: whose; None takes every source's.
        since_ms: earliest start, epoch milliseconds; None is unbounded.
        limit: how many at most, the newest.
        gap_ms: windows of a source with so much time between them are of different recordings.
        judged: whether only windows with a verdict; otherwise all that are stored, of which nothing is said.
    """

    source_id: str | None = None
    since_ms: int | None = None
    limit: int
    gap_ms: int
    judged: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """What was made.

    Attributes:
        windows: in order of source and start; None where there is none.
        left_out: the others that are meant.
    """

    windows: WindowSet | None
    left_out: tuple[LeftOut, ...]


async def collect_training_set(
    settings: Settings, chosen: Chosen, on_progress: Callable[[int, int], None] | None = None
) -> TrainingSet:
    """Make the set.

    Args:
        settings: the workers', with the addresses of Kafka, Redis and Triton.
        chosen: which windows.
        on_progress: told after each window how many of how many were looked at.

    Raises:
        ConfigurationError: an address is missing.
        ContractBroken: a served encoder differs from its spec, or is not there.
        DependencyUnavailable: Kafka, Redis or Triton does not answer.
    """
    async with Store.connect(settings, _wall_ms) as store:
        if chosen.judged:
            meant, left_out = await _verdicts_meant(store, chosen)
            answers = await _answers(store, list(meant))
        else:
            answers = await _newest_answers(store, chosen)
            meant, left_out = dict.fromkeys(answers), []
    examples: list[Example] = []
    fetchable: list[Detection] = []
    for window_id in meant:
        problem = _problem(answers.get(window_id))
        if problem is None:
            fetchable.append(answers[window_id])
        else:
            left_out.append(LeftOut(window_id, *problem))
    if fetchable:
        async with open_items(settings) as (stored_items, tensors):
            for number, detection in enumerate(fetchable, 1):
                made = await _inputs(stored_items, detection, tensors)
                if isinstance(made, LeftOut):
                    left_out.append(made)
                else:
                    verdict = meant[detection.id]
                    examples.append(Example(detection.source_id, detection.start_ms, detection.end_ms, verdict, made))
                if on_progress is not None:
                    on_progress(number, len(fetchable))
    return TrainingSet(window_set(examples, chosen.gap_ms) if examples else None, tuple(left_out))


async def _newest_answers(store: Store, chosen: Chosen) -> dict[str, Detection]:
    """Window id -> answer, in order of source and start: the newest ones of all that are meant."""
    found: list[Detection] = []
    for source_id in [chosen.source_id] if chosen.source_id is not None else sorted(await store.sources()):
        found += await store.list_detections(source_id, chosen.since_ms, limit=chosen.limit, newest=True)
        newest = sorted(found, key=lambda detection: detection.start_ms, reverse=True)[: chosen.limit]
        found = sorted(newest, key=lambda detection: (detection.source_id, detection.start_ms))
    return {detection.id: detection for detection in found}


async def _verdicts_meant(store: Store, chosen: Chosen) -> tuple[dict[str, Verdict | None], list[LeftOut]]:
    """Window id -> verdict, in order of source and start; and what goes beyond the limit."""
    sources = [chosen.source_id] if chosen.source_id is not None else await store.verdicts.sources()
    found: dict[str, Verdict] = {}
    for source_id in sources:
        found |= await store.verdicts.of_source(source_id)
    starts_ms = {window_id: int(window_id.split("/")[1]) for window_id in found}
    if chosen.since_ms is not None:
        found = {window_id: each for window_id, each in found.items() if starts_ms[window_id] >= chosen.since_ms}
    newest = sorted(found, key=lambda window_id: starts_ms[window_id], reverse=True)
    beyond = newest[chosen.limit :]
    left_out = [LeftOut(window_id, Why.LIMIT, f"more than {chosen.limit} windows") for window_id in beyond]
    return {window_id: each for window_id, each in found.items() if window_id not in set(beyond)}, left_out


async def _answers(store: Store, window_ids: Sequence[str]) -> dict[str, Detection]:
    found: dict[str, Detection] = {}
    for first in range(0, len(window_ids), _WINDOWS_READ_AT_A_TIME):
        page = await store.get_many(window_ids[first : first + _WINDOWS_READ_AT_A_TIME])
        found |= {detection.id: detection for detection in page}
    return found


def _problem(detection: Detection | None) -> tuple[Why, str] | None:
    """Why the items of an answer are not even fetched."""
    if detection is None:
        return Why.EXPIRED, "its answer has expired (retention.detections_s)"
    if not detection.final:
        return Why.NOT_FINAL, "it is not final yet"
    if not detection.items:
        return Why.EMPTY, "it holds no item"
    return None


async def _inputs(
    stored_items: StoredItems, detection: Detection, tensors: Mapping[Modality, TensorSpec]
) -> FusionInputs | LeftOut:
    """A window as the fusion model takes it."""
    window: Window[Item] = Window(detection.source_id, detection.start_ms, detection.end_ms, first_seen_ms=0)
    try:
        items = await stored_items.of_window(detection) or []
    except LostItems as error:
        return LeftOut(detection.id, Why.LOST, str(error))
    except PoisonItem as error:
        return LeftOut(detection.id, Why.REFUSED, f"{error.code}: {error}")
    return fusion_inputs(window, fill(window, items), tensors)


@asynccontextmanager
async def open_items(settings: Settings) -> AsyncGenerator[tuple[StoredItems, Mapping[Modality, TensorSpec]], None]:
    """What fetches and encodes items, and how each modality's embeddings are laid out."""
    if settings.triton.grpc is None:
        raise ConfigurationError("encoding needs the address of Triton; set triton.grpc (BRAID_TRITON__GRPC)")
    limits = settings.limits
    async with AsyncExitStack() as stack:
        executor = ThreadPoolExecutor(_DECODE_THREADS, thread_name_prefix="decode")
        stack.callback(partial(executor.shutdown, wait=False, cancel_futures=True))
        triton = TritonServer(settings.triton.grpc)
        timeout_s = settings.triton.timeout_s
        served = await read_served(triton, settings.models.fusion, timeout_s=timeout_s)
        if served.raw:
            names = encoder_names(settings)
            inside = {modality: names[modality] for modality in served.raw}
            dims = await read_embedding_dims(triton, inside, timeout_s=timeout_s)
            served = replace(served, dims={**served.dims, **dims}, raw={})
        encoders = ItemEncoders(triton, served, settings, OneTry(), executor)
        stack.push_async_callback(encoders.close)
        await check_models([encoder.client for encoder in encoders.by_modality.values()])
        stored_items = StoredItems(
            await stack.enter_async_context(KafkaRanges(settings, client_id=_CLIENT_ID)),
            encoders,
            {settings.kafka.topics.of(modality): modality for modality in Modality},
            ItemLimits(limits.max_item_bytes, limits.max_item_ms, limits.max_future_ms),
        )
        yield stored_items, served.items


def _wall_ms() -> int:
    return time.time_ns() // 10**6

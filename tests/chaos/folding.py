"""What a fold learns that nothing disturbs: from the records as they lie on Kafka, in one go and in memory."""

import asyncio
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import numpy as np

from processors.normality import extract
from processors.normality.state_file import unpack_state
from streams.align import Window
from streams.labels.training_set import open_items
from streams.records import Detection
from streams.settings import Settings
from streams.store import PendingWindow, Store, split_detection_id
from streams.worker.answer import encoders_of
from streams.worker.observing import KeptFeatures, observe
from streams.worker.source_normal import SourceNormal
from streams.worker.stored_items import StoredItems, fill
from tests.chaos.verify import Seen

__all__ = ["TOLERANCE", "differences", "find_other_statistics"]

TOLERANCE = 0.02
"""How far a number may be off, as a share of the largest of its kind: some are kept in half precision, read and
written many times. Whole numbers, among them counts and times, may not be off at all."""
_LEAST = float(np.finfo(np.float16).tiny)
"""Below it half precision has no share to keep to."""
_MOST_WINDOWS = 500
"""No further source is compared once so many windows are: a long scenario would take too long after it has ended."""
_READERS = 32
"""A window's records lie in three topics, and a reader waits for each."""


async def find_other_statistics(settings: Settings, seen: Seen) -> list[str]:
    """Compare what was learned of each source, of some in long scenarios, with an undisturbed fold over its windows.

    Returns:
        One line per statistic that is further off than the tolerance; none if all are near.
    """
    answers = sorted(
        (detection for detection in seen.stored.values() if detection.final and detection.failed is None),
        key=lambda detection: (detection.source_id, detection.start_ms),
    )
    if not answers:
        return []
    faults = []
    undisturbed = await _fold(settings, _of_first_sources(answers))
    async with Store.connect(settings, lambda: 0) as store:
        for source_id, normal in undisturbed.items():
            stored = await store.baselines.read(source_id)
            if stored is None:
                faults.append(f"{source_id} has no stored baseline")
            else:
                faults += [f"{source_id}: {each}" for each in differences(stored.state, normal.to_store(0).state)]
    return faults


def _of_first_sources(answers: list[Detection]) -> list[Detection]:
    """Those of whole sources, as long as there are few before them."""
    taken: list[Detection] = []
    for _, each in groupby(answers, key=lambda answer: answer.source_id):
        if len(taken) < _MOST_WINDOWS:
            taken += each
    return taken


async def _fold(settings: Settings, answers: list[Detection]) -> dict[str, SourceNormal]:
    """Source -> its baseline after its answers, which come in order of start."""
    size = -(-len(answers) // _READERS)
    slices = [answers[first : first + size] for first in range(0, len(answers), size)]
    normals: dict[str, SourceNormal] = {}
    for pending in await asyncio.gather(*(_pending_of(settings, each) for each in slices)):
        for source_id, windows in groupby(pending, key=lambda window: split_detection_id(window.id)[0]):
            if source_id not in normals:
                normals[source_id] = SourceNormal.of_store(source_id, None, settings.baseline, None)
            normals[source_id].learn(list(windows))
    return normals


async def _pending_of(settings: Settings, answers: list[Detection]) -> list[PendingWindow]:
    async with open_items(settings) as (stored_items, _):
        return [await _pending(settings, stored_items, answer) for answer in answers]


async def _pending(settings: Settings, stored_items: StoredItems, answer: Detection) -> PendingWindow:
    window = Window(answer.source_id, answer.start_ms, answer.end_ms, first_seen_ms=0)
    items = fill(window, await stored_items.of_window(answer) or [])
    models = encoders_of(items, stored_items.encoder_names)
    kept = KeptFeatures(models, extract(observe(window, items, settings.baseline.fps)))
    return PendingWindow(answer.id, answer.start_ms, answer.end_ms, True, kept.to_bytes())


def differences(stored: bytes, undisturbed: bytes) -> list[str]:
    """What of a stored baseline is further off an undisturbed one than the tolerance."""
    found, expected = (dict(_arrays(unpack_state(state)[1])) for state in (stored, undisturbed))
    if found.keys() != expected.keys():
        return [f"the baseline knows {sorted(found)}, an undisturbed one {sorted(expected)}"]
    faults = []
    for name, array in expected.items():
        if array.shape != found[name].shape:
            faults.append(f"{name} has shape {found[name].shape}, undisturbed {array.shape}")
        elif array.size:
            wide, got = (np.nan_to_num(each.astype(np.float64)) for each in (array, found[name]))
            off, largest = np.abs(got - wide).max(), np.abs(wide).max()
            allowed = TOLERANCE * max(_LEAST, largest) if np.issubdtype(array.dtype, np.floating) else 0.0
            if off > allowed:
                faults.append(f"{name} is off by {off:g}, the largest being {largest:g}")
    return faults


def _arrays(state: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, np.ndarray]]:
    for name, value in state.items():
        if isinstance(value, Mapping):
            yield from _arrays(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value

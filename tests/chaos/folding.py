"""What a fold learns that nothing disturbs: from the records as they lie on Kafka, in one go and in memory."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from processors.normality import extract
from processors.normality.state_file import unpack_state
from streams.align import Window
from streams.labels.training_set import open_items
from streams.records import Detection
from streams.settings import Settings
from streams.store import PendingWindow, Store
from streams.worker.answer import encoders_of
from streams.worker.observing import KeptFeatures, observe
from streams.worker.source_normal import SourceNormal
from streams.worker.stored_items import StoredItems, fill
from tests.chaos.verify import Seen

__all__ = ["TOLERANCE", "differences", "find_other_statistics"]

TOLERANCE = 0.02
"""How far a number may be off, as a share of the largest of its kind: baselines are stored in half precision."""
_READERS = 8
"""A window's records lie in three topics, and a reader waits for each."""


async def find_other_statistics(settings: Settings, seen: Seen) -> list[str]:
    """Compare what was learned of one source with an undisturbed fold over its final windows.

    Returns:
        One line per statistic that is further off than the tolerance; none if all are near.
    """
    answers = sorted(
        (detection for detection in seen.stored.values() if detection.final and detection.failed is None),
        key=lambda detection: (detection.source_id, detection.start_ms),
    )
    if not answers:
        return []
    source_id = answers[0].source_id
    async with Store.connect(settings, lambda: 0) as store:
        stored = await store.baselines.read(source_id)
    if stored is None:
        return [f"{source_id} has no stored baseline"]
    undisturbed = await _fold(settings, [answer for answer in answers if answer.source_id == source_id])
    return [f"{source_id}: {fault}" for fault in differences(stored.state, undisturbed)]


async def _fold(settings: Settings, answers: list[Detection]) -> bytes:
    normal = SourceNormal.of_store("", None, settings.baseline, None)
    size = -(-len(answers) // _READERS)
    slices = [answers[first : first + size] for first in range(0, len(answers), size)]
    for pending in await asyncio.gather(*(_pending_of(settings, each) for each in slices)):
        normal.learn(pending)
    return normal.to_store(0).state


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
            wide, got = array.astype(np.float64), found[name].astype(np.float64)
            off = np.abs(np.nan_to_num(got) - np.nan_to_num(wide)).max()
            if off > TOLERANCE * max(1.0, np.abs(np.nan_to_num(wide)).max()):
                faults.append(f"{name} is off by {off:g}")
    return faults


def _arrays(state: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, np.ndarray]]:
    for name, value in state.items():
        if isinstance(value, Mapping):
            yield from _arrays(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value

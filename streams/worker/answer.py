"""From a window's items to the fusion model's input, and from its output to a detection. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from processors.modality import Modality
from processors.models.served import ServedFacts
from processors.models.spec import CONTRIBUTION_ORDER, TensorSpec
from streams.align import Window
from streams.records import (
    AudioCoverage,
    Coverage,
    Detection,
    Item,
    ItemRange,
    TranscriptCoverage,
    VideoCoverage,
)
from streams.store import items_digest
from streams.worker.encoders import Content, Encoded, joined_versions
from streams.worker.rows import count_used, pack_window

__all__ = [
    "FusionAnswer",
    "FusionInputs",
    "detection_of",
    "encoders_of",
    "event_of",
    "fusion_inputs",
    "item_ranges",
    "samples_inside",
    "stack_inputs",
    "union_ms",
    "without",
]

FusionInputs = Mapping[str, npt.NDArray[Any]]
"""Name of each input of the fusion model -> array; without the batch dimension where it is one window's."""

MAX_TRANSCRIPT_BYTES = 4_096
_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class FusionAnswer:
    """What the fusion model says of one window.

    Attributes:
        probabilities: float32 [C].
        contributions: float32 [3, C], rows in `CONTRIBUTION_ORDER`.
        embedding: float32 [128].
        model_version: the version that answered.
        thresholds: event class -> probability from which it counts as an event, as that version has them.
    """

    probabilities: npt.NDArray[np.float32]
    contributions: npt.NDArray[np.float32]
    embedding: npt.NDArray[np.float32]
    model_version: str
    thresholds: Mapping[str, float]


def fusion_inputs(
    window: Window[Item], items: Sequence[Encoded], tensors: Mapping[Modality, TensorSpec]
) -> FusionInputs:
    """Lay a window's items out as the fusion model takes them, padded, without the batch dimension.

    Args:
        window: its bounds give times and overlaps.
        items: in order of modality, start and id.
        tensors: the fusion model's input that holds the items, for every modality; see `ServedFacts.items`.

    Returns:
        Per modality m: `m` as its tensor says, `m_time` float32 [T] seconds from the window's start (negative for an
        item that began before it), `m_weight` float32 [T] share of the item that lies inside; 1 for a point, 0 for
        padding.

    Raises:
        ModelError: an item has another type or shape than the model takes.
    """
    inputs: dict[str, npt.NDArray[Any]] = {}
    for modality in CONTRIBUTION_ORDER:
        packed = pack_window(window, _of(modality, items), tensors[modality])
        names = (modality.value, f"{modality}_time", f"{modality}_weight")
        inputs.update(zip(names, packed, strict=True))
    return inputs


def stack_inputs(windows: Sequence[FusionInputs]) -> FusionInputs:
    """Several windows as one batch."""
    return {name: np.stack([window[name] for window in windows]) for name in windows[0]}


def detection_of(
    window: Window[Item],
    items: Sequence[Encoded],
    answer: FusionAnswer | None,
    *,
    required: Sequence[Modality],
    served: ServedFacts,
    encoder_names: Mapping[Modality, str],
    fusion_name: str,
    closed_ms: int,
    shed: Mapping[Modality, int],
    dead_letters: Sequence[ItemRange] = (),
    failed: str | None = None,
    judgement: Mapping[str, Any] = MappingProxyType({}),
) -> Detection:
    """Put the answer to one window into the documented shape; the store numbers the revision.

    Args:
        window: closed.
        items: those that were encoded, in order of modality, start and id.
        answer: of the fusion model; None where it cannot answer this window.
        required: modalities that the source must bring.
        served: the classes that are answered.
        encoder_names: modality -> name in the repository of the encoder that embeds it; none where it is raw.
        fusion_name: of the fusion model in the repository.
        closed_ms: processing time at which the window was first closed.
        shed: modality -> items left out under overload.
        dead_letters: where those of its items are that went there instead.
        failed: code of the error that stands in for an answer.
        judgement: fields of what the source's baseline says.
    """
    probabilities: dict[str, float] = {}
    contributions: dict[Modality, dict[str, float]] = {}
    models = encoders_of(items, encoder_names)
    event: str | None = None
    if answer is not None:
        probabilities = dict(zip(served.classes, _rounded(answer.probabilities), strict=True))
        contributions = {
            modality: dict(zip(served.classes, _rounded(row), strict=True))
            for modality, row in zip(CONTRIBUTION_ORDER, answer.contributions, strict=True)
        }
        models[fusion_name] = answer.model_version
        event = event_of(probabilities, answer.thresholds)
    present = {encoded.item.modality for encoded in items}
    segments = [encoded.content for encoded in items if encoded.item.modality is Modality.TRANSCRIPT]
    return Detection(
        id=window.id,
        source_id=window.source_id,
        start_ms=window.start_ms,
        end_ms=window.end_ms,
        digest=items_digest(encoded.item.item_id for encoded in items),
        closed_by=(window.closed_by or "watermark"),
        coverage=_coverage(window, items, shed, served.items),
        missing=tuple(modality for modality in required if modality not in present),
        event=event,
        probabilities=probabilities,
        contributions=contributions,
        embedding=() if answer is None else tuple(_rounded(answer.embedding)),
        text_embedding=_mean_embedding(segments),
        transcript=_joined(segments),
        items=tuple(item_ranges([encoded.item for encoded in items])),
        dead_letters=tuple(dead_letters),
        models=models,
        failed=failed,
        closed_ms=closed_ms,
        **judgement,
    )


def event_of(probabilities: Mapping[str, float], thresholds: Mapping[str, float]) -> str | None:
    """The likeliest of the classes that have a threshold and reach it; None where none does."""
    above = [name for name, threshold in thresholds.items() if probabilities.get(name, -1.0) >= threshold]
    return max(above, key=lambda name: probabilities[name], default=None)


def samples_inside(item: Item, samples: int, sample_rate_hz: int, start_ms: int, end_ms: int) -> int:
    """How many samples of a chunk lie in `[start_ms, end_ms)`; sample i lies at `item.start_ms + i*1000//rate`."""

    def before(moment_ms: int) -> int:
        return min(samples, max(0, -((item.start_ms - moment_ms) * sample_rate_hz // 1000)))

    return before(end_ms) - before(start_ms)


def union_ms(spans: Sequence[tuple[int, int]]) -> int:
    """Length of the union of half-open spans."""
    total, reached = 0, None
    for start_ms, end_ms in sorted(spans):
        begin_ms = start_ms if reached is None else max(start_ms, reached)
        total += max(0, end_ms - begin_ms)
        reached = end_ms if reached is None else max(reached, end_ms)
    return total


def item_ranges(items: Sequence[Item]) -> list[ItemRange]:
    """Where items are on Kafka, neighbours joined, in order of topic, partition and offset."""
    ranges: list[ItemRange] = []
    for topic, partition, offset in sorted((item.topic, item.partition, item.offset) for item in items):
        last = ranges[-1] if ranges else None
        if last and (last.topic, last.partition, last.last_offset + 1) == (topic, partition, offset):
            ranges[-1] = last.model_copy(update={"last_offset": offset})
        else:
            ranges.append(ItemRange(topic=topic, partition=partition, first_offset=offset, last_offset=offset))
    return ranges


def without(ranges: Sequence[ItemRange], items: Sequence[Item]) -> list[ItemRange]:
    """Ranges without some of their records."""
    taken = {(item.topic, item.partition, item.offset) for item in items}
    left: list[ItemRange] = []
    for listed in ranges:
        first_offset = listed.first_offset
        for offset in range(listed.first_offset, listed.last_offset + 2):
            if offset > listed.last_offset or (listed.topic, listed.partition, offset) in taken:
                if first_offset < offset:
                    left.append(listed.model_copy(update={"first_offset": first_offset, "last_offset": offset - 1}))
                first_offset = offset + 1
    return left


def encoders_of(items: Sequence[Encoded], names: Mapping[Modality, str]) -> dict[str, str]:
    """Name of each encoder that took part -> the versions that answered."""
    versions: dict[str, list[str]] = {}
    for encoded in items:
        if encoded.content.raw is None:
            versions.setdefault(names[encoded.item.modality], []).append(encoded.content.model_version)
    return {name: joined_versions(answered) for name, answered in sorted(versions.items())}


def _of(modality: Modality, items: Sequence[Encoded]) -> list[Encoded]:
    return [encoded for encoded in items if encoded.item.modality is modality]


def _coverage(
    window: Window[Item],
    items: Sequence[Encoded],
    shed: Mapping[Modality, int],
    tensors: Mapping[Modality, TensorSpec],
) -> Coverage:
    by_modality = {modality: _of(modality, items) for modality in CONTRIBUTION_ORDER}
    counts = {modality: len(own) for modality, own in by_modality.items()}
    used = {modality: count_used(window, own, tensors[modality]) for modality, own in by_modality.items()}
    chunks = by_modality[Modality.AUDIO]
    return Coverage(
        video=VideoCoverage(items=counts[Modality.VIDEO], used=used[Modality.VIDEO], shed=shed.get(Modality.VIDEO, 0)),
        audio=AudioCoverage(
            items=counts[Modality.AUDIO],
            used=used[Modality.AUDIO],
            shed=shed.get(Modality.AUDIO, 0),
            samples=sum(
                samples_inside(
                    chunk.item, chunk.content.samples, chunk.content.sample_rate_hz, window.start_ms, window.end_ms
                )
                for chunk in chunks
            ),
            covered_ms=union_ms(
                [(max(chunk.item.start_ms, window.start_ms), min(chunk.item.end_ms, window.end_ms)) for chunk in chunks]
            ),
        ),
        transcript=TranscriptCoverage(
            items=counts[Modality.TRANSCRIPT],
            used=used[Modality.TRANSCRIPT],
            shed=shed.get(Modality.TRANSCRIPT, 0),
        ),
    )


def _mean_embedding(segments: Sequence[Content]) -> tuple[float, ...] | None:
    if not segments:
        return None
    mean = np.mean([segment.embedding for segment in segments], axis=0)
    return tuple(_rounded(mean))


def _joined(segments: Sequence[Content]) -> str:
    text = " ".join(segment.text for segment in segments if segment.text)
    return text.encode()[:MAX_TRANSCRIPT_BYTES].decode(errors="ignore")


def _rounded(values: npt.NDArray[np.float32]) -> list[float]:
    return [round(value, _DIGITS) for value in values.tolist()]

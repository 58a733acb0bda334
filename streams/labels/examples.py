"""Windows, with or without a verdict, put side by side as a set to learn from. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from processors.datasets.stretches import stretches_of
from processors.datasets.windows import UNLABELLED_CLASS, WindowItems, WindowSet
from processors.modality import Modality
from streams.store import Verdict
from streams.worker.answer import FusionInputs, stack_inputs

__all__ = ["Example", "window_set"]


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A window, what the fusion model is given of it, and what a person says of it.

    Attributes:
        source_id: whose window it is.
        start_ms: event time, epoch milliseconds.
        end_ms: exclusive.
        verdict: on it; None where nobody has said anything, or it does not matter.
        inputs: as `fusion_inputs` lays them out.
    """

    source_id: str
    start_ms: int
    end_ms: int
    verdict: Verdict | None
    inputs: FusionInputs


def window_set(examples: Sequence[Example], gap_ms: int) -> WindowSet:
    """Put windows side by side.

    Args:
        examples: at least one; those of a source may come in any order.
        gap_ms: windows of a source with so much time between them are of different recordings.

    Returns:
        The windows in that order. Its classes are all that were asked for, those of the newest verdict first; what a
        verdict does not speak of is not known. Without any verdict its class is `UNLABELLED_CLASS`. A recording is
        named after its source and its beginning, a modality that no window has is left out.
    """
    classes = _classes(examples)
    begins_ms = _stretches(examples, gap_ms)
    starts_ms = np.array([example.start_ms for example in examples], np.int64)
    inputs = stack_inputs([example.inputs for example in examples])
    return WindowSet(
        classes=classes,
        recordings=np.array(
            [_recording(example.source_id, begin_ms) for example, begin_ms in zip(examples, begins_ms, strict=True)]
        ),
        starts_ms=starts_ms - np.array(begins_ms, np.int64),
        labels=np.stack([_labels(example.verdict, classes) for example in examples]),
        modalities={
            modality: WindowItems(inputs[modality], inputs[f"{modality}_time"], inputs[f"{modality}_weight"])
            for modality in Modality
            if inputs[f"{modality}_weight"].any()
        },
    )


def _classes(examples: Sequence[Example]) -> tuple[str, ...]:
    verdicts = sorted((each.verdict for each in examples if each.verdict is not None), key=lambda one: -one.at_ms)
    return tuple(dict.fromkeys(name for verdict in verdicts for name in verdict.asked)) or (UNLABELLED_CLASS,)


def _labels(verdict: Verdict | None, classes: Sequence[str]) -> npt.NDArray[np.float32]:
    known = {} if verdict is None else {name: float(name in verdict.classes) for name in verdict.asked}
    return np.array([known.get(name, np.nan) for name in classes], np.float32)


def _stretches(examples: Sequence[Example], gap_ms: int) -> list[int]:
    """Where the stretch of each window begins, within its source."""
    by_source: dict[str, list[tuple[int, int]]] = {}
    for each in examples:
        by_source.setdefault(each.source_id, []).append((each.start_ms, each.end_ms))
    begins = {
        (source_id, *span): begin_ms
        for source_id, spans in by_source.items()
        for span, begin_ms in zip(spans, stretches_of(spans, gap_ms), strict=True)
    }
    return [begins[each.source_id, each.start_ms, each.end_ms] for each in examples]


def _recording(source_id: str, begin_ms: int) -> str:
    begin = datetime.fromtimestamp(begin_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return f"{source_id}/{begin.replace('+00:00', 'Z')}"

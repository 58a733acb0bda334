"""Which stored windows a person should look at next, with the reasons in words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from processors.models.spec import CONTRIBUTION_ORDER
from processors.models.suggestion import AnsweredWindows, Suggested, suggest
from streams.records import Detection
from streams.store import Store

__all__ = ["SuggestedWindow", "Suggestions", "suggest_windows"]

MOST_WINDOWS = 4_000
"""Answers that are weighed, the newest of each source: about 40 MB."""
_LEAST_OF_A_SOURCE = 20
_WORTH_SAYING = 0.05


@dataclass(frozen=True, slots=True)
class SuggestedWindow:
    """A window that somebody should look at.

    Attributes:
        detection: its answer.
        ranked: why.
        reasons: the same in words, the strongest first.
    """

    detection: Detection
    ranked: Suggested
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What was found.

    Attributes:
        windows: what teaches most first.
        weighed: how many windows without a verdict were compared.
        judged: how many windows with a verdict they were compared with.
        left_out: how many were not final, had no answer, or one of other models than the newest.
    """

    windows: tuple[SuggestedWindow, ...]
    weighed: int
    judged: int
    left_out: int


async def suggest_windows(
    store: Store, source_id: str | None, since_ms: int, limit: int, thresholds: Mapping[str, float]
) -> Suggestions:
    """Rank the final windows that have no verdict by what one would teach.

    Only answers of the models that made the newest one are compared: embeddings of other versions mean other things.

    Args:
        store: holds answers and verdicts.
        source_id: whose windows; None takes every source's.
        since_ms: earliest start, epoch milliseconds.
        limit: how many at most.
        thresholds: event class -> probability from which it counts as an event; one half where a class is not in it.

    Raises:
        DependencyUnavailable: Redis does not answer.
    """
    sources = [source_id] if source_id is not None else list(await store.sources())
    found: list[Detection] = []
    judged_ids: set[str] = set()
    share = max(_LEAST_OF_A_SOURCE, MOST_WINDOWS // max(1, len(sources)))
    for each in sources[: MOST_WINDOWS // _LEAST_OF_A_SOURCE]:
        found += await store.list_detections(each, since_ms, limit=share, newest=True)
        judged_ids |= (await store.verdicts.of_source(each)).keys()
    usable = _comparable([detection for detection in found if detection.final and detection.probabilities])
    judged = [detection for detection in usable if detection.id in judged_ids]
    waiting = [detection for detection in usable if detection.id not in judged_ids]
    return Suggestions(
        windows=tuple(islice(_ranked(waiting, judged, thresholds), limit)) if waiting else (),
        weighed=len(waiting),
        judged=len(judged),
        left_out=len(found) - len(usable),
    )


def _comparable(answers: Sequence[Detection]) -> list[Detection]:
    """Those that the models of the newest answer made."""
    if not answers:
        return []
    newest = max(answers, key=lambda detection: (detection.end_ms, detection.source_id))

    def is_like_newest(detection: Detection) -> bool:
        shared = detection.models.keys() & newest.models.keys()
        return (
            all(detection.models[name] == newest.models[name] for name in shared)
            and detection.probabilities.keys() == newest.probabilities.keys()
            and len(detection.embedding) == len(newest.embedding)
        )

    return [detection for detection in answers if is_like_newest(detection)]


def _ranked(
    waiting: Sequence[Detection], judged: Sequence[Detection], thresholds: Mapping[str, float]
) -> Iterator[SuggestedWindow]:
    classes = tuple(waiting[0].probabilities)
    dim = len(waiting[0].embedding)
    cuts = np.array([thresholds.get(name, 0.5) for name in classes])
    windows = AnsweredWindows(
        np.array([[detection.probabilities[name] for name in classes] for detection in waiting]),
        np.array([_contributions(detection, classes) for detection in waiting]),
        np.array([detection.embedding for detection in waiting]),
    )
    looked_at = np.array([detection.embedding for detection in judged]).reshape(-1, dim)
    for number, one in enumerate(suggest(windows, cuts, looked_at)):
        detection = waiting[one.index]
        is_compared = bool(number or len(judged))
        yield SuggestedWindow(detection, one, _reasons(detection, one, classes, cuts.tolist(), is_compared=is_compared))


def _contributions(detection: Detection, classes: Sequence[str]) -> list[list[float]]:
    return [
        [detection.contributions.get(modality, {}).get(name, 0.0) for name in classes]
        for modality in CONTRIBUTION_ORDER
    ]


def _reasons(
    detection: Detection, one: Suggested, classes: Sequence[str], thresholds: Sequence[float], *, is_compared: bool
) -> tuple[str, ...]:
    doubted, disputed = classes[one.uncertain_class], classes[one.disputed_class]
    probability, threshold = detection.probabilities[doubted], thresholds[one.uncertain_class]
    reasons = [(one.uncertainty, f"unsure of {doubted}: {probability:.2f}, an event from {threshold:.2f} on")]
    if one.disagreement >= _WORTH_SAYING:
        pulls = {modality: pull.get(disputed, 0.0) for modality, pull in detection.contributions.items()}
        most, least = max(pulls, key=lambda m: pulls[m]), min(pulls, key=lambda m: pulls[m])
        said = f"{most} speaks for {disputed} ({pulls[most]:+.2f}), {least} against it ({pulls[least]:+.2f})"
        reasons.append((one.disagreement, said))
    if is_compared:
        likeness = "like one" if one.novelty < _WORTH_SAYING else "unlike all"
        said = f"{likeness} with a verdict or above it (distance {one.novelty:.2f} of 1)"
        reasons.append((one.novelty, said))
    return tuple(text for _, text in sorted(reasons, key=lambda reason: -reason[0]))

"""What must hold after every scenario. Each fault says which promise was broken, and by what mechanism."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from streams.records import Detection
from streams.store import BaselineAbout
from streams.worker.source_normal import chained
from tests.chaos.oracle import Expected
from tests.chaos.reading import Held, Origin

__all__ = ["Seen", "origin_of_letter", "undisturbed_folds", "verify"]

_SHOWN = 5


@dataclass
class Seen:
    """What came of the records.

    Attributes:
        stored: id -> the store's answer.
        told: everything on the detections topic, in order.
        letters: everything in the dead letters.
        lags: partitions whose end the group has not committed, and by how much.
        told_before_loss: ids that had been told as final before the store was lost.
        learned: source -> what its stored baseline says of the windows that it learned.
    """

    stored: dict[str, Detection]
    told: list[Detection]
    letters: list[Held]
    lags: Mapping[object, int]
    told_before_loss: Collection[str] = field(default_factory=set)
    learned: Mapping[str, BaselineAbout] = field(default_factory=dict)


def verify(expected: Expected, seen: Seen, *, past_may_be_absent: bool) -> list[str]:
    """Compare what came with what had to come.

    Args:
        past_may_be_absent: whether windows told as final before the store was lost may be absent or smaller there.

    Returns:
        One line per promise that was broken; none if all hold.
    """
    excused = set(seen.told_before_loss) if past_may_be_absent else set()
    faults = [
        *_windows(expected, seen, excused),
        *_told(expected, seen, excused),
        *_letters(expected, seen),
        *_position(seen),
        *_learned(seen),
    ]
    return [fault for fault in faults if fault]


def origin_of_letter(letter: Held) -> Origin:
    """Where the dead letter's record lies."""
    headers = letter.headers
    return (
        headers["braid_origin_topic"].decode(),
        int(headers["braid_origin_partition"]),
        int(headers["braid_origin_offset"]),
    )


def _windows(expected: Expected, seen: Seen, excused: set[str]) -> Iterable[str]:
    due = expected.windows.keys() - excused
    yield _fault(
        "windows lost: not in the store, although their items are in Kafka; the position moved over items whose "
        "windows were not final, or was not taken back with the store",
        due - seen.stored.keys(),
    )
    yield _fault(
        "windows stored that never became final: nobody sealed them, or their seal was forgotten in a take-over",
        [window for window in due & seen.stored.keys() if not seen.stored[window].final],
    )
    yield _fault(
        "windows that no item in time makes: a late, poison or aborted item was taken for a good one, as when it is "
        "read again without the watermarks of its time",
        seen.stored.keys() - expected.windows.keys(),
    )
    smaller, larger, doubled = [], [], []
    for window in sorted(due & seen.stored.keys()):
        detection, items = seen.stored[window], expected.windows[window]
        listed = _listed(detection)
        ids = [expected.item_of.get(origin, f"not a good item: {origin}") for origin in listed]
        covered = detection.coverage
        counted = covered.video.items + covered.audio.items + covered.transcript.items
        if missing := items - set(ids):
            smaller.append(f"{window} lacks {len(missing)} of {len(items)}: {sorted(missing)[:2]}")
        if surplus := set(ids) - items:
            larger.append(f"{window} has {sorted(surplus)[:2]}")
        if len(ids) != len(set(ids)) or counted != len(ids):
            doubled.append(f"{window} lists {len(ids)} records of {len(set(ids))} items, and counts {counted}")
    yield _fault(
        "windows with less than their items: a part of the window was made final by a worker that had read only that "
        "part, or a newer answer was overwritten by less",
        smaller,
    )
    yield _fault("windows with more than their items: what was late, poison or aborted went into them", larger)
    yield _fault("windows in which an item counts twice: its second copy was not known as a duplicate", doubled)


def _told(expected: Expected, seen: Seen, excused: set[str]) -> Iterable[str]:
    finals: dict[str, list[Detection]] = defaultdict(list)
    for detection in seen.told:
        if detection.final:
            finals[detection.id].append(detection)
    yield _fault(
        "windows never told as final: the worker ended between the store's acknowledgement and the record, and its "
        "successor took the window for done",
        expected.windows.keys() - finals.keys(),
    )
    due = expected.windows.keys() - excused
    yield _fault(
        "windows told as final otherwise than they are stored: told before the store had acknowledged, or told by a "
        "worker that had been fenced",
        [window for window in due & finals.keys() & seen.stored.keys() if seen.stored[window] not in finals[window]],
    )
    yield _fault(
        "windows told as final with different items: a listener that drops repeats hears two final answers",
        [
            window
            for window, answers in finals.items()
            if window not in excused and len({answer.digest for answer in answers}) > 1
        ],
    )


def _letters(expected: Expected, seen: Seen) -> Iterable[str]:
    letters: dict[Origin, list[Held]] = defaultdict(list)
    for letter in seen.letters:
        letters[origin_of_letter(letter)].append(letter)
    due = dict.fromkeys(expected.late, "late") | expected.poison
    yield _fault(
        "poison or late records without a dead letter: the position moved before the letter was acknowledged, or a "
        "late item, read again, was taken for one in time",
        [f"{origin}: {code}" for origin, code in due.items() if origin not in letters],
    )
    yield _fault(
        "dead letters with another code than the fault of their record",
        [
            f"{origin}: {letter.headers['braid_error_code'].decode()}, expected {due[origin]}"
            for origin in letters.keys() & due.keys()
            for letter in letters[origin]
            if letter.headers["braid_error_code"].decode() != due[origin]
        ],
    )
    yield _fault(
        "dead letters without the bytes of their record",
        [
            f"{origin}"
            for origin, copies in letters.items()
            if origin in expected.records and any(copy.value != expected.records[origin].value for copy in copies)
        ],
    )
    yield _fault(
        "good items in the dead letters: they were in time, and were judged late or poison because of what somebody "
        "else did, or because of a fault of a server",
        [
            f"{origin}: {letters[origin][0].headers['braid_error_message'].decode()}"
            for origin in letters.keys() - due.keys() - expected.duplicates
        ],
    )


def _position(seen: Seen) -> Iterable[str]:
    yield _fault(
        "partitions whose end is not committed although everything is final: a record is held for ever, or the end of "
        "a transaction is not stepped over",
        [f"{partition}: {lag} left" for partition, lag in seen.lags.items()],
    )


def undisturbed_folds(stored: Iterable[Detection]) -> dict[str, BaselineAbout]:
    """Source -> which windows a fold over its final answers learns: each once, in order of start, without overlap."""
    folds: dict[str, BaselineAbout] = defaultdict(BaselineAbout)
    for detection in sorted(stored, key=lambda answer: (answer.start_ms, answer.end_ms)):
        if detection.final and detection.failed is None:
            before = folds[detection.source_id]
            if before.learned_to_ms is not None and detection.start_ms < before.learned_to_ms:
                continue
            folds[detection.source_id] = BaselineAbout(
                learned=before.learned + 1,
                digest=chained(before.digest, detection.id),
                learned_to_ms=detection.end_ms,
            )
    return dict(folds)


def _learned(seen: Seen) -> Iterable[str]:
    wrong = []
    for source_id, fold in undisturbed_folds(seen.stored.values()).items():
        about = seen.learned.get(source_id, BaselineAbout())
        if (about.learned, about.digest) != (fold.learned, fold.digest):
            wrong.append(f"{source_id} learned {about.learned} windows to {about.through_ms}, not {fold.learned}")
    yield _fault(
        "baselines that did not learn the final windows once each and in order: one was learned twice after a "
        "take-over, or skipped, or features were dropped before a snapshot held what was learned from them",
        wrong,
    )


def _listed(detection: Detection) -> list[Origin]:
    return [
        (part.topic, part.partition, offset)
        for part in detection.items
        for offset in range(part.first_offset, part.last_offset + 1)
    ]


def _fault(promise: str, entries: Collection[str]) -> str:
    if not entries:
        return ""
    shown = "; ".join(str(entry) for entry in sorted(entries)[:_SHOWN])
    return f"{len(entries)} {promise}. {shown}{' …' if len(entries) > _SHOWN else ''}"

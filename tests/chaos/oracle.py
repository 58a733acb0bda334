"""What must come of the records in the log, by brute force from the definitions in `docs/explanation/event-time.md`.

It holds where nothing is idle while items are in doubt, so that no outcome depends on how partitions interleave: an
item is then late for a window exactly if its own modality's watermark before it had reached the window's end plus the
allowed lateness. Records are read as `docs/how-to/producers.md` says, with CloudEvents headers or without. Nothing of
`streams.align` is used, nor of `streams.records`.
"""

import io
import json
import wave
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from streams.settings import WindowSettings
from tests.chaos.producers import MARK, Kind
from tests.chaos.reading import Held, Origin

__all__ = ["Expected", "expect"]

_VALID_HEADER = ("video.", "audio.", "transcript.", "encode.")


@dataclass
class Expected:
    """What must come of the records.

    Attributes:
        windows: id of each final window -> ids of its items.
        item_of: where a good item lies, duplicates included -> its id.
        poison: where a poison record lies -> the code that it must be dead-lettered with.
        late: where an item lies that is late for all of its windows.
        duplicates: where second items with an id lie.
        source_ends: source -> end of its last window.
        records: all there are.
    """

    windows: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    item_of: dict[Origin, str] = field(default_factory=dict)
    poison: dict[Origin, str] = field(default_factory=dict)
    late: set[Origin] = field(default_factory=set)
    duplicates: set[Origin] = field(default_factory=set)
    source_ends: dict[str, int] = field(default_factory=dict)
    records: dict[Origin, Held] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Item:
    item_id: str
    source_id: str
    start_ms: int
    end_ms: int


def expect(records: Iterable[Held], windows: WindowSettings) -> Expected:
    """Work out the windows, the late and the poison.

    Args:
        records: of the three media topics, each partition in order.
        windows: in force for all sources.
    """
    expected = Expected()
    watermarks: dict[tuple[str, str], int] = {}
    seen: set[str] = set()
    for record in records:
        expected.records[record.origin] = record
        kind, _, code = record.headers[MARK].decode().partition(":")
        if kind == Kind.POISON:
            expected.poison[record.origin] = code
            if not code.startswith(_VALID_HEADER):
                continue
        item = _read(record)
        key = item.source_id, record.topic
        before_ms = watermarks.get(key)
        counted_ms = min(item.end_ms, record.timestamp_ms) - windows.out_of_orderness_ms
        watermarks[key] = counted_ms if before_ms is None else max(before_ms, counted_ms)
        if kind in (Kind.POISON, Kind.HEARTBEAT):
            continue
        _place(expected, item, record.origin, before_ms, windows, is_second=item.item_id in seen)
        seen.add(item.item_id)
    return expected


def _place(
    expected: Expected, item: _Item, origin: Origin, before_ms: int | None, windows: WindowSettings, *, is_second: bool
) -> None:
    expected.item_of[origin] = item.item_id
    if is_second:
        expected.duplicates.add(origin)
        return
    is_placed = False
    for start_ms in _all_starts(item, windows):
        end_ms = start_ms + windows.size_ms
        if before_ms is not None and before_ms >= end_ms + windows.allowed_lateness_ms:
            continue
        is_placed = True
        expected.windows[f"{item.source_id}/{start_ms}/{windows.size_ms}"].add(item.item_id)
        expected.source_ends[item.source_id] = max(end_ms, expected.source_ends.get(item.source_id, end_ms))
    if not is_placed:
        expected.late.add(origin)


def _all_starts(item: _Item, windows: WindowSettings) -> list[int]:
    """Every window is looked at that could have to do with the item."""
    nearest = item.start_ms // windows.hop_ms * windows.hop_ms
    around = range(nearest - 2 * windows.size_ms, item.end_ms + 2 * windows.size_ms, windows.hop_ms)
    if item.start_ms == item.end_ms:
        return [start for start in around if start <= item.start_ms < start + windows.size_ms]
    return [start for start in around if start < item.end_ms and item.start_ms < start + windows.size_ms]


def _read(record: Held) -> _Item:
    text = {name: value.decode() for name, value in record.headers.items() if name.startswith("ce_")}
    if not text:
        place_id = f"{record.topic}-{record.partition}-{record.offset}"
        start_ms = record.timestamp_ms
        return _Item(place_id, record.key.decode(), start_ms, start_ms + _own_length_ms(record.value))
    start_ms = round(datetime.fromisoformat(text["ce_time"]).timestamp() * 1000)
    item_id = "|".join((record.topic, text["ce_source"], text["ce_id"], text["ce_time"]))
    return _Item(item_id, record.key.decode(), start_ms, start_ms + int(text.get("ce_durationms", "0")))


def _own_length_ms(payload: bytes) -> int:
    """What a bare payload tells of its length: a WAV file's header, and words in JSON; a broken one lasts no time."""
    if payload.startswith(b"RIFF"):
        with wave.open(io.BytesIO(payload)) as sound:
            return sound.getnframes() * 1000 // sound.getframerate()
    if payload.startswith(b"{"):
        return int(json.loads(payload).get("duration_ms", 0))
    return 0

"""Whether a record costs the same however many sources there are: the aligner's path, without Kafka.

With more sources each brings less and its windows are longer, with less lateness allowed, so that records, windows,
records in a window and windows held are the same in all: 48 records and 8 windows a second of event time. The time is
that of the processor, which nobody else's work is part of.
"""

import gc
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from time import process_time
from typing import Any

from aiokafka import ConsumerRecord

from processors.modality import Modality
from streams.align import AlignSettings
from streams.records import (
    EncodedRecord,
    ItemLimits,
    encode_audio_chunk,
    encode_transcript_segment,
    encode_video_frame,
)
from streams.worker.heap import settle_heap
from streams.worker.record_path import RecordPath
from tests.bench.figures import Figure
from tests.bench.outcome import SealedWindows

__all__ = ["measure_growth"]

SOURCES = (1, 8, 64, 512)
ROUNDS = 5
RECORDS = 61_440
RECORDS_PER_SECOND, WINDOWS_PER_SECOND = 48, 8
HELD_MS = 160_000  # from a window's start to its seal
BASE_MS = 1_767_268_800_000
FETCH, BLOCK = 500, 64
TOPICS = {f"braid.{modality}": modality for modality in Modality}
MOVE_EVERY = 32_768  # records: about as many as a worker aligns between two moves of its position


class Unread:
    """Records of each topic that were not fetched yet."""

    def __init__(self, records: dict[str, list[ConsumerRecord]]) -> None:
        self._left = {topic: iter(of_topic) for topic, of_topic in records.items()}
        self._counts = {topic: len(of_topic) for topic, of_topic in records.items()}

    def fetch(self, topic: str) -> list[ConsumerRecord]:
        batch = list(islice(self._left[topic], FETCH))
        self._counts[topic] -= len(batch)
        return batch

    def has_unread(self, topic: str) -> bool:
        return self._counts[topic] > 0

    def fetched_ms(self, topic: str) -> int:
        return 0

    def is_caught_up(self) -> bool:
        return False

    def position(self, topic: str) -> int | None:
        return None

    def end(self, topic: str) -> int | None:
        return None


async def measure_growth() -> tuple[list[Figure], dict[str, Any]]:
    rates: dict[int, list[float]] = {sources: [] for sources in SOURCES}
    windows: dict[int, int] = {}
    for _ in range(ROUNDS):
        for sources in SOURCES:
            rate, windows[sources] = _round(sources)
            rates[sources].append(rate)
    expected = RECORDS / RECORDS_PER_SECOND * WINDOWS_PER_SECOND
    if any(count < 0.7 * expected for count in windows.values()):
        raise SystemExit(f"windows sealed: {windows}; expected nearly {expected:g} of each")
    figures = [Figure(f"{sources} sources", found, "records/s") for sources, found in rates.items()]
    slowest = [min(of_round) / max(of_round) for of_round in zip(*rates.values(), strict=True)]
    figures.append(Figure("slowest / fastest", slowest, at_least=0.8))
    return figures, {"windows": windows}


def _round(sources: int) -> tuple[float, int]:
    hop_ms = 1_000 * sources // WINDOWS_PER_SECOND
    size_ms, out_of_orderness_ms = 2 * hop_ms, hop_ms // 4
    settings = AlignSettings(
        size_ms=size_ms,
        hop_ms=hop_ms,
        out_of_orderness_ms=out_of_orderness_ms,
        allowed_lateness_ms=HELD_MS - size_ms - out_of_orderness_ms,
        idle_timeout_ms=2 * HELD_MS,
        max_open_ms=4 * HELD_MS,
    )
    records: dict[str, list[ConsumerRecord]] = {topic: [] for topic in TOPICS}
    for record in _records(sources):
        records[record.topic].append(record)
    windows = SealedWindows(TOPICS, dict.fromkeys(TOPICS, 0), Counter())
    path = RecordPath(
        TOPICS,
        ItemLimits(),
        windows.position,
        lambda _: settings,
        windows,
        remembered_sources=10_000,
        wall_ms=lambda: 2 * BASE_MS,
        monotonic_ms=lambda: 0,
    )
    unread = Unread(records)
    settle_heap()
    begun_s = process_time()
    count = moved = 0
    while count < RECORDS:
        for topic in path.wanted_topics:
            path.accept(topic, unread.fetch(topic), 0)
        while step := path.process(unread, BLOCK):
            count += step
        if count - moved >= MOVE_EVERY and (move := windows.position.next_move()):
            windows.position.acknowledge(move)
            moved = count
    seconds = process_time() - begun_s
    gc.unfreeze()
    if windows.counts["late"]:
        raise SystemExit(f"nothing here is late, but {windows.counts['late']} records are")
    return count / seconds, windows.counts["windows"]


def _records(sources: int) -> Iterator[ConsumerRecord]:
    """In order of time: the sources take turns, and each its modalities; nothing is shared between two records."""
    offsets = dict.fromkeys(TOPICS, 0)
    topics = list(TOPICS)
    for number in range(RECORDS):
        source, turn = number % sources, number // sources
        topic = topics[turn % len(topics)]
        source_id, at_ms = f"camera-{source:03}", BASE_MS + number * 1_000 // RECORDS_PER_SECOND
        made = _encode(TOPICS[topic], source_id, f"{turn}", at_ms)
        headers = tuple((name.encode().decode(), bytes(bytearray(content))) for name, content in made.headers)
        key = bytes(bytearray(made.key))
        yield ConsumerRecord(
            topic, 0, offsets[topic], at_ms, 0, key, made.value, None, len(key), len(made.value), headers
        )
        offsets[topic] += 1


def _encode(modality: Modality, source_id: str, event_id: str, start_ms: int) -> EncodedRecord:
    """Points: what overlaps the edge of a window would cost more where windows are short."""
    if modality is Modality.VIDEO:
        return encode_video_frame(source_id, event_id, start_ms, b"jpeg")
    if modality is Modality.AUDIO:
        return encode_audio_chunk(source_id, event_id, start_ms, bytes(2), sample_rate_hz=16_000)
    return encode_transcript_segment(source_id, event_id, start_ms, b'{"text": "gate"}', duration_ms=0)

"""`python -m tests.bench.align_path`: what a record costs from the consumer to its place in windows, without Kafka.

Every stage runs over 64 records at a time, as a worker's batch; the figures are microseconds per record, the median of
rounds. The records are like fetched ones: made just before, and no two share an object, so nothing is hashed or decoded
beforehand.
"""

import gc
import io
import statistics
import sys
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter

from aiokafka import ConsumerRecord
from rich.console import Console

from processors.modality import Modality
from streams.align import Aligner, AlignSettings, Placement, WindowSealed, counted_end_ms
from streams.records import (
    EncodedRecord,
    Item,
    ItemLimits,
    encode_audio_chunk,
    encode_transcript_segment,
    encode_video_frame,
    parse_item,
)
from streams.worker.merge import PartitionMerge
from streams.worker.offsets import OffsetTracker
from streams.worker.read_clock import PartitionClock

__all__ = ["measure"]

RECORDS = 40_000
ROUNDS = 5
SOURCES = 64
BLOCK = 64
OUT_OF_ORDERNESS_MS = AlignSettings().out_of_orderness_ms
FETCH = 500
BASE_MS = 1_767_268_800_000
TOPICS = {f"braid.{modality}": modality for modality in Modality}
# Windows of four seconds hold four frames, four seconds of sound and two sentences.
SPACING_MS = {Modality.VIDEO: 1_000, Modality.AUDIO: 1_000, Modality.TRANSCRIPT: 2_000}
PCM = bytes(2 * 16_000)
SENTENCE = b'{"text": "the gate is open", "duration_ms": 900, "language": "en"}'


def wav() -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(PCM)
    return held.getvalue()


def encode(modality: Modality, source_id: str, number: int, start_ms: int) -> EncodedRecord:
    event_id = f"{modality}-{number}"
    if modality is Modality.VIDEO:
        return encode_video_frame(source_id, event_id, start_ms, b"jpeg")
    if modality is Modality.AUDIO:
        return encode_audio_chunk(source_id, event_id, start_ms, PCM, sample_rate_hz=16_000)
    return encode_transcript_segment(source_id, event_id, start_ms, SENTENCE, duration_ms=900)


BARE_PAYLOADS = {Modality.VIDEO: b"jpeg", Modality.AUDIO: wav(), Modality.TRANSCRIPT: SENTENCE}


def fetch(topic: str, *, is_bare: bool) -> Iterator[ConsumerRecord]:
    """A topic of one partition, by time; bare records have no headers, and the time of Kafka."""
    modality = TOPICS[topic]
    per_second = SOURCES * sum(1_000 / spacing_ms for spacing_ms in SPACING_MS.values())
    offset = 0
    for number in range(int(RECORDS / per_second * 1_000 / SPACING_MS[modality])):
        for source in range(SOURCES):
            start_ms = BASE_MS + number * SPACING_MS[modality] + source * 13
            made = encode(modality, f"camera-{source:03}", number, start_ms)
            key, value, headers, timestamp_ms = made.key, made.value, made.headers, start_ms + 1_000
            if is_bare:
                value, headers, timestamp_ms = BARE_PAYLOADS[modality], (), start_ms
            key = bytes(bytearray(key))
            headers = tuple((name.encode().decode(), bytes(bytearray(content))) for name, content in headers)
            yield ConsumerRecord(topic, 0, offset, timestamp_ms, 0, key, value, None, 0, len(value), headers)
            offset += 1


@dataclass
class Path:
    """A worker's partition without encoding and answers: a window is final as soon as it is sealed."""

    unread: dict[str, Iterator[ConsumerRecord]]
    seconds: dict[str, float] = field(default_factory=dict)
    windows: int = 0

    def __post_init__(self) -> None:
        self.merge = PartitionMerge(TOPICS)
        self.trackers = {topic: OffsetTracker() for topic in TOPICS}
        self.clock = PartitionClock()
        self.aligner: Aligner[Item] = Aligner(lambda _: AlignSettings())
        self.pending: dict[Item, int] = {}

    def run(self) -> int:
        count = 0
        while self.unread:
            for topic in set(self.merge.wanted) & set(self.unread):
                batch = list(islice(self.unread[topic], FETCH))
                self.merge.extend(topic, batch)
                if len(batch) < FETCH:
                    del self.unread[topic]
            while step := self.block(self.unread.__contains__):
                count += step
        return count

    def block(self, has_unread) -> int:
        at_s, count = perf_counter(), 0
        for name, walked in self.stages(has_unread):
            count = walked
            now_s = perf_counter()
            self.seconds[name] = self.seconds.get(name, 0.0) + now_s - at_s
            at_s = now_s
        return count

    def stages(self, has_unread) -> Iterator[tuple[str, int]]:
        records = list(islice(self.merge.pop_ready(has_unread), BLOCK))
        yield "merge", len(records)
        trackers = self.trackers
        records = [record for record in records if trackers[record.topic].is_new(record.offset)]
        yield "track", len(records)
        limits = ItemLimits()
        items = [parse_item(record, TOPICS[record.topic], limits) for record in records]
        yield "parse", len(records)
        for record, item in zip(records, items, strict=True):
            trackers[record.topic].add(record.offset, item.source_id, counted_end_ms(item) - OUT_OF_ORDERNESS_MS)
        yield "mark", len(records)
        clock = self.clock
        readings = [clock.observe(record.timestamp, wall_ms=BASE_MS * 2) for record in records]
        yield "clock", len(records)
        add = self.aligner.add
        placements = [add(item, reading) for item, reading in zip(items, readings, strict=True)]
        yield "add", len(records)
        reading = clock.read(caught_up=False, wall_ms=BASE_MS * 2, monotonic_ms=0)
        events = [] if reading is None else self.aligner.advance(reading)
        yield "advance", len(records)
        self.settle(items, placements, events)
        yield "done", len(records)

    def settle(self, items: list[Item], placements: list[Placement[Item]], events: list[object]) -> None:
        pending, trackers = self.pending, self.trackers
        for item, placement in zip(items, placements, strict=True):
            pending[item] = len(placement.windows)
        for event in events:
            if isinstance(event, WindowSealed):
                self.windows += 1
                for item in event.window.items.values():
                    pending[item] -= 1
                    if not pending[item]:
                        del pending[item]
                        trackers[item.topic].done(item.offset)
        for tracker in trackers.values():
            _ = tracker.position


def measure(*, is_bare: bool) -> dict[str, float]:
    """Microseconds per record, by stage."""
    rounds = []
    for _ in range(ROUNDS):
        path = Path({topic: fetch(topic, is_bare=is_bare) for topic in TOPICS})
        gc.collect()
        count = path.run()
        if path.windows < count / 10:
            sys.exit(f"{path.windows} windows were sealed of {count} records: the path was not walked")
        rounds.append({name: seconds / count * 1e6 for name, seconds in path.seconds.items()})
    found = {name: statistics.median(entry[name] for entry in rounds) for name in rounds[0]}
    return found | {"all": statistics.median(sum(entry.values()) for entry in rounds)}


if __name__ == "__main__":
    console = Console()
    for name, is_bare in (("CloudEvents", False), ("bare", True)):
        figures = measure(is_bare=is_bare)
        text = "  ".join(f"{stage} {us:.2f}" for stage, us in figures.items())
        console.print(f"{name:12} {text}", highlight=False, soft_wrap=True)

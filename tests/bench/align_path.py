"""`python -m tests.bench.align_path`: what a record costs from the consumer to its place in windows, without Kafka.

Every stage runs over 64 records at a time, as a worker's batch; the figures are microseconds per record, the median of
rounds. The records are like fetched ones: no two share an object, so nothing is hashed or decoded beforehand.
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
from streams.align import Aligner, AlignSettings, Placement, WindowSealed
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


def fetched(*, is_bare: bool) -> dict[str, list[ConsumerRecord]]:
    """The topics of one partition, by time; bare records have no headers, and the time of Kafka."""
    bare_payloads = {Modality.VIDEO: b"jpeg", Modality.AUDIO: wav(), Modality.TRANSCRIPT: SENTENCE}
    per_second = SOURCES * sum(1_000 / spacing_ms for spacing_ms in SPACING_MS.values())
    topics = {}
    for topic, modality in TOPICS.items():
        records = topics[topic] = []
        for number in range(int(RECORDS / per_second * 1_000 / SPACING_MS[modality])):
            for source in range(SOURCES):
                start_ms = BASE_MS + number * SPACING_MS[modality] + source * 13
                made = encode(modality, f"camera-{source:03}", number, start_ms)
                value = bare_payloads[modality] if is_bare else made.value
                headers = [] if is_bare else [(name.encode().decode(), bytes(bytearray(v))) for name, v in made.headers]
                key, offset = bytes(bytearray(made.key)), len(records)
                timestamp_ms = start_ms if is_bare else start_ms + 1_000
                records.append(
                    ConsumerRecord(topic, 0, offset, timestamp_ms, 0, key, value, None, 0, len(value), tuple(headers))
                )
    return topics


@dataclass
class Path:
    """A worker's partition without encoding and answers: a window is final as soon as it is sealed."""

    topics: dict[str, list[ConsumerRecord]]
    seconds: dict[str, float] = field(default_factory=dict)
    windows: int = 0

    def __post_init__(self) -> None:
        self.merge = PartitionMerge(TOPICS)
        self.trackers = {topic: OffsetTracker() for topic in TOPICS}
        self.clock = PartitionClock()
        self.aligner: Aligner[Item] = Aligner(lambda _: AlignSettings())
        self.pending: dict[Item, int] = {}

    def run(self) -> int:
        unread = {topic: iter(records) for topic, records in self.topics.items()}
        left = {topic: len(records) for topic, records in self.topics.items()}
        count = 0
        while any(left.values()) or not self.merge.is_empty:
            for topic in self.merge.wanted:
                batch = list(islice(unread[topic], FETCH))
                left[topic] -= len(batch)
                self.merge.extend(topic, batch)
            while step := self.block(lambda topic: left[topic] > 0):
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
        records = [record for record in records if trackers[record.topic].add(record.offset)]
        yield "track", len(records)
        limits = ItemLimits()
        items = [parse_item(record, TOPICS[record.topic], limits) for record in records]
        yield "parse", len(records)
        clock, readings = self.clock, []
        for record in records:
            clock.observe(record.timestamp)
            readings.append(clock.read(caught_up=False, wall_ms=BASE_MS * 2, monotonic_ms=0))
        yield "clock", len(records)
        add = self.aligner.add
        placements = [add(item, reading) for item, reading in zip(items, readings, strict=True)]
        yield "add", len(records)
        events = self.aligner.advance(clock.read(caught_up=False, wall_ms=BASE_MS * 2, monotonic_ms=0))
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
        path = Path(fetched(is_bare=is_bare))
        gc.collect()
        gc.freeze()
        count = path.run()
        gc.unfreeze()
        if path.windows < count / 10:
            sys.exit(f"{path.windows} windows were sealed of {count} records: the path was not walked")
        rounds.append({name: seconds / count * 1e6 for name, seconds in path.seconds.items()})
    found = {name: statistics.median(entry[name] for entry in rounds) for name in rounds[0]}
    return found | {"all": statistics.median(sum(entry.values()) for entry in rounds)}


if __name__ == "__main__":
    console = Console()
    for name, is_bare in (("CloudEvents", False), ("bare", True)):
        figures = measure(is_bare=is_bare)
        console.print(f"{name:12}" + "  ".join(f"{stage} {us:.2f}" for stage, us in figures.items()), highlight=False)

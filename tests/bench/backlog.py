"""A backlog for windows alone: 64 sources, three modalities, some of it out of order and some of it late.

What must come out is known beforehand: nothing straddles a window's edge, what is out of order is so by less than every
tolerance, what is late by more than every tolerance.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from processors.modality import Modality
from streams.records import EncodedRecord, encode_audio_chunk, encode_transcript_segment, encode_video_frame
from streams.settings import Settings
from tests.bench.stack import producer

__all__ = ["ALLOWED_LATENESS_MS", "HOP_MS", "OUT_OF_ORDERNESS_MS", "SIZE_MS", "Backlog", "fill"]

SIZE_MS, HOP_MS = 4_000, 2_000
OUT_OF_ORDERNESS_MS, ALLOWED_LATENESS_MS = 500, 10_000
SOURCES = 64
SECONDS = 300
SPACING_MS = 200
DISPLACED_SHARE, DISPLACED_MS = 0.10, 300
LATE_SHARE, LATE_MS = 0.005, 30_000
FLUSH_MS = 20_000  # after the last record one more of each modality, which ends all windows before it
DELIVERY_MS = 100  # from event time to Kafka's
SENDS_WAITING = 20_000
TEXT = b'{"text": "the delivery for this morning has arrived at the dock; the gate is up!", "language": "en"}'
PAYLOADS = {Modality.VIDEO: b"\xff\xd8\xff" + bytes(1_021), Modality.AUDIO: bytes(512), Modality.TRANSCRIPT: TEXT}


@dataclass(frozen=True)
class Backlog:
    """What was written, and what must come out of it.

    Attributes:
        records: all of them.
        windows: that hold anything and are over when the backlog is.
        placements: places that records take in those windows.
        late: records that are late for all of their windows.
    """

    records: int
    windows: int
    placements: int
    late: int


async def fill(settings: Settings) -> Backlog:
    """Write the backlog to the topics of `settings`."""
    base_ms = (time.time_ns() // 10**6 - 2 * 1_000 * SECONDS) // HOP_MS * HOP_MS
    arrivals = sorted(_arrivals(base_ms), key=lambda arrival: arrival[0])
    windows: set[tuple[int, int]] = set()
    placements = late = 0
    async with producer(settings) as kafka:
        waiting = []
        for arrived_ms, source, modality, number, start_ms in arrivals:
            record = _encode(modality, f"camera-{source:03}", f"{modality}-{number}", start_ms)
            waiting.append(
                await kafka.send(
                    settings.kafka.topics.of(modality),
                    record.value,
                    key=record.key,
                    headers=list(record.headers),
                    timestamp_ms=arrived_ms + DELIVERY_MS,
                )
            )
            if len(waiting) == SENDS_WAITING:
                await asyncio.gather(*waiting)
                waiting.clear()
            if arrived_ms - start_ms == LATE_MS:
                late += 1
            elif number >= 0:
                last_ms = start_ms // HOP_MS * HOP_MS
                windows |= {(source, last_ms), (source, last_ms - HOP_MS)}
                placements += SIZE_MS // HOP_MS
        await asyncio.gather(*waiting)
    return Backlog(len(arrivals), len(windows), placements, late)


def _arrivals(base_ms: int) -> Iterator[tuple[int, int, Modality, int, int]]:
    """Arrival, source, modality, number and event time of each record; the number of what comes last is -1."""
    chance = random.Random(7)
    ticks = SECONDS * 1_000 // SPACING_MS
    for source in range(SOURCES):
        for modality in Modality:
            for number in range(ticks):
                start_ms = base_ms + number * SPACING_MS + 2 * source
                draw, delay_ms = chance.random(), 0
                if draw < LATE_SHARE:
                    # Towards the end nothing would come after it that makes it late.
                    delay_ms = LATE_MS if number < ticks - LATE_MS // SPACING_MS else 0
                elif draw < LATE_SHARE + DISPLACED_SHARE:
                    delay_ms = chance.randrange(DISPLACED_MS)
                yield start_ms + delay_ms, source, modality, number, start_ms
            flush_ms = base_ms + 1_000 * SECONDS + FLUSH_MS
            yield flush_ms, source, modality, -1, flush_ms


def _encode(modality: Modality, source_id: str, event_id: str, start_ms: int) -> EncodedRecord:
    payload = PAYLOADS[modality]
    if modality is Modality.VIDEO:
        return encode_video_frame(source_id, event_id, start_ms, payload)
    if modality is Modality.AUDIO:
        return encode_audio_chunk(source_id, event_id, start_ms, payload, sample_rate_hz=16_000)
    return encode_transcript_segment(source_id, event_id, start_ms, payload, duration_ms=50)

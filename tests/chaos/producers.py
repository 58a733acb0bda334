"""What the sources send, record by record: made from the plan and the seed, and the same for the same two."""

import io
import json
import random
import wave
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

import cv2
import numpy as np

from processors.modality import Modality
from streams.records import (
    EncodedRecord,
    encode_audio_chunk,
    encode_heartbeat,
    encode_transcript_segment,
    encode_video_frame,
)
from tests.chaos.schedule import Client, Scenario, SourcePlan

__all__ = ["MARK", "Kind", "Planned", "plan_records"]

MARK = "chaos"
"""The header that says what a record is, for whoever checks; Braid does not know it."""

_RATE_HZ = 8_000
_WORD_MS = 800
_OFF_BEAT_MS = 400  # what is bare begins between two windows, so that its own length decides where it belongs
_HEARTBEAT_MS = 500
_LATE_MS = (2_500, 7_000)
_SEALS_MS = 8_000  # ahead of all that was sent: size, lateness, out-of-orderness and the longest leap of a clock
_EDGE_MS = 3_000  # at both ends of a source nothing is poison: a window of poison alone has no oracle


class Kind(StrEnum):
    """What a record is."""

    GOOD = "good"
    HEARTBEAT = "heartbeat"
    POISON = "poison"
    DUPLICATE = "duplicate"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True)
class Planned:
    """One record to be sent.

    Attributes:
        due_ms: when it is sent, epoch milliseconds.
        timestamp_ms: its Kafka timestamp: when it is sent, but of a bare item its event time, which it has no header
            for. What kcat sends gets the true time of sending.
        is_transactional: whether it goes into a Kafka transaction.
        client: that sends it.
    """

    due_ms: int
    timestamp_ms: int
    modality: Modality
    record: EncodedRecord
    kind: Kind
    is_transactional: bool
    client: Client


@dataclass(frozen=True, slots=True)
class _Moment:
    """One item of a source before its fate is known: what, when it begins, when it is over."""

    modality: Modality
    start_ms: int
    end_ms: int


def plan_records(scenario: Scenario, prefix: str, epoch_ms: int) -> list[Planned]:
    """All records of a scenario in the order in which they are sent.

    Args:
        prefix: of every source id.
        epoch_ms: when the scenario begins; a multiple of a second.
    """
    planned: list[Planned] = []
    for number, plan in enumerate(scenario.sources):
        rng = random.Random(f"{scenario.seed}/{number}")
        planned += _Source(plan, f"{prefix}-{plan.name}", rng, epoch_ms).records()
    last_ms = max(entry.due_ms for entry in planned)
    for plan in scenario.sources:
        if not plan.vanishes:
            end_ms = epoch_ms + int(plan.begins_s * 1000) + plan.seconds * 1000
            planned += _last_heartbeats(plan, f"{prefix}-{plan.name}", end_ms, last_ms)
    return sorted(planned, key=lambda entry: entry.due_ms)


def _last_heartbeats(plan: SourcePlan, source_id: str, end_ms: int, last_ms: int) -> Iterator[Planned]:
    """Nothing is idle while late items still come; then one from the future, which seals all.

    Its Kafka timestamp is ahead of the clock, too, so that it counts in full.
    """
    for at_ms in (*range(end_ms, last_ms, _HEARTBEAT_MS), last_ms + _SEALS_MS):
        for modality in plan.modalities:
            yield _heartbeat(plan, source_id, modality, at_ms)


def _heartbeat(plan: SourcePlan, source_id: str, modality: Modality, at_ms: int) -> Planned:
    record = encode_heartbeat(modality, source_id, f"h{at_ms}", at_ms)
    marked = _marked(_bare(record) if plan.is_bare else record, Kind.HEARTBEAT)
    return Planned(at_ms, at_ms, modality, marked, Kind.HEARTBEAT, plan.is_transactional, plan.client)


class _Source:
    def __init__(self, plan: SourcePlan, source_id: str, rng: random.Random, epoch_ms: int) -> None:
        self._plan = plan
        self._source_id = source_id
        self._rng = rng
        self._begin_ms = epoch_ms + int(plan.begins_s * 1000)
        self._end_ms = self._begin_ms + plan.seconds * 1000

    def records(self) -> list[Planned]:
        planned: list[Planned] = []
        for modality in self._plan.modalities:
            moments = list(self._moments(modality))
            condemned = self._choose_condemned(moments)
            for moment in moments:
                planned += self._fate(moment, is_condemned=moment in condemned)
        if Modality.TRANSCRIPT in self._plan.modalities:
            planned += self._quiet_recogniser()
        return planned

    def _moments(self, modality: Modality) -> Iterator[_Moment]:
        step_ms = {
            Modality.VIDEO: 1000 // self._plan.frames_per_s,
            Modality.AUDIO: 1000,
            Modality.TRANSCRIPT: 3000,
        }[modality]
        length_ms = {Modality.VIDEO: 0, Modality.AUDIO: 1000, Modality.TRANSCRIPT: _WORD_MS}[modality]
        first_ms = self._begin_ms + (_OFF_BEAT_MS if self._plan.is_bare else 0)
        for at_ms in range(first_ms, self._end_ms - length_ms + 1, step_ms):
            shift_ms = self._rng.randrange(100) if modality is Modality.VIDEO else 0
            if at_ms + shift_ms < self._end_ms:
                yield _Moment(modality, at_ms + shift_ms, at_ms + shift_ms + length_ms)

    def _choose_condemned(self, moments: list[_Moment]) -> set[_Moment]:
        inner = [moment for moment in moments if not self._is_edge(moment) and moment.modality is not Modality.AUDIO]
        return set(self._rng.sample(inner, min(self._plan.condemned, len(inner))))

    def _fate(self, moment: _Moment, *, is_condemned: bool) -> Iterator[Planned]:
        faults, due_ms = self._plan.faults, moment.end_ms
        event_ms = self._event_ms(moment)
        if is_condemned:
            yield self._planned(due_ms, moment, self._condemned(moment), Kind.POISON, "encode.failed")
            return
        item = self._item(moment.modality, moment.start_ms, event_ms)
        chance = self._rng.random()
        late_ms = due_ms + self._rng.randint(*_LATE_MS)
        if chance < faults.poison and not self._is_edge(moment):
            record, code = self._poison(moment, item)
            yield self._planned(due_ms, moment, record, Kind.POISON, code)
            yield self._heartbeat(moment.modality, due_ms)
        elif chance < faults.poison + faults.late and late_ms < self._end_ms:
            yield self._planned(late_ms, moment, item, Kind.GOOD)
            yield self._heartbeat(moment.modality, due_ms)
        else:
            yield self._planned(due_ms, moment, item, Kind.GOOD)
            if chance > 1 - faults.duplicate:
                yield self._planned(due_ms + self._rng.randint(1, 900), moment, item, Kind.DUPLICATE)
        if self._plan.is_transactional and self._rng.random() < 0.2:
            aborted = replace(item, headers=_with(item, "ce_id", b"aborted-%d" % event_ms))
            yield self._planned(due_ms + 1, moment, aborted, Kind.ABORTED)

    def _item(self, modality: Modality, true_ms: int, event_ms: int) -> EncodedRecord:
        record = self._full_item(modality, true_ms, event_ms)
        return _bare(record) if self._plan.is_bare else record

    def _full_item(self, modality: Modality, true_ms: int, event_ms: int) -> EncodedRecord:
        """Its id tells the true time, its event time what the producer's clock says."""
        if modality is Modality.VIDEO:
            return encode_video_frame(self._source_id, f"v{true_ms}", event_ms, _picture(true_ms // 250 % 50))
        if modality is Modality.AUDIO:
            pcm = _sound(true_ms // 1000 % 10)
            return encode_audio_chunk(self._source_id, f"a{true_ms}", event_ms, pcm, sample_rate_hz=_RATE_HZ)
        return self._segment(true_ms, event_ms, f"all is well at {true_ms // 1000}")

    def _segment(self, true_ms: int, event_ms: int, text: str) -> EncodedRecord:
        body = json.dumps({"text": text}).encode()
        return encode_transcript_segment(self._source_id, f"t{true_ms}", event_ms, body, duration_ms=_WORD_MS)

    def _condemned(self, moment: _Moment) -> EncodedRecord:
        """Decodes well, and no model takes it."""
        record = self._segment(moment.start_ms, moment.start_ms, "the unspeakable")
        if moment.modality is Modality.VIDEO:
            record = encode_video_frame(self._source_id, f"v{moment.start_ms}", moment.start_ms, _magenta())
        return _bare(record) if self._plan.is_bare else record

    def _poison(self, moment: _Moment, item: EncodedRecord) -> tuple[EncodedRecord, str]:
        decode = {
            Modality.VIDEO: (b"not a picture", "video.format"),
            Modality.AUDIO: (item.value[:-1], "audio.truncated"),
            Modality.TRANSCRIPT: (b"{}", "transcript.schema"),
        }[moment.modality]
        variants = [
            (replace(item, value=decode[0]), decode[1]),
            (replace(item, key=b"no such source!"), "key.illegal"),
        ]
        if self._plan.is_bare:
            return self._rng.choice(variants)
        variants += [
            (replace(item, headers=_with(item, "ce_time", b"noon")), "header.time"),
            (self._item(moment.modality, moment.start_ms, moment.start_ms + 120_000), "item.future"),
        ]
        return self._rng.choice(variants)

    def _quiet_recogniser(self) -> Iterator[Planned]:
        """Between words it says how far it has come, so that it is never idle."""
        for at_ms in range(self._begin_ms, self._end_ms, _HEARTBEAT_MS):
            yield self._heartbeat(Modality.TRANSCRIPT, at_ms)

    def _heartbeat(self, modality: Modality, at_ms: int) -> Planned:
        return _heartbeat(self._plan, self._source_id, modality, at_ms)

    def _planned(self, due_ms: int, moment: _Moment, record: EncodedRecord, kind: Kind, code: str = "") -> Planned:
        plan = self._plan
        timestamp_ms = self._event_ms(moment) if plan.is_bare else due_ms
        marked = _marked(record, kind, code)
        return Planned(due_ms, timestamp_ms, moment.modality, marked, kind, plan.is_transactional, plan.client)

    def _event_ms(self, moment: _Moment) -> int:
        """When it begins, by the producer's clock."""
        at_s = (moment.start_ms - self._begin_ms) / 1000
        wrong = [jump.by_ms for jump in self._plan.jumps if jump.at_s <= at_s < jump.at_s + jump.lasts_s]
        return moment.start_ms + sum(wrong)

    def _is_edge(self, moment: _Moment) -> bool:
        return moment.start_ms < self._begin_ms + _EDGE_MS or moment.end_ms > self._end_ms - _EDGE_MS


def _marked(record: EncodedRecord, kind: Kind, code: str = "") -> EncodedRecord:
    return replace(record, headers=(*record.headers, (MARK, f"{kind}:{code}".encode())))


def _with(record: EncodedRecord, name: str, value: bytes) -> tuple[tuple[str, bytes], ...]:
    return tuple((key, value if key == name else old) for key, old in record.headers)


def _bare(record: EncodedRecord) -> EncodedRecord:
    """The same without a header: sound as a WAV file, and words that tell their own length."""
    headers = dict(record.headers)
    value = record.value
    if "ce_samplerate" in headers:
        value = _wav(value)
    elif headers.get("content-type") == b"application/json":
        value = json.dumps({**json.loads(value), "duration_ms": int(headers["ce_durationms"])}).encode()
    return EncodedRecord(record.key, value, ())


@cache
def _wav(pcm: bytes) -> bytes:
    with io.BytesIO() as file:
        with wave.open(file, "wb") as written:
            written.setnchannels(1)
            written.setsampwidth(2)
            written.setframerate(_RATE_HZ)
            written.writeframes(pcm)
        return file.getvalue()


@cache
def _picture(shade: int) -> bytes:
    pixels = np.full((24, 32, 3), 3 * shade, np.uint8)
    cv2.circle(pixels, (shade % 32, 12), 5, (240, 240, 240), -1)
    return cv2.imencode(".jpg", pixels)[1].tobytes()


@cache
def _magenta() -> bytes:
    return cv2.imencode(".jpg", np.full((24, 32, 3), (255, 0, 255), np.uint8))[1].tobytes()


@cache
def _sound(pitch: int) -> bytes:
    return (np.sin(np.arange(_RATE_HZ) * (pitch + 1) / 40) * 9_000).astype("<i2").tobytes()

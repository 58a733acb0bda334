"""Puts, finalises and moves as calls of their scripts: which keys, which arguments."""

from collections.abc import Callable, Collection, Mapping

from streams.records import Coverage, Detection
from streams.settings import RetentionSettings
from streams.store.identity import split_detection_id
from streams.store.keys import Keys, window_member
from streams.store.models import LiveModels
from streams.store.positions import (
    POSITION_VERSION,
    Position,
    encode_offsets,
    encode_watermarks,
    watermark_field,
)
from streams.store.scripts import Script, ScriptCall
from streams.store.windows import AgreedWindows
from streams.store.writes import Fence, Finalise, Put

__all__ = ["FINAL_THROUGH_LIFETIMES", "WriteCalls", "coverage_counters"]

# `final_through_ms` must outlive every record that could bring a window back: it lives ten times as long as
# detections and topics do, and longer with every window that becomes final.
FINAL_THROUGH_LIFETIMES = 10

_SET_BY_STORE = {"revision", "final", "sealed_by", "stored_ms"}


def coverage_counters(coverage: Coverage) -> dict[str, int]:
    """The counters that a new revision must not lower, by their field in the detection's hash."""
    return {
        "video_items": coverage.video.items,
        "audio_items": coverage.audio.items,
        "audio_samples": coverage.audio.samples,
        "audio_covered_ms": coverage.audio.covered_ms,
        "transcript_items": coverage.transcript.items,
    }


class WriteCalls:
    """Builds the script calls of one store.

    Args:
        keys: names of the keys.
        retention: how long detections live.
        clock_ms: processing time, epoch milliseconds.
    """

    def __init__(self, keys: Keys, retention: RetentionSettings, clock_ms: Callable[[], int]) -> None:
        self._keys = keys
        self._clock_ms = clock_ms
        self._retention_ms = retention.detections_s * 1000
        self._final_through_ms = max(retention.detections_s, retention.topics_s) * 1000 * FINAL_THROUGH_LIFETIMES
        self._put = Script.read("put")
        self._finalise = Script.read("finalise")
        self._reopen = Script.read("reopen")
        self._take_token = Script.read("take_token")
        self._move_position = Script.read("move_position")
        self._begin_generation = Script.read("begin_generation")
        self._agree = Script.read("agree")

    def put(self, put: Put) -> ScriptCall:
        """`put.lua` for one revision of a window."""
        detection, fence, keys = put.detection, put.fence, self._keys
        source_id, start_ms, end_ms = detection.source_id, detection.start_ms, detection.end_ms
        body = detection.model_dump_json(by_alias=True, exclude=_SET_BY_STORE)
        counters = [part for pair in coverage_counters(detection.coverage).items() for part in pair]
        return ScriptCall(
            self._put,
            [
                keys.detection(source_id, start_ms, end_ms),
                keys.timeline(source_id),
                keys.expiry(source_id),
                keys.sources,
                keys.fence(fence.group, fence.partition),
            ],
            [
                fence.token,
                fence.writes,
                detection.digest,
                window_member(start_ms, end_ms),
                start_ms,
                source_id,
                self._clock_ms(),
                self._retention_ms,
                body.removeprefix("{"),
                sum(listed.last_offset - listed.first_offset + 1 for listed in detection.dead_letters),
                put.features,
                *counters,
            ],
        )

    def finalise(self, finalise: Finalise) -> ScriptCall:
        """`finalise.lua` for one window."""
        source_id, start_ms, end_ms = split_detection_id(finalise.detection_id)
        fence, keys = finalise.fence, self._keys
        return ScriptCall(
            self._finalise,
            [
                keys.detection(source_id, start_ms, end_ms),
                keys.final_through(source_id),
                keys.fence(fence.group, fence.partition),
            ],
            [fence.token, fence.writes, finalise.sealed_by, end_ms, self._final_through_ms],
        )

    def reopen(self, detection: Detection, made_from: str | None) -> ScriptCall:
        """`reopen.lua` for one final window."""
        keys, source_id = self._keys, detection.source_id
        start_ms, end_ms = detection.start_ms, detection.end_ms
        body = detection.model_dump_json(by_alias=True, exclude=_SET_BY_STORE)
        counters = [part for pair in coverage_counters(detection.coverage).items() for part in pair]
        return ScriptCall(
            self._reopen,
            [
                keys.detection(source_id, start_ms, end_ms),
                keys.timeline(source_id),
                keys.expiry(source_id),
                keys.sources,
                keys.final_through(source_id),
            ],
            [
                detection.digest,
                made_from or "",
                window_member(start_ms, end_ms),
                start_ms,
                end_ms,
                source_id,
                self._clock_ms(),
                self._retention_ms,
                body.removeprefix("{"),
                *counters,
            ],
        )

    def take_token(self, group: str, partition: int) -> ScriptCall:
        """`take_token.lua` for one partition number."""
        return ScriptCall(self._take_token, [self._keys.fence(group, partition)], [])

    def move_position(
        self, fence: Fence, expected: Mapping[str, int] | None, new: Position, forgotten: Collection[str]
    ) -> ScriptCall:
        """`move_position.lua` for one partition number."""
        marks = [
            part
            for source_id, watermarks in new.watermarks.items()
            for part in (watermark_field(source_id), encode_watermarks(watermarks))
        ]
        return ScriptCall(
            self._move_position,
            [self._keys.position(fence.group, fence.partition), self._keys.fence(fence.group, fence.partition)],
            [
                fence.token,
                fence.writes,
                b"" if expected is None else encode_offsets(expected),
                encode_offsets(new.next_offsets),
                POSITION_VERSION,
                len(new.watermarks),
                *marks,
                *(watermark_field(source_id) for source_id in forgotten),
            ],
        )

    def begin_generation(self, mark: str, group: str, positions: Mapping[int, Mapping[str, int]]) -> ScriptCall:
        """`begin_generation.lua` for all partition numbers of a group."""
        keys = [self._keys.position(group, number) for number in positions]
        offsets = [encode_offsets(next_offsets) if next_offsets else b"" for next_offsets in positions.values()]
        return ScriptCall(self._begin_generation, [self._keys.generation, *keys], [mark, POSITION_VERSION, *offsets])

    def agree_on_windows(self, group: str, expected: AgreedWindows | None, new: AgreedWindows) -> ScriptCall:
        """`agree.lua` for the windows of one group."""
        expected_json = b"" if expected is None else expected.encode()
        return ScriptCall(self._agree, [self._keys.windows(group)], [expected_json, new.encode()])

    def agree_on_models(self, group: str, expected: LiveModels | None, new: LiveModels) -> ScriptCall:
        """`agree.lua` for the models of one group."""
        expected_json = b"" if expected is None else expected.encode()
        return ScriptCall(self._agree, [self._keys.models(group)], [expected_json, new.encode()])

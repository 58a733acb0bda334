"""Items to measure with: frames of a real clip, sound, words."""

from collections.abc import Iterator
from itertools import count

import cv2
import numpy as np

from processors.modality import Modality
from processors.scenes import find_packaged_clip, read_clip
from streams.records import (
    EncodedRecord,
    encode_audio_chunk,
    encode_heartbeat,
    encode_transcript_segment,
    encode_video_frame,
)

__all__ = ["FPS", "items_per_second", "jpegs", "silent_source", "speaking_source"]

FPS = 5
SECONDS_PER_SENTENCE = 4
WIDTH_PX, HEIGHT_PX = 480, 270


def jpegs(number: int) -> list[bytes]:
    """Different JPEGs of 480x270 from a real clip, quality 85."""
    frames = read_clip(find_packaged_clip(), width_px=WIDTH_PX, height_px=HEIGHT_PX, fps=FPS)
    found = []
    for index in range(number):
        frame = np.roll(frames[index % len(frames), :HEIGHT_PX, :WIDTH_PX], index, axis=1)
        found.append(cv2.imencode(".jpg", frame[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes())
    return found


def silent_source(source_id: str, start_ms: int, frames: list[bytes]) -> Iterator[tuple[Modality, EncodedRecord, int]]:
    """Frames at 5 a second; sound and words are heartbeats."""
    for index, frame in enumerate(frames):
        at_ms = start_ms + index * 1000 // FPS
        yield Modality.VIDEO, encode_video_frame(source_id, f"v{index}", at_ms, frame), at_ms
        if index % FPS == FPS - 1:
            for modality in (Modality.AUDIO, Modality.TRANSCRIPT):
                yield modality, encode_heartbeat(modality, source_id, f"h{index}", at_ms), at_ms


def speaking_source(
    source_id: str, start_ms: int, frames: list[bytes], *, fps: int = FPS, seconds: int | None = None
) -> Iterator[tuple[Modality, EncodedRecord, int]]:
    """Frames over and over, sound throughout, a sentence every four seconds; in order of end time, without end."""
    pcm = (np.sin(np.arange(16_000) / 40) * 9_000).astype("<i2").tobytes()
    text = b'{"text": "the delivery has arrived at the dock"}'
    for second in count() if seconds is None else range(seconds):
        begin_ms, end_ms = start_ms + 1_000 * second, start_ms + 1_000 * (second + 1)
        for index in range(fps):
            at_ms = begin_ms + index * 1_000 // fps
            frame = frames[(second * fps + index) % len(frames)]
            yield Modality.VIDEO, encode_video_frame(source_id, f"v{at_ms}", at_ms, frame), at_ms
        chunk = encode_audio_chunk(source_id, f"a{begin_ms}", begin_ms, pcm, sample_rate_hz=16_000)
        yield Modality.AUDIO, chunk, end_ms
        if second % SECONDS_PER_SENTENCE == 0:
            segment = encode_transcript_segment(source_id, f"t{begin_ms}", begin_ms, text, duration_ms=1_000)
            yield Modality.TRANSCRIPT, segment, end_ms
        else:
            yield Modality.TRANSCRIPT, encode_heartbeat(Modality.TRANSCRIPT, source_id, f"h{end_ms}", end_ms), end_ms


def items_per_second(fps: int) -> float:
    """Of a speaking source: what there is to encode."""
    return fps + 1 + 1 / SECONDS_PER_SENTENCE

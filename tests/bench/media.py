"""Items to measure with: frames of a real clip, sound, words."""

from collections.abc import Iterator
from itertools import count

import cv2
import numpy as np
import numpy.typing as npt

from processors.modality import Modality
from processors.scenes import find_packaged_clip, read_clip
from streams.records import (
    EncodedRecord,
    encode_audio_chunk,
    encode_heartbeat,
    encode_transcript_segment,
    encode_video_frame,
)

__all__ = ["FPS", "fixed_camera_jpegs", "items_per_second", "jpegs", "silent_source", "speaking_source"]

FPS = 5
SECONDS_PER_SENTENCE = 4
WIDTH_PX, HEIGHT_PX = 480, 270
THING_PX = (90, 140)
THING_STEP_PX = 12
NOISE = 2.0


def jpegs(number: int) -> list[bytes]:
    """Different JPEGs of 480x270 from a real clip, quality 85, in which more than half of the picture moves."""
    frames = _read_frames()
    return [_compress(np.roll(frames[index % len(frames)], index, axis=1)) for index in range(number)]


def fixed_camera_jpegs(number: int) -> list[bytes]:
    """The like under a camera that stands still: noise, and what passes by from time to time."""
    frames = _read_frames()
    place, thing = frames[0], frames[len(frames) // 2, -THING_PX[1] :, -THING_PX[0] :]
    rng = np.random.default_rng(0)
    found = []
    for index in range(number):
        picture = place + rng.normal(0, NOISE, place.shape)
        # It is out of the picture as long as it is in it.
        left = index * THING_STEP_PX % (2 * WIDTH_PX)
        if left < WIDTH_PX:
            picture[-THING_PX[1] :, left : left + THING_PX[0]] = thing[:, : WIDTH_PX - left]
        found.append(_compress(np.clip(picture, 0, 255).astype(np.uint8)))
    return found


def _read_frames() -> npt.NDArray[np.uint8]:
    frames = read_clip(find_packaged_clip(), width_px=WIDTH_PX, height_px=HEIGHT_PX, fps=FPS)
    return frames[:, :HEIGHT_PX, :WIDTH_PX]


def _compress(picture: npt.NDArray[np.uint8]) -> bytes:
    return cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


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

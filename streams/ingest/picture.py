"""Frames of a file: thinned on a grid of presentation time, shrunk, as JPEG."""

from collections.abc import Iterator
from fractions import Fraction
from math import floor
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation

from processors.modality import Modality
from streams.errors import MediaError
from streams.ingest.container import TrackDecoder
from streams.ingest.media import MediaFile, VideoTrack
from streams.ingest.options import ReadOptions
from streams.ingest.timed import TimedRecord, milliseconds

__all__ = ["PictureLane", "shown_pixels"]


class PictureLane:
    """Reads the frames of a file that are kept.

    On the grid of `options.fps` each point takes the frame nearest to it, the earlier of two: half a frame's length is
    granted, so that time stamps rounded to a millisecond (Matroska) do not lose frames.

    Attributes:
        decoder: of the track; counts damage.
        end_s: end of the last frame decoded, kept or not, on the time line.
    """

    def __init__(self, media: MediaFile, track: VideoTrack, options: ReadOptions) -> None:
        self.decoder = TrackDecoder(media.path, track.index)
        self.end_s = Fraction(0)
        self._origin_s = media.origin_s
        self._usual_length_s = 1 / track.fps if track.fps else Fraction(0)
        self._options = options

    def records(self) -> Iterator[TimedRecord]:
        """The kept frames in order of time."""
        for start_ms, frame in self.frames():
            yield TimedRecord(Modality.VIDEO, start_ms, start_ms, encode_jpeg(frame, self._options))

    def frames(self) -> Iterator[tuple[int, Any]]:
        """The kept frames as decoded (`av.VideoFrame`), each with its place on the time line, in order of time."""
        start_s: Fraction | None = None
        last_point: int | None = None
        for frame in self.decoder.frames():
            length_s = frame.duration * frame.time_base if frame.duration else self._usual_length_s
            told_s = None if frame.pts is None else frame.pts * frame.time_base - self._origin_s
            if told_s is None or (start_s is not None and told_s < start_s):
                told_s = self.end_s  # a broken file's time stamps: counted on, time never goes back
            start_s = told_s
            self.end_s = max(self.end_s, start_s + length_s)
            if self._options.fps is not None:
                point = floor((start_s + min(length_s, 1 / self._options.fps) / 2) * self._options.fps)
                if last_point is not None and point <= last_point:
                    continue
                last_point = point
            yield milliseconds(start_s), frame


def encode_jpeg(frame: Any, options: ReadOptions) -> bytes:
    """Turn a decoded frame upright, shrink it and compress it.

    Args:
        frame: `av.VideoFrame` in any pixel format.
        options: box and quality.

    Raises:
        MediaError: the frame cannot be compressed as JPEG.
    """
    pixels = shown_pixels(frame, options.box_px, "bgr24")
    done, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, options.jpeg_quality])
    if not done:
        raise MediaError(
            f"a frame of {pixels.shape[1]}x{pixels.shape[0]} cannot be written as JPEG; choose a smaller size"
        )
    return jpeg.tobytes()


def shown_pixels(frame: Any, box_px: tuple[int, int] | None, layout: str) -> npt.NDArray[np.uint8]:
    """Turn a decoded frame upright and shrink it.

    Args:
        frame: `av.VideoFrame` in any pixel format.
        box_px: width and height that it is shrunk to fit into, its shape kept; None keeps its size.
        layout: `rgb24` or `bgr24`.

    Returns:
        uint8 [H, W, 3].
    """
    quarter_turns = round(frame.rotation / 90) % 4
    width_px, height_px = frame.width, frame.height
    if box_px is not None:
        box_width_px, box_height_px = box_px if quarter_turns % 2 == 0 else box_px[::-1]
        scale = min(1.0, box_width_px / width_px, box_height_px / height_px)
        width_px, height_px = max(1, round(width_px * scale)), max(1, round(height_px * scale))
    pixels: npt.NDArray[np.uint8] = frame.to_ndarray(
        width=width_px, height=height_px, format=layout, interpolation=Interpolation.AREA
    )
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns))

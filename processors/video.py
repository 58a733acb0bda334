"""Frames: the bytes of a JPEG, PNG or WebP picture to the tensor that the frame encoder takes.

Sizes and completeness are read from the file's structure before a decoder sees it: OpenCV would allocate whatever a
header claims, and fills what is missing at the end of a JPEG with grey.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from processors._image_headers import ImageHeader, read_header, sniff_image
from processors.errors import DecodeError
from processors.models.spec import FRAME_SIDE_PX

__all__ = ["Frame", "decode_frame", "sniff_image"]

_FLAGS: Final = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    1: cv2.IMREAD_COLOR,
}
"""libjpeg decodes at a fraction of the size inside the inverse transform: a quarter of the work at 2, and so on."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One decoded frame.

    Attributes:
        pixels: uint8 [224, 224, 3] RGB 0-255; the whole picture, squeezed to a square.
        width_px: of the picture as it is shown, before squeezing.
        height_px: likewise.
    """

    pixels: npt.NDArray[np.uint8]
    width_px: int
    height_px: int


def decode_frame(payload: bytes, *, max_decoded_bytes: int) -> Frame:
    """Decodes and squeezes one picture. Thread-safe; OpenCV releases the GIL.

    Args:
        payload: a JPEG, PNG or WebP file.
        max_decoded_bytes: how much the picture may take at full size, at three bytes a pixel.

    Returns:
        The frame, turned upright where an EXIF orientation says so.

    Raises:
        DecodeError: `video.format` (no such picture), `video.truncated`, `video.too_large`, or `video.corrupt`.
    """
    header = read_header(payload)
    decoded_bytes = header.width_px * header.height_px * 3
    if decoded_bytes > max_decoded_bytes:
        raise DecodeError(
            "video.too_large",
            f"{header.content_type} of {header.width_px}x{header.height_px} decodes to {decoded_bytes} bytes, "
            f"expected at most {max_decoded_bytes} (limits.max_decoded_bytes); send a smaller picture or raise it",
        )
    reduction = _reduction(header)
    picture = _decode(payload, header, reduction)
    width_px, height_px = header.width_px, header.height_px
    if picture.shape[:2] != (math.ceil(height_px / reduction), math.ceil(width_px / reduction)):
        width_px, height_px = height_px, width_px
    shrinks = min(picture.shape[:2]) >= FRAME_SIDE_PX
    side = (FRAME_SIDE_PX, FRAME_SIDE_PX)
    square = cv2.resize(picture, side, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return Frame(cv2.cvtColor(square, cv2.COLOR_BGR2RGB), width_px, height_px)


def _reduction(header: ImageHeader) -> int:
    """The largest factor by which the picture may be decoded smaller and still fill the square."""
    if header.content_type != "image/jpeg":
        return 1
    shorter_px = min(header.width_px, header.height_px)
    return next(by for by in _FLAGS if by == 1 or math.ceil(shorter_px / by) >= FRAME_SIDE_PX)


def _decode(payload: bytes, header: ImageHeader, reduction: int) -> npt.NDArray[np.uint8]:
    """Decodes to uint8 [H, W, 3] BGR, H and W divided by the reduction and rounded up."""
    try:
        picture = cv2.imdecode(np.frombuffer(payload, dtype=np.uint8), _FLAGS[reduction])
    except cv2.error as error:
        raise DecodeError("video.corrupt", f"{_describe(header)} could not be decoded: {error.err}") from error
    if picture is None:
        raise DecodeError("video.corrupt", f"{_describe(header)} could not be decoded: its content is damaged")
    return picture


def _describe(header: ImageHeader) -> str:
    return f"{header.content_type} of {header.width_px}x{header.height_px}"

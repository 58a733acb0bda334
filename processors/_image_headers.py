"""Reads what a picture file says about itself, and whether it is whole, without decoding it.

JPEG: ITU-T T.81, annex B. PNG: W3C PNG, third edition, section 5. WebP: RFC 9649.
"""

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Final, Literal

from processors.errors import DecodeError

__all__ = ["ImageHeader", "read_header", "sniff_image"]

ContentType = Literal["image/jpeg", "image/png", "image/webp"]

_PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"
_JPEG_MAGIC: Final = b"\xff\xd8\xff"

_SOF: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOS: Final = 0xDA
_EOI: Final = 0xD9
_STANDALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})

_SCAN_END: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In entropy-coded data 0xFF is followed by 0x00 or a restart marker; anything else ends the scan."""


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What a picture file says about itself.

    Attributes:
        content_type: its format.
        width_px: as stored, before any EXIF orientation; at least 1.
        height_px: likewise.
    """

    content_type: ContentType
    width_px: int
    height_px: int


def sniff_image(payload: bytes) -> ContentType | None:
    """Tells the format of a picture from its first bytes; None if it is none that is read."""
    if payload.startswith(_JPEG_MAGIC):
        return "image/jpeg"
    if payload.startswith(_PNG_MAGIC):
        return "image/png"
    if payload[:4] == b"RIFF" and payload[8:12] == b"WEBP":
        return "image/webp"
    return None


def read_header(payload: bytes) -> ImageHeader:
    """Reads a picture's size and makes sure that the file reaches its own end.

    Args:
        payload: the whole file.

    Returns:
        The header.

    Raises:
        DecodeError: `video.format`, `video.truncated` or `video.corrupt`.
    """
    content_type = sniff_image(payload)
    if content_type is None:
        raise DecodeError(
            "video.format",
            f"a payload that begins with {payload[:8].hex(' ') or 'nothing'} is no picture that is read here; "
            "expected JPEG, PNG or WebP",
        )
    readers = {"image/jpeg": _read_jpeg, "image/png": _read_png, "image/webp": _read_webp}
    try:
        width_px, height_px = readers[content_type](payload)
    except (struct.error, IndexError) as error:
        raise _truncated(content_type, payload) from error
    if width_px < 1 or height_px < 1:
        raise DecodeError("video.corrupt", f"{content_type} claims to be {width_px}x{height_px}, expected at least 1x1")
    return ImageHeader(content_type, width_px, height_px)


def _truncated(content_type: str, payload: bytes) -> DecodeError:
    return DecodeError(
        "video.truncated",
        f"{content_type} of {len(payload)} bytes ends in its middle; expected the whole file as one record",
    )


def _read_jpeg(payload: bytes) -> tuple[int, int]:
    size: tuple[int, int] | None = None
    position = 2
    while True:
        if payload[position] != 0xFF:
            raise DecodeError("video.corrupt", f"image/jpeg has no marker at byte {position}, where one has to be")
        marker = payload[position + 1]
        if marker == 0xFF:
            position += 1
        elif marker == _EOI:
            break
        elif marker in _STANDALONE:
            position += 2
        else:
            if marker in _SOF:
                height_px, width_px = struct.unpack_from(">HH", payload, position + 5)
                size = size or (width_px, height_px)
            (length,) = struct.unpack_from(">H", payload, position + 2)
            position += 2 + length
            if marker == _SOS:
                end = _SCAN_END.search(payload, position)
                if end is None:
                    raise _truncated("image/jpeg", payload)
                position = end.start()
    if size is None:
        raise DecodeError("video.corrupt", "image/jpeg has no frame header before its end")
    return size


def _read_png(payload: bytes) -> tuple[int, int]:
    position = len(_PNG_MAGIC)
    if len(payload) >= position + 8 and payload[position + 4 : position + 8] != b"IHDR":
        raise DecodeError("video.corrupt", "image/png does not begin with its header chunk IHDR")
    width_px, height_px = struct.unpack_from(">II", payload, position + 8)
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", payload, position)
        body_end = position + 8 + length
        (checksum,) = struct.unpack_from(">I", payload, body_end)
        if zlib.crc32(memoryview(payload)[position + 4 : body_end]) != checksum:
            raise DecodeError("video.corrupt", f"image/png: the checksum of its chunk at byte {position} does not fit")
        position = body_end + 4
    return width_px, height_px


def _read_webp(payload: bytes) -> tuple[int, int]:
    (riff_bytes,) = struct.unpack_from("<I", payload, 4)
    if len(payload) < riff_bytes + 8:
        raise _truncated("image/webp", payload)
    kind = payload[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(payload[at : at + 3], "little") + 1 for at in (24, 27))
        return width, height
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", payload, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", payload, 26)
        return width & 0x3FFF, height & 0x3FFF
    raise DecodeError("video.corrupt", f"image/webp begins with the unknown chunk {kind!r}")

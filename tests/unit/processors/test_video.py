"""The laws of decoding frames."""

import struct
import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.errors import DecodeError
from processors.video import decode_frame, sniff_image

few = settings(max_examples=40)
LIMIT_BYTES = 32_000_000
CODES = {"video.format", "video.truncated", "video.too_large", "video.corrupt"}
FORMATS = {".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


def picture(width_px: int, height_px: int) -> np.ndarray:
    """Left half red, right half blue, brighter towards the bottom (BGR)."""
    pixels = np.zeros((height_px, width_px, 3), dtype=np.uint8)
    brightness = np.linspace(120, 250, height_px, dtype=np.uint8)[:, None]
    pixels[:, : width_px // 2, 2] = brightness
    pixels[:, width_px // 2 :, 0] = brightness
    return pixels


def encode_picture(extension: str, width_px: int = 320, height_px: int = 240) -> bytes:
    ok, buffer = cv2.imencode(extension, picture(width_px, height_px))
    assert ok
    return buffer.tobytes()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_claiming(width_px: int, height_px: int) -> bytes:
    """A whole, well-formed PNG of a few hundred bytes whose header claims any size."""
    header = struct.pack(">IIBBBBB", width_px, height_px, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100_000))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")


PAYLOADS = {extension: encode_picture(extension) for extension in FORMATS}


def code_of(payload: bytes, max_decoded_bytes: int = LIMIT_BYTES) -> str | None:
    try:
        decode_frame(payload, max_decoded_bytes=max_decoded_bytes)
    except DecodeError as error:
        return error.code
    return None


@pytest.mark.parametrize("extension", FORMATS)
def test_a_picture_becomes_a_square_in_rgb_with_its_size_kept(extension: str) -> None:
    frame = decode_frame(PAYLOADS[extension], max_decoded_bytes=LIMIT_BYTES)

    assert (frame.width_px, frame.height_px) == (320, 240)
    assert frame.pixels.shape == (224, 224, 3)
    assert frame.pixels.dtype == np.uint8
    left, right = frame.pixels[:, 20].mean(axis=0), frame.pixels[:, -20].mean(axis=0)
    assert left[0] > left[2] + 90
    assert right[2] > right[0] + 90
    assert frame.pixels[200].sum() > frame.pixels[20].sum()


@pytest.mark.parametrize("extension", FORMATS)
def test_the_format_is_told_from_the_first_bytes(extension: str) -> None:
    assert sniff_image(PAYLOADS[extension]) == FORMATS[extension]
    assert sniff_image(PAYLOADS[extension][:2]) is None


@pytest.mark.parametrize(("width_px", "height_px"), [(16, 9), (448, 448), (900, 899), (1000, 460), (2000, 1800)])
def test_decoding_at_a_reduced_size_shows_the_same_picture(width_px: int, height_px: int) -> None:
    payload = encode_picture(".jpg", width_px, height_px)

    frame = decode_frame(payload, max_decoded_bytes=LIMIT_BYTES)

    whole = cv2.imdecode(np.frombuffer(payload, np.uint8), cv2.IMREAD_COLOR)
    shrinks = min(width_px, height_px) >= 224
    expected = cv2.resize(whole, (224, 224), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)[:, :, ::-1]
    assert (frame.width_px, frame.height_px) == (width_px, height_px)
    assert np.abs(frame.pixels.astype(int) - expected.astype(int)).mean() < 2.0


def test_a_picture_lying_on_its_side_is_turned_upright() -> None:
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    payload = PAYLOADS[".jpg"]
    turned = payload[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + payload[2:]

    frame = decode_frame(turned, max_decoded_bytes=LIMIT_BYTES)

    assert (frame.width_px, frame.height_px) == (240, 320)
    assert frame.pixels[20, :, 0].mean() > 100 > frame.pixels[-20, :, 0].mean()


@few
@given(data=st.data())
def test_a_picture_cut_off_anywhere_is_an_error(data: st.DataObject) -> None:
    payload = PAYLOADS[data.draw(st.sampled_from(sorted(FORMATS)))]
    length = data.draw(st.integers(0, len(payload) - 2))

    assert code_of(payload[:length]) in {"video.truncated", "video.format"}


def test_what_follows_the_end_of_a_jpeg_does_no_harm() -> None:
    assert code_of(PAYLOADS[".jpg"] + b"\0\0trailer of the camera") is None


def test_a_thumbnail_inside_does_not_hide_that_the_end_is_missing() -> None:
    payload = PAYLOADS[".jpg"]
    thumbnail = encode_picture(".jpg", 32, 24)
    nested = payload[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + payload[2:]

    assert code_of(nested) is None
    assert code_of(nested[:-2]) == "video.truncated"


@pytest.mark.parametrize("side_px", [30_000, 2**31 - 1])
def test_a_png_that_expands_to_gigabytes_is_refused_without_allocating(side_px: int) -> None:
    payload = png_claiming(side_px, side_px)
    tracemalloc.start()
    try:
        assert code_of(payload) == "video.too_large"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_jpeg_that_claims_too_much_is_refused() -> None:
    payload = bytearray(PAYLOADS[".jpg"])
    start = payload.index(b"\xff\xc0")
    payload[start + 5 : start + 9] = struct.pack(">HH", 65_000, 65_000)

    assert code_of(bytes(payload)) == "video.too_large"


@pytest.mark.parametrize("extension", FORMATS)
def test_the_limit_is_three_bytes_a_pixel_and_inclusive(extension: str) -> None:
    assert code_of(PAYLOADS[extension], 320 * 240 * 3) is None
    assert code_of(PAYLOADS[extension], 320 * 240 * 3 - 1) == "video.too_large"


@pytest.mark.parametrize("extension", [".png", ".webp"])
def test_damaged_content_is_corrupt(extension: str) -> None:
    payload = bytearray(PAYLOADS[extension])
    middle = len(payload) // 2
    payload[middle : middle + 16] = bytes(16)

    assert code_of(bytes(payload)) in {"video.corrupt", None if extension == ".webp" else "video.corrupt"}


def test_a_picture_without_area_is_corrupt() -> None:
    assert code_of(png_claiming(0, 5)) == "video.corrupt"


@pytest.mark.parametrize("payload", [b"", b"GIF89a" + bytes(20), b"\x00" * 100], ids=["empty", "gif", "zeros"])
def test_another_format_is_named_as_such(payload: bytes) -> None:
    assert code_of(payload) == "video.format"


@few
@given(
    magic=st.sampled_from(
        [
            b"",
            b"\xff\xd8\xff",
            b"\xff\xd8\xff\xc0",
            b"\x89PNG\r\n\x1a\n",
            b"RIFF\x10\0\0\0WEBPVP8 ",
            b"RIFF\0\0\0\0WEBPVP8X",
        ]
    ),
    rest=st.binary(max_size=200),
)
@example(magic=b"\xff\xd8\xff", rest=b"\xff" * 100)
@example(magic=b"\xff\xd8\xff", rest=b"\xd9")
def test_random_bytes_raise_nothing_but_decode_errors(magic: bytes, rest: bytes) -> None:
    assert code_of(magic + rest) in CODES | {None}


@few
@given(
    extension=st.sampled_from(sorted(FORMATS)), position=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255)
)
def test_one_wrong_byte_raises_nothing_but_decode_errors(extension: str, position: float, value: int) -> None:
    payload = bytearray(PAYLOADS[extension])
    payload[int(position * len(payload))] = value

    assert code_of(bytes(payload)) in CODES | {None}

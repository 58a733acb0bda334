"""Reads what a sound file says about itself without decoding it.

WAV: Microsoft's "Multimedia Programming Interface and Data Specifications 1.0" and `WAVEFORMATEXTENSIBLE`.
FLAC: RFC 9639, section 8.2 (STREAMINFO).
"""

import struct
from dataclasses import dataclass
from typing import Final, Literal

from processors.errors import DecodeError

__all__ = [
    "Container",
    "FlacHeader",
    "WavHeader",
    "probe_audio",
    "read_flac_header",
    "read_wav_header",
    "sniff_audio",
    "sniff_recording",
]

ChunkContainer = Literal["wav", "flac"]
Container = Literal["wav", "flac", "ogg", "mp3"]

_EXTENSIBLE: Final = 0xFFFE
_UNKNOWN_LENGTHS: Final = frozenset({0, 0xFFFFFFFF})
"""What writers put down that cannot go back to fill in the length, such as a recorder that writes into a pipe."""


@dataclass(frozen=True, slots=True)
class WavHeader:
    """The format and the place of the samples in a WAV file.

    Attributes:
        format_tag: 1 is integer PCM, 3 is float; others are codecs.
        channels: at least 1.
        sample_rate_hz: at least 1.
        bits: of one sample.
        block_bytes: one sample of every channel, or one block of a codec.
        data_start: offset of the first sample.
        data_bytes: how many the header promises; all that follow where it does not say.
    """

    format_tag: int
    channels: int
    sample_rate_hz: int
    bits: int
    block_bytes: int
    data_start: int
    data_bytes: int


@dataclass(frozen=True, slots=True)
class FlacHeader:
    """A FLAC stream's own description.

    Attributes:
        channels: 1 to 8.
        sample_rate_hz: at least 1.
        n_samples: of each channel; None if the writer did not know.
    """

    channels: int
    sample_rate_hz: int
    n_samples: int | None


def sniff_audio(payload: bytes) -> ChunkContainer | None:
    """Tells the format of a chunk from its first bytes; None if it is none that is read."""
    if payload[:4] == b"RIFF" and payload[8:12] == b"WAVE":
        return "wav"
    if payload[:4] == b"fLaC":
        return "flac"
    return None


def sniff_recording(payload: bytes) -> Container | None:
    """Tells the format of a sound file from its first bytes, also where no chunk has it; None if it is not read."""
    if payload[:4] == b"OggS":
        return "ogg"
    # An MP3 file begins with a tag or with the eleven set bits of a frame; layer bits 00 would be AAC.
    if payload[:3] == b"ID3" or (payload[:1] == b"\xff" and payload[1:2] and payload[1] & 0xE6 in {0xE2, 0xE4, 0xE6}):
        return "mp3"
    return sniff_audio(payload)


def probe_audio(payload: bytes) -> tuple[int, int] | None:
    """Reads how long a sound file is, from its header alone.

    Args:
        payload: the file; of FLAC its first 42 bytes are enough.

    Returns:
        Sample rate in Hz and samples of each channel; None if it is no WAV or FLAC file or does not say.
    """
    try:
        match sniff_audio(payload):
            case "wav":
                wav = read_wav_header(payload)
                return (wav.sample_rate_hz, wav.data_bytes // wav.block_bytes) if _is_pcm(wav) else None
            case "flac":
                flac = read_flac_header(payload)
                return None if flac.n_samples is None else (flac.sample_rate_hz, flac.n_samples)
            case None:
                return None
    except DecodeError:
        return None


def read_wav_header(payload: bytes) -> WavHeader:
    """Finds the format and the samples of a WAV file.

    Args:
        payload: the file, known by its first bytes.

    Returns:
        The header.

    Raises:
        DecodeError: `audio.truncated` or `audio.corrupt`.
    """
    fields: tuple[int, int, int, int, int] | None = None
    position = 12
    try:
        while True:
            kind, length = struct.unpack_from("<4sI", payload, position)
            position += 8
            if kind == b"fmt ":
                tag, channels, rate_hz, _, block_bytes, bits = struct.unpack_from("<HHIIHH", payload, position)
                if tag == _EXTENSIBLE and length >= 26:
                    (tag,) = struct.unpack_from("<H", payload, position + 24)
                fields = (tag, channels, rate_hz, bits, block_bytes)
            elif kind == b"data":
                break
            position += length + length % 2
    except struct.error as error:
        raise DecodeError("audio.truncated", f"WAV of {len(payload)} bytes ends before its samples begin") from error
    if fields is None:
        raise DecodeError("audio.corrupt", "WAV has no format chunk before its samples")
    tag, channels, rate_hz, bits, block_bytes = fields
    if min(channels, rate_hz, block_bytes) < 1:
        raise DecodeError(
            "audio.corrupt",
            f"WAV claims {channels} channels at {rate_hz} Hz, {block_bytes} bytes a block; expected at least 1 each",
        )
    data_bytes = len(payload) - position if length in _UNKNOWN_LENGTHS else length
    return WavHeader(tag, channels, rate_hz, bits, block_bytes, position, data_bytes)


def read_flac_header(payload: bytes) -> FlacHeader:
    """Reads the STREAMINFO block, which comes first.

    Args:
        payload: the file, known by its first bytes.

    Returns:
        The header.

    Raises:
        DecodeError: `audio.truncated` or `audio.corrupt`.
    """
    if len(payload) < 42:
        raise DecodeError("audio.truncated", f"FLAC of {len(payload)} bytes ends in its header, expected at least 42")
    bits = int.from_bytes(payload[18:26], "big")
    rate_hz, channels, n_samples = bits >> 44, (bits >> 41 & 7) + 1, bits & (1 << 36) - 1
    if payload[4] & 0x7F != 0 or rate_hz == 0:
        raise DecodeError("audio.corrupt", "FLAC does not begin with a valid STREAMINFO block")
    return FlacHeader(channels, rate_hz, n_samples or None)


def _is_pcm(wav: WavHeader) -> bool:
    return wav.format_tag in {1, 3} and wav.block_bytes == wav.channels * wav.bits // 8

"""Sound: the bytes of a WAV or FLAC file or of raw PCM to samples, and samples to what the audio encoder takes."""

import math
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from processors._audio_files import decode_file
from processors._audio_headers import probe_audio, sniff_audio, sniff_recording
from processors._content_type import parse_content_type
from processors._pcm import Pcm, to_mono
from processors.errors import DecodeError
from processors.models.spec import AUDIO_RATE_HZ

__all__ = [
    "Pcm",
    "decode_audio",
    "decode_recording",
    "fit_window",
    "piece_starts",
    "pieces",
    "probe_audio",
    "resample",
    "sniff_audio",
]

_RAW_TYPES: Final = {"audio/l16": ">i2", "audio/pcm": "<i2"}
"""Raw 16-bit samples: `audio/L16` is big-endian (RFC 2586), `audio/pcm` is what sound cards deliver."""

_FILE_TYPES: Final = frozenset(
    {
        "",
        "application/octet-stream",
        "audio/wav",
        "audio/x-wav",
        "audio/wave",
        "audio/vnd.wave",
        "audio/flac",
        "audio/x-flac",
    }
)


def decode_audio(
    payload: bytes,
    content_type: str | None,
    sample_rate_hz: int | None,
    channels: int | None,
    *,
    max_decoded_bytes: int,
) -> Pcm:
    """Decodes one chunk. Thread-safe.

    Args:
        payload: a WAV or FLAC file, told by its first bytes, or raw 16-bit PCM.
        content_type: of the payload; raw PCM needs `audio/L16` or `audio/pcm`.
        sample_rate_hz: of raw PCM; a `rate` parameter of the content type counts where this is None.
        channels: of raw PCM, interleaved; likewise, one if nobody says.
        max_decoded_bytes: how much the samples may take, at four bytes each.

    Returns:
        The mean of the channels, at the chunk's own rate.

    Raises:
        DecodeError: `audio.format`, `audio.truncated`, `audio.too_large` or `audio.corrupt`.
    """
    kind, parameters = parse_content_type(content_type)
    if kind in _RAW_TYPES:
        rate_hz = sample_rate_hz or _positive(parameters, "rate")
        n_channels = channels or _positive(parameters, "channels") or 1
        if rate_hz is None:
            raise DecodeError(
                "audio.format", f"{kind} without a sample rate; send ce_samplerate or `{kind};rate=16000`"
            )
        return _decode_raw(payload, _RAW_TYPES[kind], rate_hz, n_channels, max_decoded_bytes)
    container = sniff_audio(payload)
    if container is None or kind not in _FILE_TYPES:
        raise DecodeError(
            "audio.format",
            f"a payload of type {kind or 'unknown'!r} that begins with {payload[:8].hex(' ') or 'nothing'} is no sound "
            "that is read here; expected WAV, FLAC, or raw samples as audio/L16 or audio/pcm",
        )
    return decode_file(payload, container, max_decoded_bytes)


def decode_recording(payload: bytes, *, max_decoded_bytes: int) -> Pcm:
    """Decodes a file of somebody's collection, in more formats than travel on Kafka. Thread-safe.

    Args:
        payload: a WAV, FLAC, Ogg or MP3 file, told by its first bytes.
        max_decoded_bytes: how much the samples may take, at four bytes each.

    Returns:
        The mean of the channels, at the file's own rate.

    Raises:
        DecodeError: `audio.format`, `audio.truncated`, `audio.too_large` or `audio.corrupt`.
    """
    container = sniff_recording(payload)
    if container is None:
        raise DecodeError(
            "audio.format",
            f"a file that begins with {payload[:8].hex(' ') or 'nothing'} is no sound that is read here; "
            "expected WAV, FLAC, Ogg or MP3",
        )
    return decode_file(payload, container, max_decoded_bytes)


def resample(pcm: Pcm, sample_rate_hz: int = AUDIO_RATE_HZ) -> Pcm:
    """Changes the rate with libswresample's windowed sinc. Thread-safe.

    Args:
        pcm: what to resample.
        sample_rate_hz: the rate wanted.

    Returns:
        The sound with exactly `round(n * sample_rate_hz / pcm.sample_rate_hz)` samples, starting at the same moment.
    """
    if pcm.sample_rate_hz == sample_rate_hz:
        return pcm
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate_hz)
    frame = av.AudioFrame.from_ndarray(pcm.samples[None, :], format="fltp", layout="mono")
    frame.sample_rate = pcm.sample_rate_hz
    parts = [part.to_ndarray()[0] for part in (*resampler.resample(frame), *resampler.resample(None))]
    length = round(len(pcm.samples) * sample_rate_hz / pcm.sample_rate_hz)
    samples = np.zeros(length, dtype=np.float32)
    joined = np.concatenate(parts)[:length] if parts else samples
    samples[: len(joined)] = joined
    return Pcm(samples, sample_rate_hz)


def fit_window(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Pads a short chunk with silence to what the audio encoder takes.

    Args:
        samples: float32 [T] at 16 kHz, T at most 16000.

    Returns:
        float32 [16000].

    Raises:
        ValueError: the chunk is longer; see `pieces`.
    """
    if len(samples) > AUDIO_RATE_HZ:
        raise ValueError(
            f"got {len(samples)} samples, expected at most {AUDIO_RATE_HZ}; split longer chunks by `pieces`"
        )
    return np.pad(samples, (0, AUDIO_RATE_HZ - len(samples)))


def pieces(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Splits a chunk into as few seconds as cover it; the mean of their embeddings is the chunk's embedding.

    The pieces are spread evenly and overlap where the chunk is not a whole number of seconds, so that none is padded
    with a silence that was not there, except a chunk shorter than a second.

    Args:
        samples: float32 [T] at 16 kHz, T at least 1.

    Returns:
        float32 [P, 16000].
    """
    starts = piece_starts(len(samples))
    if len(starts) == 1:
        return fit_window(samples)[None, :]
    return np.stack([samples[start : start + AUDIO_RATE_HZ] for start in starts])


def piece_starts(samples: int) -> list[int]:
    """With which samples the pieces of a chunk of so many samples at 16 kHz begin."""
    count = max(1, math.ceil(samples / AUDIO_RATE_HZ))
    return [(samples - AUDIO_RATE_HZ) * index // (count - 1) for index in range(count)] if count > 1 else [0]


def _positive(parameters: dict[str, str], name: str) -> int | None:
    text = parameters.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise DecodeError("audio.format", f"content type: `{name}` is {text!r}, expected a positive whole number")
    return int(text)


def _decode_raw(payload: bytes, dtype: str, rate_hz: int, channels: int, max_decoded_bytes: int) -> Pcm:
    width_bytes = 2 * channels
    if len(payload) % width_bytes:
        raise DecodeError(
            "audio.truncated",
            f"raw PCM of {len(payload)} bytes ends inside a sample; expected a multiple of {width_bytes} bytes "
            f"(16 bits, {channels} channels)",
        )
    return to_mono(payload, dtype, channels, rate_hz, max_decoded_bytes)

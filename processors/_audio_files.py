"""Decodes sound files: plain WAV by numpy, everything else by FFmpeg."""

import io
from typing import Final

import av
import numpy as np
import numpy.typing as npt

from processors._audio_headers import Container, WavHeader, read_flac_header, read_wav_header
from processors._pcm import Pcm, check_size, finish, to_mono
from processors.errors import DecodeError

__all__ = ["decode_file"]

_PLAIN_WAV: Final = {(1, 8): "u1", (1, 16): "<i2", (1, 32): "<i4", (3, 32): "<f4", (3, 64): "<f8"}
"""(format tag, bits) -> numpy's name of such a sample."""


def decode_file(payload: bytes, container: Container, max_decoded_bytes: int) -> Pcm:
    """Decodes a whole file.

    Args:
        payload: the file.
        container: what it is.
        max_decoded_bytes: how much the samples may take, at four bytes each.

    Returns:
        The mean of its channels, at its own rate.

    Raises:
        DecodeError: `audio.truncated`, `audio.too_large`, `audio.corrupt` or, for a codec that FFmpeg does not know,
            `audio.format`.
    """
    if container == "flac":
        flac = read_flac_header(payload)
        check_size((flac.n_samples or 0) * flac.channels, max_decoded_bytes)
        pcm = _decode_by_ffmpeg(payload, container, max_decoded_bytes)
        if flac.n_samples is not None and len(pcm.samples) < flac.n_samples:
            raise DecodeError(
                "audio.truncated", f"FLAC holds {len(pcm.samples)} samples, its header promises {flac.n_samples}"
            )
        return pcm
    if container != "wav":
        return _decode_by_ffmpeg(payload, container, max_decoded_bytes)
    wav = read_wav_header(payload)
    available_bytes = len(payload) - wav.data_start
    if wav.data_bytes > available_bytes:
        raise DecodeError(
            "audio.truncated", f"WAV holds {available_bytes} bytes of samples, its header promises {wav.data_bytes}"
        )
    dtype = _PLAIN_WAV.get((wav.format_tag, wav.bits))
    if dtype is None or wav.block_bytes != wav.channels * wav.bits // 8:
        return _decode_by_ffmpeg(payload, container, max_decoded_bytes)
    return _decode_plain_wav(payload, wav, dtype, max_decoded_bytes)


def _decode_plain_wav(payload: bytes, wav: WavHeader, dtype: str, max_decoded_bytes: int) -> Pcm:
    if wav.data_bytes % wav.block_bytes:
        raise DecodeError(
            "audio.truncated",
            f"WAV holds {wav.data_bytes} bytes of samples, expected a multiple of {wav.block_bytes}",
        )
    data = memoryview(payload)[wav.data_start : wav.data_start + wav.data_bytes]
    return to_mono(data, dtype, wav.channels, wav.sample_rate_hz, max_decoded_bytes)


def _decode_by_ffmpeg(payload: bytes, container: Container, max_decoded_bytes: int) -> Pcm:
    parts: list[npt.NDArray[np.float32]] = []
    n_values = n_packets = n_decoded = 0
    try:
        # Only this one demuxer may look at the bytes: a playlist in disguise could make FFmpeg open files and sockets.
        with av.open(io.BytesIO(payload), format=container, options={"err_detect": "crccheck+explode"}) as file:
            if not file.streams.audio or file.streams.audio[0].codec_context is None:
                raise DecodeError("audio.format", f"{container} holds no sound that FFmpeg knows")
            stream = file.streams.audio[0]
            rate_hz = stream.rate
            resampler = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=rate_hz)
            packets = [packet for packet in file.demux(stream) if packet.size]
            n_packets = len(packets)
            for packet in packets:
                for frame in packet.decode():
                    n_values += frame.samples * frame.layout.nb_channels
                    check_size(n_values, max_decoded_bytes)
                    parts += [part.to_ndarray().mean(axis=0) for part in resampler.resample(frame)]
                n_decoded += 1
    except (av.FFmpegError, ValueError) as error:
        if n_packets > 0 and n_decoded == n_packets - 1:
            raise DecodeError("audio.truncated", f"{container} of {len(payload)} bytes ends in its middle") from error
        raise DecodeError("audio.corrupt", f"{container} could not be decoded: {error}") from error
    return finish(np.concatenate(parts) if parts else np.empty(0, dtype=np.float32), rate_hz)

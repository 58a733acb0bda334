"""Samples: interleaved integers or floats to one float channel."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from processors.errors import DecodeError

__all__ = ["Pcm", "check_size", "finish", "to_mono"]

_RATES_HZ: Final = range(4_000, 768_001)
"""From telephones to the fastest converters; a rate near 0 would make seconds into gigabytes when it is changed."""


@dataclass(frozen=True, slots=True, eq=False)
class Pcm:
    """Decoded sound.

    Attributes:
        samples: float32 [T] mono -1..1, T at least 1.
        sample_rate_hz: samples in a second.
    """

    samples: npt.NDArray[np.float32]
    sample_rate_hz: int


def to_mono(payload: bytes | memoryview, dtype: str, channels: int, rate_hz: int, max_decoded_bytes: int) -> Pcm:
    """Averages the channels of interleaved samples.

    Args:
        payload: whole samples.
        dtype: numpy's name of one: a signed integer, `u1` with its zero at 128, or a float.
        channels: in turn in the payload.
        rate_hz: samples in a second.
        max_decoded_bytes: how much the samples may take, at four bytes each.

    Returns:
        The sound.

    Raises:
        DecodeError: `audio.too_large` or `audio.corrupt`.
    """
    numbers = np.frombuffer(payload, dtype=dtype)
    check_size(len(numbers), max_decoded_bytes)
    with np.errstate(invalid="ignore"):  # infinities of both signs; `finish` refuses what comes of them
        samples = numbers.reshape(-1, channels).mean(axis=1, dtype=np.float64)
    if numbers.dtype.kind == "u":
        samples = samples / 128.0 - 1.0
    elif numbers.dtype.kind == "i":
        samples /= -float(np.iinfo(numbers.dtype).min)
    return finish(samples, rate_hz)


def check_size(n_values: int, max_decoded_bytes: int) -> None:
    """Refuses to decode more than the limit, before anything is allocated.

    Args:
        n_values: samples of all channels.
        max_decoded_bytes: the limit, at four bytes a value.

    Raises:
        DecodeError: `audio.too_large`.
    """
    if n_values * 4 > max_decoded_bytes:
        raise DecodeError(
            "audio.too_large",
            f"sound of {n_values} samples decodes to {n_values * 4} bytes, expected at most {max_decoded_bytes} "
            "(limits.max_decoded_bytes); send shorter chunks or raise the limit",
        )


def finish(samples: npt.NDArray[np.floating[npt.NBitBase]], rate_hz: int) -> Pcm:
    """Checks decoded samples and brings them into their range.

    Args:
        samples: any float [T]; beyond -1..1 they are cut.
        rate_hz: samples in a second.

    Returns:
        The sound.

    Raises:
        DecodeError: `audio.corrupt`: an impossible rate, no samples, or a sample that is not a number.
    """
    if rate_hz not in _RATES_HZ:
        raise DecodeError(
            "audio.corrupt", f"sample rate is {rate_hz} Hz, expected {_RATES_HZ.start} to {_RATES_HZ.stop - 1}"
        )
    if len(samples) == 0:
        raise DecodeError("audio.corrupt", "the chunk holds no samples; send an empty payload for a heartbeat")
    if not np.isfinite(samples).all():
        raise DecodeError("audio.corrupt", "the chunk holds samples that are not finite numbers")
    return Pcm(np.clip(samples, -1.0, 1.0).astype(np.float32), rate_hz)

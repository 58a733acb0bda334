"""The laws of decoding sound."""

import io
import struct

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.audio import Pcm, decode_audio, fit_window, pieces, probe_audio, resample
from processors.errors import DecodeError

few = settings(max_examples=40)
LIMIT_BYTES = 10_000_000
CODES = {"audio.format", "audio.truncated", "audio.too_large", "audio.corrupt"}


def wav(samples: bytes, *, tag: int = 1, channels: int = 1, rate_hz: int = 16_000, bits: int = 16) -> bytes:
    block = channels * bits // 8
    fields = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * block, block, bits)
    body = b"WAVE" + struct.pack("<4sI", b"fmt ", len(fields)) + fields
    body += struct.pack("<4sI", b"data", len(samples)) + samples
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def sine(seconds: float, rate_hz: int, frequency_hz: float = 440.0, amplitude: float = 0.5) -> np.ndarray:
    return amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)


def as_int16(samples: np.ndarray) -> np.ndarray:
    return np.round(samples * 32_767).astype("<i2")


def flac(samples: np.ndarray, rate_hz: int = 16_000) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(as_int16(samples)[None, :], format="s16", layout="mono")
        frame.sample_rate = rate_hz
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


FLAC_SECOND = flac(sine(1.0, 16_000))
WAV_SECOND = wav(as_int16(sine(1.0, 16_000)).tobytes())


def decode(payload: bytes, content_type: str | None = None, **overrides: int) -> Pcm:
    limit = overrides.pop("max_decoded_bytes", LIMIT_BYTES)
    rate_hz, channels = overrides.pop("sample_rate_hz", None), overrides.pop("channels", None)
    return decode_audio(payload, content_type, rate_hz, channels, max_decoded_bytes=limit)


def code_of(payload: bytes, content_type: str | None = None, **overrides: int) -> str | None:
    try:
        decode(payload, content_type, **overrides)
    except DecodeError as error:
        return error.code
    return None


@pytest.mark.parametrize("payload", [WAV_SECOND, FLAC_SECOND], ids=["wav", "flac"])
def test_a_file_decodes_to_the_samples_that_went_in(payload: bytes) -> None:
    pcm = decode(payload)

    assert pcm.sample_rate_hz == 16_000
    assert pcm.samples.dtype == np.float32
    np.testing.assert_allclose(pcm.samples, sine(1.0, 16_000), atol=1e-4)


@pytest.mark.parametrize(
    ("bits", "tag", "encode"),
    [
        (8, 1, lambda x: np.round(x * 127 + 128).astype("u1").tobytes()),
        (16, 1, lambda x: as_int16(x).tobytes()),
        (24, 1, lambda x: (x * (2**31 - 1)).astype("<i4").view("u1").reshape(-1, 4)[:, 1:].tobytes()),
        (32, 1, lambda x: (x * (2**31 - 1)).astype("<i4").tobytes()),
        (32, 3, lambda x: x.astype("<f4").tobytes()),
        (64, 3, lambda x: x.astype("<f8").tobytes()),
    ],
    ids=["u8", "s16", "s24", "s32", "f32", "f64"],
)
def test_every_width_of_wav_sample_decodes_to_the_same_sound(bits: int, tag: int, encode) -> None:
    samples = sine(0.05, 16_000)

    pcm = decode(wav(encode(samples), tag=tag, bits=bits))

    np.testing.assert_allclose(pcm.samples, samples, atol=0.01 if bits == 8 else 1e-4)


def test_channels_are_averaged() -> None:
    stereo = np.stack([sine(0.1, 8_000), -sine(0.1, 8_000)], axis=1)

    pcm = decode(wav(as_int16(stereo).tobytes(), channels=2, rate_hz=8_000))

    assert len(pcm.samples) == 800
    np.testing.assert_allclose(pcm.samples, 0.0, atol=1e-4)


def test_raw_samples_are_big_endian_as_l16_and_little_endian_as_pcm() -> None:
    samples = as_int16(sine(0.1, 16_000))

    little = decode(samples.tobytes(), "audio/pcm", sample_rate_hz=16_000)
    big = decode(samples.astype(">i2").tobytes(), "audio/L16; rate=16000; channels=1")

    np.testing.assert_array_equal(little.samples, big.samples)
    np.testing.assert_allclose(little.samples, sine(0.1, 16_000), atol=1e-4)


def test_the_parameters_of_raw_samples_come_from_the_record_before_the_content_type() -> None:
    pcm = decode(bytes(400), "audio/L16; rate=8000; channels=1", sample_rate_hz=48_000, channels=2)

    assert pcm.sample_rate_hz == 48_000
    assert len(pcm.samples) == 100


@pytest.mark.parametrize(
    "content_type", ["audio/pcm", "audio/L16; rate=fast", "audio/L16; rate=0", "audio/mpeg", "image/png", None]
)
def test_sound_of_unknown_format_is_named_as_such(content_type: str | None) -> None:
    assert code_of(bytes(64), content_type) == "audio.format"


@pytest.mark.parametrize("lengths", [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF)], ids=["zero", "all ones"])
def test_a_wav_written_into_a_pipe_lasts_to_its_end(lengths: tuple[int, int]) -> None:
    payload = bytearray(WAV_SECOND)
    payload[4:8] = struct.pack("<I", lengths[0])
    payload[40:44] = struct.pack("<I", lengths[1])

    assert len(decode(bytes(payload)).samples) == 16_000
    assert probe_audio(bytes(payload)) == (16_000, 16_000)


@few
@given(data=st.data())
def test_a_file_cut_off_anywhere_is_an_error(data: st.DataObject) -> None:
    payload = data.draw(st.sampled_from([WAV_SECOND, FLAC_SECOND]))
    length = data.draw(st.integers(0, len(payload) - 1))

    assert code_of(payload[:length]) in {"audio.truncated", "audio.format", "audio.corrupt"}


def test_files_cut_off_in_their_samples_are_truncated() -> None:
    assert code_of(WAV_SECOND[:-1000]) == "audio.truncated"
    assert code_of(FLAC_SECOND[: len(FLAC_SECOND) * 3 // 4]) == "audio.truncated"
    assert code_of(bytes(3), "audio/pcm", sample_rate_hz=16_000) == "audio.truncated"


@pytest.mark.parametrize("payload", [WAV_SECOND, FLAC_SECOND], ids=["wav", "flac"])
def test_the_limit_is_four_bytes_a_sample_and_inclusive(payload: bytes) -> None:
    assert code_of(payload, max_decoded_bytes=64_000) is None
    assert code_of(payload, max_decoded_bytes=63_999) == "audio.too_large"


def test_a_flac_that_claims_hours_is_refused_by_its_header() -> None:
    payload = bytearray(FLAC_SECOND)
    payload[21] |= 0x0F

    assert code_of(bytes(payload)) == "audio.too_large"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_corrupt(value: float) -> None:
    assert code_of(wav(np.array([0.0, value], "<f4").tobytes(), tag=3, bits=32)) == "audio.corrupt"


def test_infinities_that_cancel_are_corrupt() -> None:
    assert code_of(wav(np.array([np.inf, -np.inf], "<f4").tobytes(), tag=3, bits=32, channels=2)) == "audio.corrupt"


def test_samples_beyond_full_scale_are_cut() -> None:
    pcm = decode(wav(np.array([3.0, -3.0], "<f4").tobytes(), tag=3, bits=32))

    assert pcm.samples.tolist() == [1.0, -1.0]


@pytest.mark.parametrize("rate_hz", [1, 3_999, 768_001])
def test_an_impossible_rate_is_corrupt(rate_hz: int) -> None:
    assert code_of(wav(bytes(200), rate_hz=rate_hz)) == "audio.corrupt"


def test_a_file_without_samples_is_corrupt() -> None:
    assert code_of(wav(b"") + b"") == "audio.corrupt"


@pytest.mark.parametrize("payload", [WAV_SECOND, FLAC_SECOND, FLAC_SECOND[:42]], ids=["wav", "flac", "header"])
def test_the_length_is_read_from_the_header_alone(payload: bytes) -> None:
    assert probe_audio(payload) == (16_000, 16_000)


@pytest.mark.parametrize("payload", [b"", b"RIFF", WAV_SECOND[:30], FLAC_SECOND[:41], bytes(100)])
def test_what_tells_no_length_is_none(payload: bytes) -> None:
    assert probe_audio(payload) is None


@few
@given(
    magic=st.sampled_from([b"", b"RIFF\0\0\0\0WAVE", b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0", b"fLaC\0\0\0\x22", b"fLaC"]),
    rest=st.binary(max_size=200),
    content_type=st.sampled_from([None, "audio/wav", "audio/L16;rate=16000", "audio/pcm", "; ;", "audio/L16;rate"]),
)
def test_random_bytes_raise_nothing_but_decode_errors(magic: bytes, rest: bytes, content_type: str | None) -> None:
    assert code_of(magic + rest, content_type) in CODES | {None}


def test_a_wav_of_samples_without_bits_is_no_sound() -> None:
    damaged = bytearray(WAV_SECOND)
    damaged[34] = 0

    assert code_of(bytes(damaged)) == "audio.format"


@few
@given(payload=st.sampled_from([WAV_SECOND, FLAC_SECOND]), position=st.integers(0, 2_000), value=st.integers(0, 255))
def test_one_wrong_byte_raises_nothing_but_decode_errors(payload: bytes, position: int, value: int) -> None:
    damaged = bytearray(payload)
    damaged[position] = value

    assert code_of(bytes(damaged)) in CODES | {None}


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000])
def test_resampling_keeps_pitch_length_and_moment(rate_hz: int) -> None:
    pcm = resample(Pcm(sine(1.0, rate_hz).astype(np.float32), rate_hz))

    assert pcm.sample_rate_hz == 16_000
    assert len(pcm.samples) == 16_000
    np.testing.assert_allclose(pcm.samples[200:-200], sine(1.0, 16_000)[200:-200], atol=2e-3)


def test_resampling_to_the_same_rate_changes_nothing() -> None:
    pcm = Pcm(np.ones(5, np.float32), 16_000)

    assert resample(pcm) is pcm


@few
@given(n_samples=st.integers(1, 60_000))
def test_pieces_cover_every_sample_with_as_few_seconds_as_possible(n_samples: int) -> None:
    samples = np.arange(1, n_samples + 1, dtype=np.float32)

    split = pieces(samples)

    assert split.shape == (-(-n_samples // 16_000), 16_000)
    assert set(samples.tolist()) == set(split[split > 0].tolist())
    assert n_samples < 16_000 or (split > 0).all()


def test_a_short_chunk_is_padded_with_silence_at_its_end() -> None:
    fitted = fit_window(np.ones(3, np.float32))

    assert fitted.shape == (16_000,)
    assert fitted.dtype == np.float32
    assert fitted.sum() == fitted[:3].sum() == 3.0


def test_a_long_chunk_does_not_fit() -> None:
    with pytest.raises(ValueError, match="pieces"):
        fit_window(np.ones(16_001, np.float32))

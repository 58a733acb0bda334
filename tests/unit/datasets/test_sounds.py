"""Folders of sounds: any format, rate and channels come out alike, and what cannot be used is named."""

import io
import os
import struct
from pathlib import Path

import av
import numpy as np
import pytest

from processors.datasets.sounds import list_sounds, read_sound
from processors.errors import DatasetError

DATA = Path(os.environ.get("BRAID_DATA", "../shared/data"))
RATE_HZ = 16_000
FORMATS = {
    "wav": ("pcm_s16le", "s16"),
    "flac": ("flac", "s16"),
    "ogg": ("libopus", "s16"),
    "mp3": ("libmp3lame", "s16p"),
}


def encode(container: str, rate_hz: int, layout: str, seconds: float = 1.0) -> bytes:
    codec, form = FORMATS[container]
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate_hz)) / rate_hz)
    channels = np.tile(tone, (2 if layout == "stereo" else 1, 1))
    samples = np.round(channels * 32_767).astype("<i2")
    if form == "s16":
        samples = samples.T.reshape(1, -1).copy()
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(samples, format=form, layout=layout)
        frame.sample_rate = rate_hz
        for packet in (*stream.encode(frame), *stream.encode(None)):
            output.mux(packet)
    return file.getvalue()


def wav_header_only() -> bytes:
    fields = struct.pack("<HHIIHH", 1, 1, RATE_HZ, RATE_HZ * 2, 2, 16)
    body = b"WAVE" + struct.pack("<4sI", b"fmt ", len(fields)) + fields + struct.pack("<4sI", b"data", 0)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def write(folder: Path, names: list[str], content: bytes = b"") -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


@pytest.mark.parametrize("container", FORMATS)
@pytest.mark.parametrize(("rate_hz", "layout"), [(16_000, "mono"), (48_000, "stereo")])
def test_any_format_rate_and_channels_become_the_same_sound(tmp_path, container, rate_hz, layout):
    path = tmp_path / f"tone.{container}"
    path.write_bytes(encode(container, rate_hz, layout))

    samples = read_sound(path, RATE_HZ)

    assert samples.dtype == np.float32
    assert abs(len(samples) - RATE_HZ) < 0.15 * RATE_HZ  # lossy formats pad to whole frames
    spectrum = np.abs(np.fft.rfft(samples[:RATE_HZ], RATE_HZ))
    assert abs(int(spectrum.argmax()) - 440) <= 1
    assert 0.3 < np.abs(samples[2000:14000]).max() < 0.7


def test_a_fold_in_the_name_is_the_group_and_any_other_file_is_its_own(tmp_path):
    folder = write(tmp_path, ["rain/1-17367-A.flac", "rain/roof.wav", "bark/2-114280-A.flac", "bark/1-5-B-0.wav"])

    groups = {clip.path.name: clip.group for clip in list_sounds(folder).clips}

    assert groups["1-17367-A.flac"] == groups["1-5-B-0.wav"] == "fold 1"
    assert groups["2-114280-A.flac"] == "fold 2"
    assert groups["roof.wav"] == str(tmp_path / "rain" / "roof.wav")


def test_classes_are_the_folders_and_other_files_are_passed_over(tmp_path):
    folder = write(
        tmp_path, ["rain/a.wav", "rain/notes.txt", "bark/b.MP3", "bark/.hidden.wav", "LICENCE.txt", ".x/c.wav"]
    )

    found = list_sounds(folder)

    assert found.classes == ("bark", "rain")
    assert [(clip.path.name, clip.label) for clip in found.clips] == [("b.MP3", 0), ("a.wav", 1)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], "no class folder"),
        (["loose.wav"], "no class folder"),
        (["rain/a.wav"], "only the class folder 'rain'"),
        (["rain/a.wav", "bark/notes.txt"], "class 'bark' is empty"),
    ],
)
def test_a_folder_that_cannot_be_learned_from_is_refused(tmp_path, names, told):
    with pytest.raises(DatasetError, match=told):
        list_sounds(write(tmp_path, names))


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="nowhere is not there"):
        list_sounds(tmp_path / "nowhere")
    with pytest.raises(DatasetError, match=r"a\.wav is a file"):
        list_sounds(write(tmp_path, ["a.wav"]) / "a.wav")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a sound",
        b"OggS and nothing of the kind",
        b"ID3 and nothing of the kind",
        wav_header_only(),
        encode("flac", RATE_HZ, "mono")[:3000],
        encode("ogg", RATE_HZ, "mono")[:200],
    ],
    ids=["empty", "text", "ogg", "mp3", "no samples", "cut flac", "cut ogg"],
)
def test_a_broken_file_is_named(tmp_path, content):
    path = write(tmp_path, ["broken.wav"], content) / "broken.wav"
    with pytest.raises(DatasetError, match=r"broken\.wav"):
        read_sound(path, RATE_HZ)


@pytest.mark.skipif(not (DATA / "esc10").is_dir(), reason=f"{DATA}/esc10 is not at hand; BRAID_DATA names its parent")
def test_esc10_has_ten_classes_in_three_folds():
    found = list_sounds(DATA / "esc10")

    assert len(found.classes) == 10
    assert {clip.group for clip in found.clips} == {"fold 1", "fold 2", "fold 3"}
    assert len(read_sound(found.clips[0].path, RATE_HZ)) == pytest.approx(80_000, rel=0.01)

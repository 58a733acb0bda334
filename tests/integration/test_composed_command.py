"""`braid evaluate composed` from folders of sounds and clips that it has never seen to one JSON document."""

import json
import os
import subprocess
import sys
import wave
from pathlib import Path

import av
import numpy as np
import pytest

CLASSES = ("001 - Dog bark", "crying_baby", "chainsaw", "doorbell")
RATE_HZ = 16_000


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in CLASSES:
        path = tmp_path / "sounds" / name / "one.wav"
        path.parent.mkdir(parents=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes((rng.uniform(-0.3, 0.3, RATE_HZ) * 32_767).astype("<i2").tobytes())
    return tmp_path / "sounds"


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    wall = np.zeros((96, 128, 3), np.uint8)
    wall[..., 0], wall[..., 1] = 90, np.arange(128, dtype=np.uint8)
    with av.open(str(folder / "any name.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for index in range(40):
            frame = wall.copy()
            if 8 <= index < 24:
                left = 4 * (index - 8)
                frame[30:70, left : left + 30] = (250, 240, 20)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return folder


def test_folders_of_ones_own_are_judged_and_the_document_says_what_was_used(
    models: Path, sounds: Path, clips: Path, tmp_path: Path
) -> None:
    words = ["evaluate", "composed", "--seed", "4", "--streams", "1", "--json"]
    outcome = subprocess.run(
        [sys.executable, "-m", "streams.cli", *words, "--sounds", sounds, "--clips", clips],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "BRAID_MODELS__REPOSITORY": str(models), "BRAID_DATA": str(tmp_path / "nothing")},
    )
    assert outcome.returncode == 0, outcome.stderr
    document = json.loads(outcome.stdout)
    assert set(document["snr"]) == {"20", "15", "10", "5", "0", "-5"}
    assert document["used"]["sounds"] == {"baby_cry": 1, "chainsaw": 1, "dog_bark": 1}
    assert document["used"]["sounds_of_no_class"] == 1
    assert document["used"]["classes_without_sounds"] == ["fire_crackling", "helicopter", "rooster"]
    assert document["used"]["things"]["any name.mp4"] >= 1
    assert 0.0 <= document["segment_f1"] <= 1.0

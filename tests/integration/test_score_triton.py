"""`braid score` with a Triton in place of encoders in this process."""

import json
import wave
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from streams.cli.app import command_line
from streams.errors import DependencyUnavailable

pytestmark = pytest.mark.integration


def _score(place: Path, *words: str) -> list[dict[str, Any]]:
    command = ["score", "--normal", str(place / "normal"), str(place / "other"), "--hop", "500ms", "--json", *words]
    outcome = CliRunner().invoke(command_line(), command)
    assert outcome.exception is None, outcome.exception
    return [json.loads(line) for line in outcome.stdout.splitlines()]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    scene = np.random.default_rng(0).integers(60, 200, (9, 12)).astype(np.uint8)
    for name, seconds in (("normal", 11), ("other", 2)):
        (tmp_path / name / "frames").mkdir(parents=True)
        for index in range(10 * seconds):
            frame = cv2.resize(scene, (240, 180))
            at = round(100 + 80 * np.sin(index / 6))
            frame[80:110, at : at + 14] = 20
            cv2.imwrite(str(tmp_path / name / "frames" / f"{index}.png"), frame)
        with wave.open(str(tmp_path / name / "talk.wav"), "wb") as file:
            file.setparams((1, 2, 16_000, 0, "NONE", ""))
            file.writeframes(np.random.default_rng(1).integers(-999, 999, 16_000 * seconds, np.int16).tobytes())
        cues = [f"00:00:{at:02d}.000 --> 00:00:{at + 1:02d}.000\nall is well" for at in range(seconds)]
        (tmp_path / name / "talk.vtt").write_text("WEBVTT\n\n" + "\n\n".join(cues))
    return tmp_path


def test_a_triton_answers_as_the_encoders_in_this_process_do(place: Path, models: Path, triton_grpc: str) -> None:
    here = _score(place, "--models", str(models))
    there = _score(place, "--triton", triton_grpc)
    assert [line["start_ms"] for line in there] == [line["start_ms"] for line in here] == [0, 500, 1000] * 2
    assert [set(line["parts"]) for line in there] == [set(line["parts"]) for line in here]
    assert [line["score"] for line in there] == pytest.approx([line["score"] for line in here], rel=0.05, abs=0.05)


def test_a_triton_that_is_not_there_is_said(place: Path) -> None:
    command = ["score", "--normal", str(place / "normal"), str(place / "other"), "--triton", "127.0.0.1:9"]
    outcome = CliRunner().invoke(command_line(), command)
    assert isinstance(outcome.exception, DependencyUnavailable)
    assert "127.0.0.1:9" in str(outcome.exception)

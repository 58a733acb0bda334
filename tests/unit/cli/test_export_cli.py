"""`braid export`: which options go together, and what is left in the folder."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from streams.cli.app import command_line
from streams.errors import ConfigurationError


def export(*words):
    return CliRunner().invoke(command_line(), ["export", *map(str, words)])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "name either --fusion or --encoder"),
        (("--fusion", "f", "--encoder", "video"), "name either --fusion or --encoder"),
        (("--fusion", "f"), "--fusion needs --data"),
        (("--fusion", "f", "--data", "d", "--precision", "fp16"), "half precision is made by"),
        (("--encoder", "video"), "--encoder needs --calibration"),
        (("--encoder", "video", "--calibration", ".", "--prune", "0.5"), "makes an eight-bit version only"),
    ],
)
def test_options_that_do_not_go_together_are_refused(tmp_path, words, complaint):
    outcome = export("--out", tmp_path, *words)
    assert outcome.exit_code == 2
    assert complaint in " ".join(outcome.stderr.replace("│", " ").split())


def test_a_model_that_is_not_there_is_told(tmp_path):
    outcome = export("--out", tmp_path, "--fusion", tmp_path / "none.safetensors", "--data", tmp_path / "none.npz")
    assert isinstance(outcome.exception, ConfigurationError)
    assert "none.safetensors" in str(outcome.exception)


def test_too_few_pictures_are_told(tmp_path):
    cv2.imwrite(str(tmp_path / "one.png"), np.zeros((32, 32, 3), np.uint8))
    outcome = export("--out", tmp_path / "out", "--encoder", "video", "--calibration", tmp_path)
    assert isinstance(outcome.exception, ConfigurationError)
    assert "holds 1 pictures and clips" in str(outcome.exception)


def test_a_picture_that_is_no_picture_is_named(tmp_path):
    for name in ("one.png", "two.png"):
        (tmp_path / name).write_bytes(b"no picture")
    outcome = export("--out", tmp_path / "out", "--encoder", "video", "--calibration", tmp_path)
    assert isinstance(outcome.exception, ConfigurationError)
    assert "one.png cannot be read" in str(outcome.exception)

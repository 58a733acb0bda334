"""The encoders in this process, without a server: the ONNX graphs of a built model repository, one thread each."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from tokenizers import Tokenizer

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.spec import (
    AUDIO_ENCODER,
    AUDIO_RATE_HZ,
    MAX_TOKENS,
    TEXT_ENCODER_ONNX,
    TEXT_TOKENIZER,
    VIDEO_ENCODER,
)
from processors.video import decode_frame

__all__ = ["MAX_DECODED_BYTES", "Encoders", "load_tokenizer"]

_BATCH = 16
_MAX_TOKENS = re.compile(r'"max_tokens"\s+value\s*\{\s*string_value:\s*"(\d+)"')
MAX_DECODED_BYTES = 64 * 1024 * 1024


class Encoders:
    """Frames, chunks and lines to embeddings.

    Args:
        repository: a folder as `braid models build` makes it.

    Attributes:
        dims: length of one item's embedding, for every modality.
        version: digest of the graphs; another where one of them is another.

    Raises:
        ModelError: a model or the tokenizer is not there.
    """

    def __init__(self, repository: Path) -> None:
        self._video = _open_session(repository, VIDEO_ENCODER.name)
        self._audio = _open_session(repository, AUDIO_ENCODER.name)
        self._text = _open_session(repository, TEXT_ENCODER_ONNX.name)
        self._tokenizer = _open_tokenizer(repository)
        self.version = _digest(repository)
        sessions = {Modality.VIDEO: self._video, Modality.AUDIO: self._audio, Modality.TRANSCRIPT: self._text}
        self.dims: Mapping[Modality, int] = {
            modality: int({each.name: each.shape for each in session.get_outputs()}["embedding"][1])
            for modality, session in sessions.items()
        }

    def encode_frames(self, jpegs: list[bytes]) -> npt.NDArray[np.float32]:
        """Float32 [N, 1280] of JPEG frames, decoded as the worker decodes them."""
        return self._run(
            self._video,
            "frames",
            np.stack([decode_frame(jpeg, max_decoded_bytes=MAX_DECODED_BYTES).pixels for jpeg in jpegs]),
        )

    def encode_pictures(
        self, squares: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float16]]:
        """Embeddings float32 [N, 1280] and cells float16 [N, 5, 5, 40] of frames, uint8 [N, 224, 224, 3] RGB."""
        answers = [
            self._video.run(["embedding", "cells"], {"frames": squares[first : first + _BATCH]})
            for first in range(0, len(squares), _BATCH)
        ]
        return np.concatenate([answer[0] for answer in answers]), np.concatenate([answer[1] for answer in answers])

    def encode_sound(self, sound: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Float32 [N, 1280] of mono sound at 16 kHz, cut into whole seconds, rounded to 16 bits as a recording is."""
        rounded = np.round(sound * 32767).astype(np.int16).astype(np.float32) / 32768
        seconds = len(sound) // AUDIO_RATE_HZ
        return self.encode_seconds(rounded[: seconds * AUDIO_RATE_HZ].reshape(seconds, AUDIO_RATE_HZ))

    def encode_seconds(self, seconds: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Float32 [N, 1280] of seconds of mono sound, float32 [N, 16000]."""
        return self._run(self._audio, "samples", seconds)

    def encode_lines(self, lines: list[str]) -> npt.NDArray[np.float32]:
        """Float32 [N, 384] of lines of text."""
        if not lines:
            return np.zeros((0, self.dims[Modality.TRANSCRIPT]), np.float32)
        encodings = self._tokenizer.encode_batch(lines)
        inputs = {
            "input_ids": np.array([encoding.ids for encoding in encodings], np.int64),
            "attention_mask": np.array([encoding.attention_mask for encoding in encodings], np.int64),
        }
        embeddings: npt.NDArray[np.float32] = self._text.run(["embedding"], inputs)[0]
        return embeddings

    @staticmethod
    def _run(
        session: onnxruntime.InferenceSession, name: str, items: npt.NDArray[np.generic]
    ) -> npt.NDArray[np.float32]:
        parts = [
            session.run(["embedding"], {name: items[first : first + _BATCH]})[0]
            for first in range(0, len(items), _BATCH)
        ]
        return np.concatenate(parts)


def _digest(repository: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for name in (VIDEO_ENCODER.name, AUDIO_ENCODER.name, TEXT_ENCODER_ONNX.name):
        digest.update((repository / name / "1" / "model.onnx").read_bytes())
    return digest.hexdigest()


def _open_tokenizer(repository: Path) -> Tokenizer:
    """The one that the server uses, as it uses it."""
    folder = repository / TEXT_TOKENIZER.name
    path = folder / "1" / "tokenizer.json"
    if not path.is_file():
        raise ModelError(f"{path} is missing; build the models with `braid models build`")
    told = _MAX_TOKENS.search((folder / "config.pbtxt").read_text(encoding="utf-8"))
    return load_tokenizer(path, MAX_TOKENS if told is None else int(told[1]))


def load_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """A tokenizer that cuts and pads as the server's does."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.enable_truncation(max_tokens)
    tokenizer.enable_padding(pad_id=tokenizer.token_to_id("[PAD]") or 0)
    return tokenizer


def _open_session(repository: Path, model: str) -> onnxruntime.InferenceSession:
    path = repository / model / "1" / "model.onnx"
    if not path.is_file():
        raise ModelError(f"{path} is missing; build the models with `braid models build`")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

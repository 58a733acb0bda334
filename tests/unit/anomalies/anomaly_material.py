"""Clips, sounds and encoders that are small enough to be written by a test."""

import io
import wave
from pathlib import Path

import av
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from processors.scenes.synthesis import SOUND_RATE_HZ

RATE_HZ = 10
CLASSES = ("clock_tick", "dog_bark", "rain", "rooster", "sea_waves")


def write_clip(path: Path, seconds: float, size: int, colour: tuple[int, int, int], *, is_still: bool = True) -> None:
    """A square that crosses a grainy wall from left to right every eight seconds."""
    rng = np.random.default_rng(3)
    wall = rng.integers(90, 130, size=(12, 16, 3)).astype(np.uint8).repeat(6, axis=0).repeat(6, axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE_HZ)
        stream.width, stream.height, stream.bit_rate = 96, 72, 2_000_000
        for number in range(round(seconds * RATE_HZ)):
            frame = wall.copy() if is_still or abs(number / seconds / RATE_HZ - 0.5) > 0.2 else wall // 3
            left = 2 * (number % 80) - 30
            frame[24 : 24 + size, max(0, left) : max(0, left + size)] = colour
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def write_wav(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SOUND_RATE_HZ)
        sound.writeframes((samples * 32_767).astype("<i2").tobytes())
    path.write_bytes(file.getvalue())


def write_material(folder: Path) -> None:
    """Clips and sounds as `braid evaluate anomalies --data` takes them."""
    (folder / "clips").mkdir()
    write_clip(folder / "clips" / "gate.mp4", 30.0, 20, (250, 30, 30))
    write_clip(folder / "clips" / "yard.mp4", 4.0, 24, (20, 40, 240))
    rng = np.random.default_rng(0)
    for name in CLASSES:
        for fold in (1, 2, 3):
            write_wav(folder / "esc10" / name / f"{fold}-{name}-A.wav", rng.uniform(-0.3, 0.3, SOUND_RATE_HZ))


def write_encoders(repository: Path) -> None:
    """Encoders in a model repository: the mean colour of a picture, the level of a second, the length of a line."""
    rows = helper.make_node("ReduceMean", ["x", "rows"], ["means"], keepdims=0)
    frames = [
        helper.make_node("Cast", ["frames"], ["x"], to=TensorProto.FLOAT),
        rows,
        helper.make_node("Identity", ["means"], ["embedding"]),
        helper.make_node("Unsqueeze", ["means", "rows"], ["one_cell"]),
        helper.make_node("Expand", ["one_cell", "grid"], ["grid_cells"]),
        helper.make_node("Cast", ["grid_cells"], ["cells"], to=TensorProto.FLOAT16),
    ]
    _save(
        repository / "video_encoder",
        frames,
        {"frames": (TensorProto.UINT8, ["n", 224, 224, 3])},
        {"embedding": (TensorProto.FLOAT, ["n", 3]), "cells": (TensorProto.FLOAT16, ["n", 2, 2, 3])},
        {"rows": np.array([1, 2]), "grid": np.array([1, 2, 2, 1])},
    )
    sound = [
        helper.make_node("Abs", ["samples"], ["loud"]),
        helper.make_node("ReduceMean", ["loud", "axis"], ["embedding"], keepdims=1),
    ]
    samples = {"samples": (TensorProto.FLOAT, ["n", 16000])}
    level = {"embedding": (TensorProto.FLOAT, ["n", 1])}
    _save(repository / "audio_encoder", sound, samples, level, {"axis": np.array([1])})
    text = [
        helper.make_node("Cast", ["input_ids"], ["ids"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["ids", "mask"], ["seen"]),
        helper.make_node("ReduceMean", ["seen", "axis"], ["embedding"], keepdims=1),
    ]
    tokens = {name: (TensorProto.INT64, ["n", "t"]) for name in ("input_ids", "attention_mask")}
    _save(repository / "text_encoder_onnx", text, tokens, level, {"axis": np.array([1])})
    tokenizer = Tokenizer(WordLevel({"[PAD]": 0, "[UNK]": 1, "gate": 2, "order": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    (repository / "text_tokenizer" / "1").mkdir(parents=True)
    tokenizer.save(str(repository / "text_tokenizer" / "1" / "tokenizer.json"))
    (repository / "text_tokenizer" / "config.pbtxt").write_text("")


Tensors = dict[str, tuple[int, list[str | int]]]


def _save(folder: Path, nodes: list, inputs: Tensors, outputs: Tensors, constants: dict[str, np.ndarray]) -> None:
    graph = helper.make_graph(
        nodes,
        folder.name,
        [helper.make_tensor_value_info(name, *tensor) for name, tensor in inputs.items()],
        [helper.make_tensor_value_info(name, *tensor) for name, tensor in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    (folder / "1").mkdir(parents=True)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, folder / "1" / "model.onnx")

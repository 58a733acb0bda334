import shutil
import sys
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

sys.path.insert(0, str(Path(__file__).parents[1]))

from eventful_recordings import Frozen, write_eventful
from tiny_checkpoints import WRITERS

from processors.datasets.recordings import TimedEvent, write_labels
from processors.datasets.windows import TaskLabels, WindowItems, WindowSet
from processors.modality import Modality
from processors.models.encoders import text_weights_path
from processors.models.skeleton import render_skeleton
from processors.models.training.data import RecordingTools
from processors.models.training.plan import TrainingPlan
from processors.models.training.run import train
from streams.cli.recordings import make_tools

DIMS = {Modality.VIDEO: 6, Modality.AUDIO: 5, Modality.TRANSCRIPT: 4}
CLASSES = ("crash", "alarm")
SECONDS = 6
RATE_HZ = 8_000


@pytest.fixture
def windows():
    """Makes sets of windows; any field may be given."""
    return _make_windows


def _make_windows(recordings=9, each=12, seed=0, noise=0.3, **changes):
    """Windows in which every modality tells both classes, and `crash` tells the mood; every third label is unknown."""
    rng = np.random.default_rng(seed)
    count = recordings * each
    labels = (rng.random((count, len(CLASSES))) < 0.4).astype(np.float32)
    modalities = {}
    for modality, dim in DIMS.items():
        items = noise * rng.normal(size=(count, 3, dim))
        items[:, :, :2] += 2 * labels[:, None] - 1
        weights = np.ones((count, 3), np.float32)
        weights[:, 2] = 0
        modalities[modality] = WindowItems(
            items.astype(np.float16).astype(np.float32), np.tile(np.arange(3, dtype=np.float32), (count, 1)), weights
        )
    mood = np.eye(2, dtype=np.float32)[labels[:, 0].astype(int)]
    known = labels.copy()
    known[::3, 1] = np.nan
    mood[::3] = np.nan
    values = {
        "classes": CLASSES,
        "recordings": np.repeat([f"r{number}" for number in range(recordings)], each),
        "starts_ms": np.tile(np.arange(each) * 2000, recordings),
        "labels": known,
        "modalities": modalities,
        "tasks": {"mood": TaskLabels(("calm", "upset"), mood)},
    }
    return WindowSet(**{**values, **changes})


@pytest.fixture
def plan(tmp_path):
    """A brief training; keys of sections are merged."""

    def plan(**changes):
        values = {
            "data": tmp_path / "windows.npz",
            "out": tmp_path / "out",
            "network": {"kind": "concat", "width": 16, "dropout": 0.1},
            "loop": {"epochs": 6, "batch_size": 16, "learning_rate": 0.02},
        }
        for key, value in changes.items():
            values[key] = {**values[key], **value} if isinstance(values.get(key), dict) else value
        return TrainingPlan(**values)

    return plan


@pytest.fixture
def repository(tmp_path):
    """Encoders of a few numbers each, in the files that a repository has."""
    rng = np.random.default_rng(0)

    def save(name, source, source_type, shape, axes, width, dim):
        matrix = numpy_helper.from_array(rng.normal(size=(width, dim)).astype(np.float32), "matrix")
        nodes = [
            helper.make_node("Cast", [source], ["numbers"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["numbers", "axes"], ["means"], keepdims=int(width == 1)),
            helper.make_node("MatMul", ["means", "matrix"], ["embedding"]),
        ]
        inputs = [helper.make_tensor_value_info(source, source_type, shape)]
        if source == "input_ids":
            inputs.append(helper.make_tensor_value_info("attention_mask", source_type, shape))
        graph = helper.make_graph(
            nodes,
            name,
            inputs,
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", dim])],
            [matrix, numpy_helper.from_array(np.array(axes, np.int64), "axes")],
        )
        path = tmp_path / "models" / name / "1" / "model.onnx"
        path.parent.mkdir(parents=True)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8), path)

    save("video_encoder", "frames", TensorProto.UINT8, ["n", 224, 224, 3], [1, 2], 3, 1280)
    save("audio_encoder", "samples", TensorProto.FLOAT, ["n", 16000], [1], 1, 1280)
    save("text_encoder_onnx", "input_ids", TensorProto.INT64, ["n", "t"], [1], 1, 8)
    tokenizer = tmp_path / "models/text_tokenizer/1/tokenizer.json"
    tokenizer.parent.mkdir(parents=True)
    shutil.copy(text_weights_path() / "tokenizer.json", tokenizer)
    skeleton = render_skeleton()
    (tokenizer.parents[1] / "config.pbtxt").write_text(skeleton["text_tokenizer/config.pbtxt"])
    return tmp_path / "models"


@pytest.fixture
def yard(tmp_path):
    """Four recordings: sound with subtitles, twice, sound alone, and a film; each event is loud, and bright."""
    path = tmp_path / "yard"
    path.mkdir()
    moments = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    is_loud = (moments >= 2) & (moments < 4)
    sound = (16_000 * is_loud).astype(np.int16)
    for name in ("gate.wav", "door.wav", "roof.wav"):
        with wave.open(str(path / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE_HZ)
            file.writeframes(sound.tobytes())
    (path / "gate.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:03.000\nSomething fell down\n", encoding="utf-8")
    shutil.copy(path / "gate.vtt", path / "door.vtt")
    with av.open(str(path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=Fraction(5))
        stream.width, stream.height = 64, 48
        for number in range(5 * SECONDS):
            shade = 250 if 10 <= number < 20 else 5
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), shade, np.uint8))))
        container.mux(stream.encode(None))
    crash = [TimedEvent("crash", 2000, 4000)]
    write_labels(path, dict.fromkeys(("gate.wav", "door.wav", "roof.wav", "film.mp4"), crash))
    return path


@pytest.fixture(scope="session")
def kept(tmp_path_factory):
    """Kind -> folder of a checkpoint that no test changes."""
    folders = {}
    for kind in ("clip_vision", "ast", "bert"):
        folders[kind] = tmp_path_factory.mktemp(kind)
        WRITERS[kind](folders[kind])
    return {kind: str(folder) for kind, folder in folders.items()}


@pytest.fixture(scope="session")
def eventful(tmp_path_factory):
    """Six films that grow bright, six sounds that grow loud, with lines that tell so, in the middle third of each."""
    path = tmp_path_factory.mktemp("eventful")
    write_eventful(path)
    return path


@pytest.fixture
def tuning_plan(tmp_path, eventful, kept, repository):
    """A brief training of encoders, of films by their last block and of sounds by adapters, and of the network."""

    def plan(**changes):
        values = {
            "data": eventful,
            "out": tmp_path / "out",
            "modalities": ["video", "audio"],
            "recordings": {"models": repository, "size_ms": 2000, "hop_ms": 2000},
            "network": {"kind": "concat", "width": 8},
            "loop": {"epochs": 2},
            "encoders": {
                "video": {"transfer": "last_n", "last_n": 1, "checkpoint": kept["clip_vision"]},
                "audio": {"transfer": "lora", "rank": 2, "checkpoint": kept["ast"], "learning_rate": 0.003},
            },
        }
        encoders = {
            each: {"epochs": 2, "batch_size": 16, "items": 60, "learning_rate": 0.001, **own}
            for each, own in changes.pop("encoders", values["encoders"]).items()
        }
        return TrainingPlan(**{**values, **changes, "encoders": encoders})

    return plan


@pytest.fixture
def train_on():
    """Trains on recordings, by encoders that stand for a repository's where nothing is learned."""

    def run(plan, told=lambda _step: None):
        tools = RecordingTools(make_tools(plan.recordings.fps, plan.modalities).read, lambda _path: Frozen())
        return train(plan, tools, told=told)

    return run

"""Labelled recordings to windows: the real reader and the real encoder, on media and graphs that the tests write."""

import shutil

import numpy as np
import pytest
from transformers import AutoTokenizer

from processors.datasets.recordings import Recording, RecordingFolder, TimedEvent
from processors.datasets.windows import read_windows
from processors.errors import ModelError
from processors.modality import Modality
from processors.models.encoders import text_weights_path
from processors.models.local_encoders import Encoders
from processors.models.training.data import RecordingTools, load_data
from processors.models.training.plan import RecordingPlan, TrainingPlan
from processors.models.training.recordings import RecordedItem, encode_recordings
from streams.cli.recordings import make_tools

PLAN = RecordingPlan(size_ms=4000, hop_ms=2000, least_ms=1000)


class Ramp:
    """Encodes an item as its first byte, its first sample, or how many letters it has."""

    def __init__(self):
        self.dims = {Modality.VIDEO: 3, Modality.AUDIO: 2, Modality.TRANSCRIPT: 1}

    def encode_frames(self, jpegs):
        return np.array([[jpeg[0]] * 3 for jpeg in jpegs], np.float32)

    def encode_seconds(self, seconds):
        return np.repeat(seconds[:, :1], 2, axis=1)

    def encode_lines(self, lines):
        return np.array([[len(line)] for line in lines], np.float32)


def folder(tmp_path, *events, duration_ms=8000):
    recording = Recording(tmp_path / "a.mp4", duration_ms, tuple(Modality), events)
    return RecordingFolder(tmp_path, ("alarm", "crash"), (recording,))


def encode(recordings, items=()):
    return encode_recordings(recordings, PLAN, Ramp(), lambda _path: items, lambda _step: None)


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "labels"),
    [
        (4000, 7000, [0, 1, 1]),
        (3500, 3900, [1, 1, 0]),
        (3500, 4600, [np.nan, 1, np.nan]),
        (3800, 4100, [np.nan, 1, np.nan]),
        (6000, 6100, [0, 0, 1]),
    ],
    ids=["long", "short and whole", "a second in one", "short and cut", "at the edge"],
)
def test_a_window_is_an_example_of_what_it_holds_enough_of(tmp_path, start_ms, end_ms, labels):
    made = encode(folder(tmp_path, TimedEvent("crash", start_ms, end_ms)))
    assert made.starts_ms.tolist() == [0, 2000, 4000]
    np.testing.assert_array_equal(made.labels[:, 1], labels)
    assert not made.labels[:, 0].any()


def test_a_recording_that_is_shorter_than_a_window_is_one(tmp_path):
    assert encode(folder(tmp_path, duration_ms=900)).starts_ms.tolist() == [0]


def test_items_stand_in_every_window_that_they_belong_to(tmp_path):
    loud = np.full(32_000 // 2, 16_384, np.int16).tobytes()
    items = [
        *(RecordedItem(Modality.VIDEO, time, time, bytes([number])) for number, time in enumerate(range(0, 8000, 100))),
        RecordedItem(Modality.AUDIO, 3500, 4500, loud),
        RecordedItem(Modality.TRANSCRIPT, 1000, 3000, b'{"text": "hello"}'),
    ]
    made = encode(folder(tmp_path), items)
    video, audio, words = made.modalities.values()
    assert (video.weights > 0).sum(axis=1).tolist() == [32, 32, 32]
    assert video.items[1, 0, 0] == 20
    assert video.items[1, -1, 0] == 59
    np.testing.assert_allclose(audio.weights[:, 0], [0.5, 1, 0.5])
    np.testing.assert_allclose(audio.times[:, 0], [3.5, 1.5, -0.5])
    assert audio.items[0, 0, 0] == 0.5
    assert (words.weights > 0).sum(axis=1).tolist() == [1, 1, 0]
    assert words.items[0, 0, 0] == len("hello")


def test_lines_are_tokenised_as_the_models_own_tokeniser_does(repository):
    lines = ["Fire!", "Everybody out of the building, now", "word " * 400]
    encoders = Encoders(repository)
    assert encoders.dims == {Modality.VIDEO: 1280, Modality.AUDIO: 1280, Modality.TRANSCRIPT: 8}
    tokenizer = AutoTokenizer.from_pretrained(text_weights_path(), local_files_only=True)
    ids = tokenizer(lines, padding=True, truncation=True, max_length=256, return_tensors="np")["input_ids"]
    embeddings = encoders.encode_lines(lines)
    np.testing.assert_allclose(
        embeddings / embeddings[0], np.tile((ids.mean(axis=1) / ids[0].mean())[:, None], 8), 1e-4
    )
    assert encoders.encode_lines([]).shape == (0, 8)
    (repository / "text_tokenizer/1/tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing; build the models"):
        Encoders(repository)


def test_media_files_become_windows_once(yard, repository, tmp_path):
    plan = TrainingPlan(data=yard, out=tmp_path / "out", recordings={"models": repository, "size_ms": 2000})
    opened = []

    def open_encoder(path):
        opened.append(path)
        return Encoders(path)

    tools = RecordingTools(make_tools(plan.recordings.fps, plan.modalities).read, open_encoder)
    data = load_data(plan, tools, lambda _step: None)
    made = data.windows
    assert sorted(set(made.recordings)) == ["door.wav", "film.mp4", "gate.wav", "roof.wav"]
    assert made.labels[:, 0].tolist() == [0, 1, 0] * 4
    film, gate, roof = (made.recordings == name for name in ("film.mp4", "gate.wav", "roof.wav"))
    there = {modality: (part.weights > 0).any(axis=1) for modality, part in made.modalities.items()}
    assert there[Modality.VIDEO].tolist() == film.tolist()
    assert there[Modality.AUDIO].tolist() == (~film).tolist()
    assert there[Modality.TRANSCRIPT][gate].tolist() == [True, True, False]
    assert not there[Modality.TRANSCRIPT][roof].any()
    bright, loud = (np.abs(made.modalities[each].items).sum(axis=2) for each in (Modality.VIDEO, Modality.AUDIO))
    assert bright[film][1, :10].min() > 10 * bright[film][0, :10].max()
    assert loud[gate][1, :2].min() > 10 * loud[gate][0, :2].max()
    again = load_data(plan, tools, lambda _step: None)
    assert opened == [repository]
    np.testing.assert_array_equal(again.windows.modalities[Modality.VIDEO].items, made.modalities[Modality.VIDEO].items)
    assert len(read_windows(tmp_path / "out/windows.npz")) == len(made)


def test_other_media_and_other_models_are_encoded_again_until_a_training_has_begun(yard, repository, tmp_path):
    plan = TrainingPlan(data=yard, out=tmp_path / "out", recordings={"models": repository})
    opened = []
    tools = RecordingTools(lambda _path: (), lambda path: opened.append(path) or Ramp())

    def load():
        return load_data(plan, tools, lambda _step: None)

    load()
    (yard / "gate.vtt").write_text("WEBVTT\n", encoding="utf-8")
    load()
    graph = repository / "audio_encoder/1/model.onnx"
    graph.write_bytes(graph.read_bytes() + b"\0")
    load().folder.claim()
    load()
    assert len(opened) == 3
    graph.write_bytes(graph.read_bytes() + b"\0")
    (yard / "roof.vtt").write_text("WEBVTT\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"out holds a training with another data_sha256, models_sha256; name another"):
        load()


def test_folders_of_sounds_by_class_are_learned_from_as_they_are(yard, tmp_path):
    for name in ("alarm/1-17-A.wav", "alarm/1-17-B.wav", "crash/2-18-A.wav"):
        (tmp_path / "sounds" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(yard / "gate.wav", tmp_path / "sounds" / name)
    plan = TrainingPlan(data=tmp_path / "sounds", out=tmp_path / "out", modalities=["audio"])
    tools = RecordingTools(make_tools(plan.recordings.fps, plan.modalities).read, lambda _path: Ramp())
    made = load_data(plan, tools, lambda _step: None).windows
    assert made.classes == ("alarm", "crash")
    assert made.recordings.tolist() == ["1-17"] * 4 + ["2-18"] * 2
    assert made.labels.tolist() == [[1, 0]] * 4 + [[0, 1]] * 2

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.composed.encoding import EncodedStream
from processors.models.composed.windows import pack_window, window_starts_ms
from processors.models.composed_training.__main__ import digest_examples, name_checkpoints
from processors.models.composed_training.choosing import calibrate_composed, choose_decoding
from processors.models.composed_training.fitting import FitSettings, StreamWindows, fit_composed
from processors.models.fusion_training.scenes import Items
from processors.models.spec import EMBEDDING_DIMS
from processors.scenes.schedule import Happening

_CLASSES = ("bark", "crow")


def _stream(seed: int) -> EncodedStream:
    """Twelve seconds in which a bark is heard from 4 s to 8 s, and seen as a flicker."""
    rng = np.random.default_rng(seed)
    times_ms = np.arange(0, 12_000, 200, dtype=np.int64)
    chunks_ms = np.arange(0, 12_000, 1000, dtype=np.int64)
    spans = {
        Modality.VIDEO: np.stack([times_ms, times_ms], axis=1),
        Modality.AUDIO: np.stack([chunks_ms, chunks_ms + 1000], axis=1),
        Modality.TRANSCRIPT: np.array([[1000 * seed % 9000 + 500, 1000 * seed % 9000 + 1500]], np.int64),
    }
    items = {}
    for modality, spans_ms in spans.items():
        embeddings = 0.02 * rng.standard_normal((len(spans_ms), EMBEDDING_DIMS[modality])).astype(np.float32)
        embeddings[:, 0] += 1.0
        is_bark = (spans_ms[:, 0] >= 4000) & (spans_ms[:, 0] < 8000)
        embeddings[is_bark & (spans_ms[:, 0] % 400 == 0), 1] += 1.0
        items[modality] = Items(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), spans_ms)
    carriers = (Modality.VIDEO, Modality.AUDIO)
    return EncodedStream(f"yard {seed}", 12_000, items, (Happening("bark", 4000, 8000, carriers, 0),))


@pytest.fixture(scope="module")
def streams() -> list[EncodedStream]:
    return [_stream(seed) for seed in range(4)]


def test_streams_of_a_batch_are_laid_out_as_windows_are_packed(streams: list[EncodedStream]) -> None:
    windows = StreamWindows(streams[:2], _CLASSES)
    batch = default_collate([windows[0], windows[1]])
    starts = window_starts_ms(12_000)
    packed = pack_window(streams[1], int(starts[5]))
    for row in range(3):
        items, places, times, weights = (part[1] for part in batch[4 * row : 4 * row + 4])
        is_item = weights[5] > 0
        np.testing.assert_array_equal(items[places[5]][is_item], packed[3 * row][: int(is_item.sum())])
        np.testing.assert_array_equal(times[5], packed[3 * row + 1])
        np.testing.assert_array_equal(weights[5], packed[3 * row + 2])


def test_training_learns_what_its_streams_show_and_is_chosen_for(streams: list[EncodedStream], tmp_path: Path) -> None:
    windows = StreamWindows(streams, _CLASSES)
    settings = FitSettings(
        width=8,
        epochs=12,
        batch_size=2,
        dropout=0.0,
        noise=0.0,
        sound_noise=0.0,
        swapped_shares=(0.0, 0.0, 0.0),
        learning_rate=0.02,
    )
    model = fit_composed(windows, windows, _CLASSES, settings, tmp_path)
    assert not model.training
    packed = [pack_window(streams[0], start_ms) for start_ms in (3000, -1500)]
    answers = model(*(torch.from_numpy(np.stack(column)) for column in zip(*packed, strict=True)))
    assert answers.probabilities[0, 0] > 0.5 > answers.probabilities[1, 0]
    both = [*streams, _with_crow(streams[0])]
    calibrate_composed(model, both)
    decode = choose_decoding(model, streams)
    assert decode.stay <= decode.begin


def _with_crow(stream: EncodedStream) -> EncodedStream:
    crow = Happening("crow", 9000, 11_000, (Modality.TRANSCRIPT,), 0)
    return EncodedStream("crow", stream.duration_ms, stream.items, (*stream.events, crow))


def test_checkpoints_belong_to_one_set_of_streams_and_settings(streams: list[EncodedStream]) -> None:
    learned, held = StreamWindows(streams[:2], _CLASSES), StreamWindows(streams[2:], _CLASSES)
    settings = FitSettings(width=8, epochs=1)
    material = digest_examples(learned, held)
    name = name_checkpoints(0, settings, _CLASSES, material)
    assert name == name_checkpoints(0, FitSettings(width=8, epochs=1), _CLASSES, digest_examples(learned, held))
    crow = StreamWindows([*streams[2:3], _with_crow(streams[3])], _CLASSES)
    others = {
        name_checkpoints(1, settings, _CLASSES, material),
        name_checkpoints(0, FitSettings(width=8, epochs=2), _CLASSES, material),
        name_checkpoints(0, settings, _CLASSES[::-1], material),
        name_checkpoints(0, settings, _CLASSES, digest_examples(held, learned)),
        name_checkpoints(0, settings, _CLASSES, digest_examples(learned, crow)),
    }
    assert len(others - {name}) == 5


def test_a_kind_that_does_not_pool_is_refused(streams: list[EncodedStream], tmp_path: Path) -> None:
    windows = StreamWindows(streams[:1], _CLASSES)
    with pytest.raises(ModelError, match="transformer does not pool"):
        fit_composed(windows, windows, _CLASSES, FitSettings(kind="transformer"), tmp_path)


def test_sound_that_is_always_that_of_another_window_is_not_trusted(
    streams: list[EncodedStream], tmp_path: Path
) -> None:
    windows = StreamWindows(streams, _CLASSES)
    told = {}
    for share in (0.0, 1.0):
        settings = FitSettings(
            width=8,
            epochs=12,
            dropout=0.0,
            noise=0.0,
            sound_noise=0.0,
            swapped_shares=(0.0, share, 0.0),
            learning_rate=0.02,
        )
        model = fit_composed(windows, windows, _CLASSES, settings, tmp_path / str(share))
        packed = [pack_window(streams[0], start_ms) for start_ms in (3000, -1500)]
        columns = [np.stack(column) for column in zip(*packed, strict=True)]
        for silenced in (2, 8):
            columns[silenced] = np.zeros_like(columns[silenced])
        bark, quiet = model(*map(torch.from_numpy, columns)).probabilities[:, 0].tolist()
        told[share] = bark - quiet
    assert told[0.0] > 0.3
    assert told[1.0] < 0.5 * told[0.0]

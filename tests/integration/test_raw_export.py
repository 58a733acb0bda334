"""The raw fusion as an ONNX graph: the same window answered as it is, and by way of its items' embeddings."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch

from processors.audio import pieces
from processors.modality import Modality
from processors.models.encoders import AudioEncoder, FrameEncoder
from processors.models.export import ExportCheck, check_export, export_model
from processors.models.joint_graph import read_graph_facts
from processors.models.networks import load_network, read_facts
from processors.models.plan import ModelPlan
from processors.models.served import shipped_facts
from processors.models.spec import EMBEDDING_DIMS
from streams.align import Window
from streams.records import Item
from streams.worker.answer import FusionInputs, fusion_inputs, stack_inputs
from streams.worker.encoders import Content, Encoded

pytestmark = pytest.mark.integration

PLAN = ModelPlan(raw={Modality.VIDEO: 6, Modality.AUDIO: 3})
SERVED = read_facts(PLAN)
CLOSE = 1e-3
NOTHING = np.zeros(0, np.float32)
START_MS = 1_700_000_000_000
Run = Callable[[list[list[Encoded]]], dict[str, npt.NDArray[Any]]]


def lay_out(items: list[Encoded], is_raw: bool) -> FusionInputs:
    window: Window[Item] = Window("dock-1", START_MS, START_MS + 4_000, first_seen_ms=0)
    return fusion_inputs(window, items, (SERVED if is_raw else shipped_facts()).items)


def opened(path: Path, *, is_raw: bool) -> Run:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = ["probabilities", "contributions", "embedding"]

    def run(windows: list[list[Encoded]]) -> dict[str, npt.NDArray[Any]]:
        feed = stack_inputs([lay_out(items, is_raw) for items in windows])
        return dict(zip(names, session.run(names, dict(feed)), strict=True))

    return run


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ExportCheck]:
    path = tmp_path_factory.mktemp("raw") / "model.onnx"
    network, spec = load_network("fusion", PLAN), SERVED.make_specs()["fusion"]
    export_model(network, spec, path)
    return path, check_export(network, spec, path)


@pytest.fixture(scope="module")
def embedded(models: Path) -> Run:
    return opened(models / "fusion" / "1" / "model.onnx", is_raw=False)


def item(modality: Modality, start_ms: int, end_ms: int) -> Item:
    place = (modality.value, 0, start_ms, None, None, None, b"")
    span_ms = (START_MS + start_ms, START_MS + end_ms)
    return Item(f"{modality}-{start_ms}", "dock-1", modality, *span_ms, span_ms[1], False, *place)


def window(seed: int, frames: int = 5, sounds: int = 3, words: int = 1) -> list[Encoded]:
    """Raw items: a scene that changes, tones between which it is quiet, a text's embedding."""
    random = np.random.default_rng(seed)
    made = []
    for k in range(frames):
        coarse = random.integers(0, 256, (1, 14, 14, 3), np.uint8)
        pixels = coarse.repeat(16, axis=1).repeat(16, axis=2)
        made.append(Encoded(item(Modality.VIDEO, 600 * k, 600 * k), Content(NOTHING, raw=pixels)))
    for k in range(sounds):
        tone = np.sin(np.arange(16_000) * random.uniform(0.02, 0.8)) * random.uniform(0, 0.5)
        content = Content(NOTHING, 16_000, 16_000, raw=pieces(tone.astype(np.float32)))
        made.append(Encoded(item(Modality.AUDIO, 1_000 * k - 250, 1_000 * k + 750), content))
    for k in range(words):
        text = random.normal(size=EMBEDDING_DIMS[Modality.TRANSCRIPT]).astype(np.float32)
        content = Content(text / np.linalg.norm(text), text="help")
        made.append(Encoded(item(Modality.TRANSCRIPT, 700 * k, 700 * k + 500), content))
    return made


@pytest.fixture(scope="module")
def encode() -> Callable[[list[Encoded]], list[Encoded]]:
    """Encodes raw items as the encoders of a repository do, in floats."""
    frames, sounds = FrameEncoder(), AudioEncoder()

    def run(items: list[Encoded]) -> list[Encoded]:
        made = []
        for encoded in items:
            raw = encoded.content.raw
            if raw is None:
                made.append(encoded)
                continue
            with torch.inference_mode():
                rows = torch.from_numpy(raw)
                [embedding] = frames(rows)[0] if encoded.item.modality is Modality.VIDEO else sounds(rows)
            made.append(Encoded(encoded.item, Content(embedding.numpy(), encoded.content.samples, 16_000)))
        return made

    return run


def test_the_graph_computes_what_its_network_does(graph):
    assert max(graph[1].max_abs_difference.values()) < 1e-4


@pytest.mark.parametrize("absent", [None, Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT])
def test_a_window_has_the_same_answer_as_it_is_and_by_its_embeddings(graph, embedded, encode, absent):
    windows = [[each for each in window(seed) if each.item.modality is not absent] for seed in range(4)]
    answer = opened(graph[0], is_raw=True)(windows)
    expected = embedded([encode(items) for items in windows])
    for name, array in expected.items():
        np.testing.assert_allclose(answer[name], array, atol=CLOSE, err_msg=name)
    present = [modality is not absent for modality in (Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT)]
    assert (np.abs(answer["contributions"]).max(axis=(0, 2)) > 0).tolist() == present
    assert np.ptp(answer["probabilities"], axis=0).max() > 1e-3, "windows that differ have the same answer"


def test_a_graph_that_was_exported_raw_can_be_brought_as_ones_own(graph):
    found = read_graph_facts(graph[0], EMBEDDING_DIMS)
    assert found == SERVED

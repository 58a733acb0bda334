"""The raw fusion as an ONNX graph: the same window answered as it is, and by way of its items' embeddings."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest
import torch

from processors.audio import pieces
from processors.modality import Modality
from processors.models.encoders import AudioEncoder, FrameEncoder
from processors.models.export import ExportCheck, check_export, export_model
from processors.models.joint_graph import read_graph_facts, take_graph
from processors.models.networks import load_network, read_facts
from processors.models.plan import ModelPlan
from processors.models.served import shipped_facts
from processors.models.spec import AUDIO_RATE_HZ, CONTRIBUTION_ORDER, EMBEDDING_DIMS, FRAME_SIDE_PX
from processors.scenes import SceneSettings, compose_scene
from streams.align import Window
from streams.records import Item
from streams.worker.answer import FusionInputs, fusion_inputs, stack_inputs
from streams.worker.encoders import Content, Encoded

pytestmark = pytest.mark.integration

PLAN = ModelPlan(raw={Modality.VIDEO: 6, Modality.AUDIO: 4})
SERVED = read_facts(PLAN)
CLOSE = 1e-3
PAGE = Path(__file__).parents[2] / "docs/how-to/joint-models.md"
NOTHING = np.zeros(0, np.float32)
START_MS, SIZE_MS = 1_700_000_000_000, 4_000
Run = Callable[[list[list[Encoded]]], dict[str, npt.NDArray[Any]]]


def lay_out(items: list[Encoded], is_raw: bool) -> FusionInputs:
    first_ms = min(each.item.start_ms for each in items)
    start_ms = first_ms - (first_ms - START_MS) % SIZE_MS
    window: Window[Item] = Window("dock-1", start_ms, start_ms + SIZE_MS, first_seen_ms=0)
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


@pytest.fixture(scope="module")
def windows() -> list[list[Encoded]]:
    """Raw items of a scene in which something happens in sight and sound, window by window; embeddings of its words."""
    scene = compose_scene(SceneSettings(duration_s=24.0, fps=1.5))
    random = np.random.default_rng(0)
    made = []
    for index, picture in enumerate(scene.frames()):
        at_ms = scene.frame_time_ms(index)
        pixels = cv2.resize(picture, (FRAME_SIDE_PX, FRAME_SIDE_PX), interpolation=cv2.INTER_AREA)
        made.append(Encoded(item(Modality.VIDEO, at_ms, at_ms), Content(NOTHING, raw=pixels[np.newaxis])))
    for second in range(24):
        sound = scene.sound[second * AUDIO_RATE_HZ : (second + 1) * AUDIO_RATE_HZ]
        content = Content(NOTHING, AUDIO_RATE_HZ, AUDIO_RATE_HZ, raw=pieces(sound))
        made.append(Encoded(item(Modality.AUDIO, second * 1_000, second * 1_000 + 1_000), content))
    for cue in scene.cues:
        text = random.normal(size=EMBEDDING_DIMS[Modality.TRANSCRIPT]).astype(np.float32)
        content = Content(text / np.linalg.norm(text), text=cue.text)
        made.append(Encoded(item(Modality.TRANSCRIPT, cue.start_ms, cue.end_ms), content))
    starts_ms = range(START_MS, START_MS + 24_000, SIZE_MS)
    return [[each for each in made if start_ms <= each.item.start_ms < start_ms + SIZE_MS] for start_ms in starts_ms]


@pytest.fixture(scope="module")
def encoded(windows: list[list[Encoded]]) -> list[list[Encoded]]:
    """The same with embeddings, as the encoders of a repository make them in floats."""
    frames, sounds = FrameEncoder(), AudioEncoder()

    def encode(each: Encoded) -> Encoded:
        raw = each.content.raw
        if raw is None:
            return each
        with torch.inference_mode():
            rows = torch.from_numpy(raw)
            [embedding] = frames(rows)[0] if each.item.modality is Modality.VIDEO else sounds(rows)
        return Encoded(each.item, Content(embedding.numpy(), each.content.samples, AUDIO_RATE_HZ))

    return [list(map(encode, items)) for items in windows]


def test_the_graph_computes_what_its_network_does(graph):
    assert max(graph[1].max_abs_difference.values()) < 1e-4


@pytest.mark.parametrize("absent", [None, Modality.VIDEO, Modality.AUDIO, Modality.TRANSCRIPT])
def test_a_window_has_the_same_answer_as_it_is_and_by_its_embeddings(graph, embedded, windows, encoded, absent):
    def present(items: list[Encoded]) -> list[Encoded]:
        return [each for each in items if each.item.modality is not absent]

    answer = opened(graph[0], is_raw=True)(list(map(present, windows)))
    expected = embedded(list(map(present, encoded)))
    for name, array in expected.items():
        np.testing.assert_allclose(answer[name], array, atol=CLOSE, err_msg=name)
    contributes = [modality is not absent for modality in CONTRIBUTION_ORDER]
    assert (np.abs(answer["contributions"]).max(axis=(0, 2)) > 0).tolist() == contributes
    if absent is None:
        assert np.ptp(answer["probabilities"], axis=0).max() > 100 * CLOSE, "nothing happens in these windows"


def test_a_graph_that_was_exported_raw_can_be_brought_as_ones_own(graph):
    found = read_graph_facts(graph[0], EMBEDDING_DIMS)
    assert found == SERVED


class EndToEnd(torch.nn.Module):
    """A network of somebody's own: how bright, how loud and what is said, to two classes."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = torch.nn.Linear(3, 128)
        self.head = torch.nn.Linear(128, 2)

    def forward(
        self,
        video: torch.Tensor,
        video_time: torch.Tensor,
        video_weight: torch.Tensor,
        audio: torch.Tensor,
        audio_time: torch.Tensor,
        audio_weight: torch.Tensor,
        transcript: torch.Tensor,
        transcript_time: torch.Tensor,
        transcript_weight: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        del video_time, audio_time, transcript_time
        means = []
        for items, weight in ((video, video_weight), (audio, audio_weight), (transcript, transcript_weight)):
            level = items.float().flatten(2).mean(dim=2)
            means.append((level * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1e-6))
        features = torch.stack(means, dim=1) / 255
        probabilities = self.answer(features)
        without = [probabilities - self.answer(features * keep) for keep in 1.0 - torch.eye(3)]
        return probabilities, torch.stack(without, dim=1), torch.nn.functional.normalize(self.mix(features), dim=1)

    def answer(self, features: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.head(torch.relu(self.mix(features))))


def test_the_page_s_way_writes_a_graph_that_can_be_served(tmp_path):
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    torch.manual_seed(0)
    page: dict[str, Any] = {"__name__": "example"}
    exec(compile(code, str(PAGE), "exec"), page)
    page["write"](EndToEnd().eval(), tmp_path / "joint.onnx")
    facts = read_graph_facts(tmp_path / "joint.onnx", EMBEDDING_DIMS)
    assert facts.raw == {Modality.VIDEO: 8, Modality.AUDIO: 4}
    assert (facts.classes, facts.thresholds) == (("leak", "steam"), {"leak": 0.7})
    take_graph(tmp_path / "joint.onnx", facts.make_specs()["fusion"], tmp_path / "model.onnx")

"""Every kind of fusion as an ONNX graph: it computes what its network does, and keeps the laws of what is absent."""

from dataclasses import dataclass

import numpy as np
import onnxruntime
import pytest
import torch

from processors.modality import Modality
from processors.models.composed import COMPOSED_WEIGHTS_PATH, load_composed
from processors.models.export import check_export, export_model
from processors.models.fusion import FUSION_KINDS, Ensemble, FusionShape, ServedFusion, Task, make_fusion
from processors.models.networks import load_network, read_facts
from processors.models.plan import ModelPlan
from processors.models.signature import CLASSES_PROPERTY
from processors.models.spec import ModelSpec, make_specs

pytestmark = pytest.mark.integration

DIMS = {Modality.VIDEO: 24, Modality.AUDIO: 16, Modality.TRANSCRIPT: 12}
TASKS = (
    Task("event", ("leak", "steam", "smoke"), is_exclusive=False),
    Task("mood", ("bad", "good"), is_exclusive=True),
)
SPEC = make_specs(DIMS, ("leak", "steam", "smoke", "mood.bad", "mood.good"))["fusion"]


@dataclass
class Graph:
    network: ServedFusion
    session: onnxruntime.InferenceSession
    differences: dict[str, float]

    def run(self, feed):
        return dict(zip(("probabilities", "contributions", "embedding"), self.session.run(None, feed), strict=True))


MOMENT, ENSEMBLE = "concat about a moment", "average"


def make(kind: str, **sizes):
    shape = FusionShape(modalities={modality.value: dim for modality, dim in DIMS.items()}, tasks=TASKS, **sizes)
    return make_fusion(kind, shape)


def make_model(name: str):
    if name == MOMENT:
        return make("concat", width=96, moment=0.5, rhythms=("video",))
    if name == ENSEMBLE:
        members = [make("concat", width=96, moment=0.5, rhythms=("video",)), make("attention", width=64)]
        return Ensemble(members, weights=[2, 1])
    return make(name, width=128)


@pytest.fixture(scope="module", params=[*FUSION_KINDS, MOMENT, ENSEMBLE])
def graph(request, tmp_path_factory):
    torch.manual_seed(0)
    network = ServedFusion(make_model(request.param)).eval()
    path = tmp_path_factory.mktemp(request.param.replace(" ", "-")) / "model.onnx"
    export_model(network, SPEC, path)
    found = check_export(network, SPEC, path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return Graph(network, session, found.max_abs_difference)


def draw(spec: ModelSpec, rows: int, seed: int = 3) -> dict[str, np.ndarray]:
    """Windows that are half full."""
    random = np.random.default_rng(seed)
    feed = {tensor.name: random.normal(size=(rows, *tensor.shape)).astype(np.float32) for tensor in spec.inputs}
    for name, array in feed.items():
        if name.endswith("_weight"):
            np.abs(array, out=array)
            array[:, array.shape[1] // 2 :] = 0.0
    return feed


def assert_same(got, expected):
    for name, array in expected.items():
        np.testing.assert_allclose(got[name], array, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("rows", [1, 3, 16])
def test_any_number_of_windows_is_answered_as_the_network_answers(graph, rows):
    feed = draw(SPEC, rows)
    with torch.inference_mode():
        expected = graph.network(*map(torch.from_numpy, feed.values()))
    assert_same(graph.run(feed), {name: tensor.numpy() for name, tensor in expected._asdict().items()})
    assert max(graph.differences.values()) < 1e-4


@pytest.mark.parametrize("garbage", [1e6, np.inf, np.nan])
def test_what_stands_in_padding_changes_nothing(graph, garbage):
    feed = draw(SPEC, 4)
    spoilt = {name: array.copy() for name, array in feed.items()}
    for modality in Modality:
        is_padding = feed[f"{modality}_weight"] == 0
        spoilt[modality.value][is_padding] = garbage
        spoilt[f"{modality}_time"][is_padding] = 1e3
    assert_same(graph.run(spoilt), graph.run(feed))


@pytest.mark.parametrize("absent", Modality)
def test_an_absent_modality_contributes_exactly_nothing(graph, absent):
    feed = draw(SPEC, 4)
    feed[f"{absent}_weight"][:] = 0.0
    answer = graph.run(feed)
    assert (answer["contributions"][:, list(Modality).index(absent)] == 0).all()
    assert all(np.isfinite(array).all() for array in answer.values())


def test_the_model_of_composed_streams_answers_as_a_graph_what_it_answers_to_its_judge(tmp_path):
    plan, path = ModelPlan(fusion=COMPOSED_WEIGHTS_PATH), tmp_path / "model.onnx"
    spec = read_facts(plan).make_specs()["fusion"]
    export_model(load_network("fusion", plan), spec, path)
    feed = draw(spec, 3)
    for modality in Modality:
        feed[modality.value] /= np.linalg.norm(feed[modality.value], axis=2, keepdims=True)
        feed[f"{modality}_time"][:] = np.linspace(0, 6, feed[f"{modality}_time"].shape[1])
    with torch.inference_mode():
        expected = load_composed()[0].model(*map(torch.from_numpy, feed.values()))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    probabilities, contributions, embedding = session.run(None, feed)
    np.testing.assert_allclose(probabilities, expected.probabilities, atol=1e-4)
    np.testing.assert_allclose(contributions, expected.contributions, atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)
    assert embedding.shape == (3, 128)


def test_a_graph_names_its_classes(graph):
    named = graph.session.get_modelmeta().custom_metadata_map[CLASSES_PROPERTY]
    assert named == '["leak", "steam", "smoke", "mood.bad", "mood.good"]'

"""`braid export` at work: versions of a fusion model and of the frame encoder, and what is said of them."""

import json

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

from processors.datasets.windows import WindowItems, WindowSet, write_windows
from processors.modality import Modality
from processors.models.compression.windows import split_windows
from processors.models.fusion import FusionShape, Task, TrainedFusion, make_fusion, save_trained
from processors.models.signature import CLASSES_PROPERTY
from streams.cli.app import command_line

pytestmark = pytest.mark.integration

DIMS = {Modality.VIDEO: 12, Modality.AUDIO: 8}
CLASSES = ("crash", "alarm")
THRESHOLDS = {"crash": 0.5, "alarm": 0.4}


def export(*words):
    outcome = CliRunner().invoke(command_line(), ["export", *map(str, words)], catch_exceptions=False)
    assert outcome.exit_code == 0, outcome.output
    return outcome


def make_windows(count=90, seed=0, items=5):
    random = np.random.default_rng(seed)
    labels = (random.random((count, 2)) < 0.4).astype(np.float32)
    modalities = {}
    for modality, dim in DIMS.items():
        signal = random.normal(size=(2, dim)) * 0.5
        values = random.normal(size=(count, items, dim)) + (labels @ signal)[:, None]
        times = np.tile(np.arange(items, dtype=np.float32), (count, 1))
        modalities[modality] = WindowItems(values.astype(np.float32), times, np.ones((count, items), np.float32))
    recordings = np.array([f"day-{number % 9}" for number in range(count)])
    return WindowSet(CLASSES, recordings, np.arange(count, dtype=np.int64), labels, modalities)


def make_trained(windows):
    torch.manual_seed(0)
    shape = FusionShape(
        modalities={modality.value: dim for modality, dim in DIMS.items()},
        tasks=(Task("event", CLASSES, is_exclusive=False),),
        width=128,
        dropout=0.0,
    )
    model = make_fusion("concat", shape)
    inputs = tuple(
        torch.from_numpy(array)
        for part in windows.modalities.values()
        for array in (part.items, part.times, part.weights)
    )
    model.standardise(inputs)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    present = torch.ones(len(windows), len(DIMS))
    for _ in range(40):
        logits, _ = model.judge(inputs, present)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(windows.labels))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return TrainedFusion("concat", model.eval(), THRESHOLDS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    windows = make_windows()
    write_windows(windows, folder / "windows.npz")
    save_trained(make_trained(split_windows(windows, 1 / 3, seed=0)[0]), folder / "fusion.safetensors")
    files = ("--fusion", folder / "fusion.safetensors", "--data", folder / "windows.npz")
    outcome = export(*files, "--out", folder / "out", "--prune", 0.5, "--epochs", 3, "--json")
    (folder / "stdout").write_text(outcome.stdout, encoding="utf-8")
    return folder


@pytest.fixture
def report(folder):
    return json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))


def test_json_on_stdout_is_the_report(folder, report):
    assert json.loads((folder / "stdout").read_text(encoding="utf-8")) == report


def test_every_version_is_a_graph_that_triton_takes_beside_the_live_one(folder, report):
    assert list(report["variants"]) == ["fp32", "int8", "pruned", "pruned-int8"]
    signatures = set()
    for name in report["variants"]:
        graph = onnx.load(folder / "out" / name / "model.onnx").graph
        signatures.add(
            tuple(
                (value.name, tuple(size.dim_value for size in value.type.tensor_type.shape.dim[1:]))
                for value in (*graph.input, *graph.output)
            )
        )
    assert len(signatures) == 1


def test_every_version_names_the_classes_that_it_answers(folder, report):
    """A version of other classes than the live one's is refused at deployment."""
    for name in report["variants"]:
        session = onnxruntime.InferenceSession(folder / "out" / name / "model.onnx", providers=["CPUExecutionProvider"])
        assert json.loads(session.get_modelmeta().custom_metadata_map[CLASSES_PROPERTY]) == list(CLASSES)


def test_smaller_versions_are_smaller(report):
    whole, int8, pruned, both = report["variants"].values()
    assert both["bytes"] < int8["bytes"] < whole["bytes"]
    assert both["bytes"] < pruned["bytes"] < whole["bytes"]
    assert pruned["parameters"] == both["parameters"] < whole["parameters"] == int8["parameters"]


def test_integers_and_pruning_cost_little_here(report):
    assert report["variants"]["fp32"]["average_precision"] > 0.9
    for name in ("int8", "pruned", "pruned-int8"):
        assert report["variants"][name]["lost"]["average_precision"] < 0.05
        assert report["variants"][name]["told_otherwise"] < 0.2
    assert 0 < report["variants"]["int8"]["largest_change"] < 0.2


def test_the_int8_graph_computes_its_linear_layers_in_integers(folder):
    nodes = onnx.load(folder / "out" / "int8" / "model.onnx").graph.node
    assert sum(node.op_type == "QuantizeLinear" for node in nodes) >= 4


def test_what_was_lost_is_the_difference_and_speed_is_beside_the_first(report):
    whole, pruned = report["variants"]["fp32"], report["variants"]["pruned"]
    assert pruned["lost"]["f1"] == pytest.approx(whole["f1"] - pruned["f1"], abs=2e-5)
    assert pruned["times_as_fast"]["least"] <= pruned["times_as_fast"]["median"] <= pruned["times_as_fast"]["most"]
    assert whole["times_as_fast"]["median"] == 1
    assert report["facts"]["judged by"] == "30 windows of 3 other recordings"


def test_the_report_stands_beside_the_versions(folder):
    text = (folder / "out" / "report.md").read_text(encoding="utf-8")
    assert "| pruned-int8 |" in text
    assert "| crash |" in text
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "<td>pruned-int8</td>" in page
    assert "<th>times as fast</th>" in page
    assert page.count("<svg") == 1


def test_an_encoder_is_calibrated_on_ones_own_frames(tmp_path):
    random = np.random.default_rng(0)
    for number in range(4):
        picture = cv2.resize(random.integers(0, 256, (9, 9, 3), dtype=np.uint8), (320, 240))
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), picture)
    outcome = export("--out", tmp_path / "out", "--encoder", "video", "--calibration", tmp_path, "--json")
    report = json.loads(outcome.stdout)
    assert report == json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["facts"]["judged by"] == "2 frames of 2 other files"
    assert report["variants"]["int8"]["mean_cosine"] > 0.9
    assert report["variants"]["int8"]["bytes"] < 0.5 * report["variants"]["fp32"]["bytes"]
    for name in ("fp32/model.onnx", "int8/model.onnx", "int8/calibration.json", "report.md", "report.html"):
        assert (tmp_path / "out" / name).is_file()

"""A graph of a user's own as the fusion model: what is read from it, and what cannot be served."""

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from processors.errors import ModelError
from processors.modality import Modality
from processors.models.joint_graph import is_graph, read_graph_facts, take_graph
from processors.models.networks import read_facts
from processors.models.plan import ModelPlan
from processors.models.signature import Signature, Tensor, check_graph
from processors.models.spec import EMBEDDING_DIMS, RAW_MAX_BATCH

CLASSES = ["leak", "steam"]
METADATA = {"braid.classes": json.dumps(CLASSES), "braid.thresholds": '{"leak": 0.75}'}
INPUTS = {
    "video": (TensorProto.UINT8, [6, 224, 224, 3]),
    "video_time": (TensorProto.FLOAT, [6]),
    "video_weight": (TensorProto.FLOAT, [6]),
    "audio": (TensorProto.FLOAT, [3, 16_000]),
    "audio_time": (TensorProto.FLOAT, [3]),
    "audio_weight": (TensorProto.FLOAT, [3]),
    "transcript": (TensorProto.FLOAT, [16, EMBEDDING_DIMS[Modality.TRANSCRIPT]]),
    "transcript_time": (TensorProto.FLOAT, [16]),
    "transcript_weight": (TensorProto.FLOAT, [16]),
}
OUTPUTS = {"probabilities": [2], "contributions": [3, 2], "embedding": [128]}


@pytest.fixture
def write(tmp_path):
    """Writes a graph whose answers do not depend on what it is given, but for how many windows there are."""

    def write(inputs=None, outputs=None, metadata=None, value=0.25) -> Path:
        taken, given = INPUTS | (inputs or {}), outputs or OUTPUTS
        nodes, constants = [], [helper.make_tensor("axis", TensorProto.INT64, [1], [0])]
        nodes += [
            helper.make_node("Shape", ["video"], ["shape"]),
            helper.make_node("Gather", ["shape", "axis"], ["rows"]),
        ]
        for name, shape in given.items():
            constants += [
                helper.make_tensor(f"{name}.one", TensorProto.FLOAT, [1] * (len(shape) + 1), [value]),
                helper.make_tensor(f"{name}.shape", TensorProto.INT64, [len(shape)], shape),
            ]
            nodes += [
                helper.make_node("Concat", ["rows", f"{name}.shape"], [f"{name}.full"], axis=0),
                helper.make_node("Expand", [f"{name}.one", f"{name}.full"], [name]),
            ]
        graph = helper.make_graph(
            nodes,
            "joint",
            [helper.make_tensor_value_info(name, dtype, ["N", *shape]) for name, (dtype, shape) in taken.items()],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", *shape]) for name, shape in given.items()],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        helper.set_model_props(model, METADATA if metadata is None else metadata)
        onnx.save(model, tmp_path / "joint.onnx")
        return tmp_path / "joint.onnx"

    return write


def test_a_graph_says_what_it_takes_and_which_classes_it_answers(write):
    facts = read_graph_facts(write(), EMBEDDING_DIMS)
    assert facts.raw == {Modality.VIDEO: 6, Modality.AUDIO: 3}
    assert facts.classes == ("leak", "steam")
    assert facts.thresholds == {"leak": 0.75}
    assert facts.dims == EMBEDDING_DIMS
    assert facts.max_batch == RAW_MAX_BATCH


def test_a_graph_over_embeddings_is_served_as_well(write):
    path = write(
        {
            "video": (TensorProto.FLOAT, [32, 1_280]),
            "video_time": (TensorProto.FLOAT, [32]),
            "video_weight": (TensorProto.FLOAT, [32]),
        }
    )
    assert read_graph_facts(path, EMBEDDING_DIMS).raw == {Modality.AUDIO: 3}


def test_without_thresholds_every_class_is_an_event_from_a_half_on(write):
    path = write(metadata={"braid.classes": json.dumps(CLASSES)})
    assert read_graph_facts(path, EMBEDDING_DIMS).thresholds == {"leak": 0.5, "steam": 0.5}


def test_a_plan_is_about_what_its_graph_says(write):
    facts = read_facts(ModelPlan(fusion=write()))
    assert facts.classes == ("leak", "steam")
    assert facts.make_specs()["fusion"].inputs[0].shape == (6, 224, 224, 3)
    assert "video and audio raw" in facts.cards["fusion"]


def test_a_graph_that_is_said_to_be_raw_once_more_is_refused(write):
    with pytest.raises(ModelError, match=r"joint\.onnx is a graph, .*leave out models\.raw"):
        read_facts(ModelPlan(fusion=write(), raw={Modality.VIDEO: 8}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metadata": {}}, r"does not name its classes; expected the metadata `braid\.classes`"),
        ({"metadata": {"braid.classes": "leak"}}, r"`classes` is 'leak'; expected a JSON list"),
        ({"metadata": METADATA | {"braid.thresholds": '{"fire": 0.5}'}}, r"thresholds are .*expected .*leak, steam"),
        (
            {"inputs": {"video": (TensorProto.UINT8, [6, 64, 64, 3])}},
            r"input for video is video UINT8 \[6, 64, 64, 3\]",
        ),
        ({"inputs": {"video_time": (TensorProto.FLOAT, [5])}}, r"cannot be served\n  this file: .*\n  expected: "),
        ({"inputs": {"transcript": (TensorProto.FLOAT, [16, 24])}}, r"transcript \[24\], the encoders give .*\[384\]"),
        ({"outputs": OUTPUTS | {"embedding": [64]}}, r"embedding FP32 \[N, 64\]; .*\n  expected: .*\[N, 128\]"),
        ({"outputs": {"probabilities": [2]}}, r"cannot be served\n"),
    ],
)
def test_a_graph_that_cannot_be_served_is_refused_with_what_was_got_and_expected(write, changes, said):
    path = write(**changes)
    with pytest.raises(ModelError, match=f"(?s){said}") as refused:
        read_graph_facts(path, EMBEDDING_DIMS)
    assert str(path) in str(refused.value)


def test_a_graph_is_taken_as_it_is_once_it_has_answered(write, tmp_path):
    path, target = write(), tmp_path / "model.onnx"
    spec = read_graph_facts(path, EMBEDDING_DIMS).make_specs()["fusion"]
    take_graph(path, spec, target)
    assert target.read_bytes() == path.read_bytes()
    with pytest.raises(ModelError, match="output contributions is not finite"):
        take_graph(write(value=float("nan")), spec, target)


def test_a_graph_is_known_by_its_name():
    assert is_graph(Path("runs/joint.onnx"))
    assert not is_graph(Path("runs/fusion.safetensors"))
    assert not is_graph(None)


def test_a_version_over_embeddings_cannot_take_the_place_of_one_that_takes_raw_items_nor_the_other_way(write):
    raw = read_graph_facts(write(), EMBEDDING_DIMS)
    embedded = replace(raw, raw={})
    live = Signature.of(
        *(
            [Tensor(each.name, each.dtype, each.shape) for each in tensors]
            for tensors in (embedded.make_specs()["fusion"].inputs, embedded.make_specs()["fusion"].outputs)
        )
    )
    with pytest.raises(ModelError, match="differs from the live version's") as refused:
        check_graph(write(), live, embedded.make_specs()["fusion"])
    own, said_live = str(refused.value).split("live:")
    assert "video UINT8 [N, 6, 224, 224, 3]" in own
    assert "video FP32 [N, 32, 1280]" in said_live

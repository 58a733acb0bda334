"""Which ONNX files can take the place of a live version, and what is said of the others."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from processors.errors import ModelError
from processors.models.signature import (
    CLASSES_PROPERTY,
    THRESHOLDS_PROPERTY,
    Signature,
    Tensor,
    check_graph,
    thresholds_of,
)
from processors.models.spec import ModelSpec, TensorSpec

SPEC = ModelSpec(
    name="scaled",
    inputs=(TensorSpec("x", "FP32", (4,)),),
    outputs=(TensorSpec("y", "FP32", (4,)),),
    backend="onnxruntime",
    max_batch_size=8,
)
LIVE = Signature.of([Tensor("x", "FP32", (4,))], [Tensor("y", "FP32", (4,))])
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a graph of one operator on `x` and a constant `b`."""

    def write(
        *,
        operator: str = "Add",
        names: tuple[str, str] = ("x", "y"),
        dtype: int = TensorProto.FLOAT,
        shapes: tuple[list[int | str], list[int | str]] = (["N", 4], ["N", 4]),
        constant: tuple[list[int], list[float]] = ([1], [2.0]),
    ) -> Path:
        taken, given = names
        b = helper.make_tensor("b", dtype, *constant)
        graph = helper.make_graph(
            [helper.make_node(operator, [taken, "b"], [given])],
            "scaled",
            [helper.make_tensor_value_info(taken, dtype, shapes[0])],
            [helper.make_tensor_value_info(given, dtype, shapes[1])],
            [b],
        )
        path = tmp_path / "model.onnx"
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
        onnx.save(model, path)
        return path

    return write


def write_selection(folder: Path, *, axis: int, condition: list[bool]) -> Path:
    """A graph of which nobody knows how much it answers before it runs."""
    graph = helper.make_graph(
        [helper.make_node("Compress", ["x", "b"], ["y"], axis=axis)],
        "selected",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["M", "K"])],
        [helper.make_tensor("b", TensorProto.BOOL, [len(condition)], condition)],
    )
    path = folder / "selected.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_a_graph_with_the_live_signature_may_take_its_place(write: Write) -> None:
    check_graph(write(), LIVE, SPEC)


def test_a_dimension_that_a_graph_leaves_open_is_judged_by_its_answer(write: Write, tmp_path: Path) -> None:
    check_graph(write(shapes=(["N", "M"], ["N", "M"])), LIVE, SPEC)

    with pytest.raises(ModelError, match=r"output y is \[1, 3\].*expected \[1, 4\]"):
        check_graph(write_selection(tmp_path, axis=1, condition=[True, True, False, True]), LIVE, SPEC)


@pytest.mark.parametrize(
    ("differs", "shown"),
    [
        ({"names": ("z", "y")}, "z FP32 [N, 4] -> y FP32 [N, 4]"),
        ({"names": ("x", "z")}, "x FP32 [N, 4] -> z FP32 [N, 4]"),
        ({"dtype": TensorProto.DOUBLE}, "x FP64 [N, 4] -> y FP64 [N, 4]"),
        ({"shapes": (["N", 5], ["N", 5])}, "x FP32 [N, 5] -> y FP32 [N, 5]"),
        ({"shapes": (["N", 4, 1], ["N", 4, 1])}, "x FP32 [N, 4, 1] -> y FP32 [N, 4, 1]"),
    ],
    ids=["input", "output", "type", "size", "rank"],
)
def test_a_graph_with_another_signature_is_refused_and_both_are_shown(
    write: Write, differs: dict[str, object], shown: str
) -> None:
    with pytest.raises(ModelError) as refused:
        check_graph(write(**differs), LIVE, SPEC)

    assert f"this file: {shown}\n" in str(refused.value)
    assert "live:      x FP32 [N, 4] -> y FP32 [N, 4]" in str(refused.value)


LABELLED = replace(SPEC, labels={"y": ("a", "b", "c", "d")})


def test_a_graph_for_other_classes_is_refused_and_both_are_shown(write: Write) -> None:
    path = write()
    named = onnx.load(path)

    def name(classes: list[str]) -> None:
        del named.metadata_props[:]
        named.metadata_props.add(key=CLASSES_PROPERTY, value=json.dumps(classes))
        onnx.save(named, path)

    check_graph(path, LIVE, LABELLED)
    name(["a", "b", "c", "d"])
    check_graph(path, LIVE, LABELLED)
    name(["a", "b", "d", "c"])
    with pytest.raises(ModelError) as refused:
        check_graph(path, LIVE, LABELLED)

    assert 'this file: ["a", "b", "d", "c"]\n' in str(refused.value)
    assert 'live:      ["a", "b", "c", "d"]' in str(refused.value)


def test_one_tensor_more_or_less_is_another_signature() -> None:
    more = Signature.of([Tensor("x", "FP32", (4,)), Tensor("z", "FP32", (4,))], LIVE.outputs)

    assert not more.fits(LIVE)
    assert not LIVE.fits(more)


def test_the_order_of_tensors_does_not_matter() -> None:
    tensors = [Tensor("x", "FP32", (4,)), Tensor("z", "INT64", (2,))]

    assert Signature.of(tensors, []) == Signature.of(tensors[::-1], [])


def test_a_fixed_batch_is_refused(write: Write) -> None:
    with pytest.raises(ModelError, match="dynamic batch dimension"):
        check_graph(write(shapes=([1, 4], [1, 4])), LIVE, SPEC)


def test_a_graph_that_loses_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"output y is \[1, 4\] for a sample of 3 rows, expected \[3, 4\]"):
        check_graph(write_selection(tmp_path, axis=0, condition=[True]), LIVE, SPEC)


def test_a_graph_that_fails_on_the_sample_is_refused(write: Write) -> None:
    wide = write(operator="MatMul", shapes=(["N", "M"], ["N", 4]), constant=([5, 4], [0.0] * 20))

    with pytest.raises(ModelError, match="known-good sample of 1 rows"):
        check_graph(wide, LIVE, SPEC)


def test_a_graph_that_answers_what_is_no_number_is_refused(write: Write) -> None:
    with pytest.raises(ModelError, match="not finite"):
        check_graph(write(operator="Div", constant=([1], [0.0])), LIVE, SPEC)


@pytest.mark.parametrize("content", [b"", b"no model", None], ids=["empty", "other", "missing"])
def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "broken.onnx"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ModelError, match=r"broken\.onnx: (not an ONNX model|there is no such file)"):
        check_graph(path, LIVE, SPEC)


def test_a_file_that_is_cut_is_refused(write: Write) -> None:
    path = write()
    path.write_bytes(path.read_bytes()[:-20])

    with pytest.raises(ModelError, match="not an ONNX model"):
        check_graph(path, LIVE, SPEC)


def with_thresholds(path: Path, text: str) -> Path:
    named = onnx.load(path)
    named.metadata_props.add(key=THRESHOLDS_PROPERTY, value=text)
    onnx.save(named, path)
    return path


def test_a_graph_says_its_own_thresholds_or_none(write: Write) -> None:
    assert thresholds_of(write(), LABELLED) is None
    assert thresholds_of(with_thresholds(write(), '{"a": 0.3, "d": 1}'), LABELLED) == {"a": 0.3, "d": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0.5", "expected a JSON object"),
        ("{", "expected a JSON object"),
        ('{"a": "high"}', "expected a number for each class"),
        ('{"e": 0.5}', "of the classes a, b, c, d"),
        ('{"a": 1.5}', "each between 0 and 1"),
        ("{}", "expected at least one"),
    ],
)
def test_thresholds_that_cannot_be_are_refused_with_the_file_and_the_property(
    write: Write, text: str, said: str
) -> None:
    path = with_thresholds(write(), text)
    with pytest.raises(ModelError, match=said) as refused:
        thresholds_of(path, LABELLED)
    assert str(refused.value).startswith(f"{path}: {THRESHOLDS_PROPERTY} in its metadata: ")

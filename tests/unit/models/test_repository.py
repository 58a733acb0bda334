"""The version folders of one model: whole or not there, and never written over."""

from pathlib import Path

import pytest

from processors.errors import ModelError
from processors.models.repository import add_version, graph_of, remove_version, versions_of


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "repository" / "fusion"
    (folder / "1").mkdir(parents=True)
    (folder / "config.pbtxt").write_text("")
    return folder


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "trained.onnx"
    path.write_bytes(b"graph")
    return path


def test_versions_are_the_folders_with_a_number_in_order(model: Path) -> None:
    for name in ("10", "2", ".incoming-x", "__pycache__"):
        (model / name).mkdir()
    (model / "3").write_text("a file")

    assert versions_of(model) == [1, 2, 10]
    assert versions_of(model / "missing") == []


def test_a_file_becomes_the_graph_of_a_version_that_anybody_may_read(model: Path, graph: Path) -> None:
    add_version(model, 2, graph)

    assert (model / "2" / "model.onnx").read_bytes() == b"graph"
    assert (model / "2").stat().st_mode & 0o055 == 0o055
    assert sorted(path.name for path in model.iterdir()) == ["1", "2", "config.pbtxt"]


def test_a_folder_brings_what_belongs_to_its_graph(model: Path, tmp_path: Path) -> None:
    source = tmp_path / "trained"
    source.mkdir()
    (source / "model.onnx").write_bytes(b"graph")
    (source / "model.onnx.data").write_bytes(b"weights")

    add_version(model, 2, source)

    assert graph_of(source) == source / "model.onnx"
    assert {path.name for path in (model / "2").iterdir()} == {"model.onnx", "model.onnx.data"}


def test_a_version_that_is_there_is_not_written_over_and_nothing_is_left_beside_it(model: Path, graph: Path) -> None:
    add_version(model, 2, graph)
    graph.write_bytes(b"other")

    with pytest.raises(ModelError, match=r"fusion/2"):
        add_version(model, 2, graph)

    assert (model / "2" / "model.onnx").read_bytes() == b"graph"
    assert sorted(path.name for path in model.iterdir()) == ["1", "2", "config.pbtxt"]


def test_a_source_that_is_not_there_leaves_nothing(model: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"missing\.onnx"):
        add_version(model, 2, tmp_path / "missing.onnx")

    assert versions_of(model) == [1]


def test_a_removed_version_is_gone_and_may_be_removed_again(model: Path, graph: Path) -> None:
    add_version(model, 2, graph)

    for _ in range(2):
        remove_version(model, 2)

    assert sorted(path.name for path in model.iterdir()) == ["1", "config.pbtxt"]

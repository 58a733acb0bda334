"""Which folders a build replaces, and when it has nothing to do; real builds are tried under `tests/integration`."""

import json
from pathlib import Path

import pytest

from processors.errors import ModelError
from processors.models import build
from processors.models.build import MANIFEST_NAME, ONNXRUNTIME_BACKEND, build_repository, is_up_to_date
from processors.models.plan import ModelPlan
from processors.models.precision import Precision
from processors.models.repository import add_version
from processors.models.skeleton import write_skeleton


def fill(repository: Path, _plan: object, _precision: object, _progress: object) -> None:
    """Stands in for the exports, which take seconds each."""
    write_skeleton(repository)
    (repository / "fusion" / "1").mkdir()
    (repository / "fusion" / "1" / "model.onnx").write_bytes(b"graph")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_fill", fill)


@pytest.mark.usefixtures("quick")
def test_a_second_build_has_nothing_to_do(tmp_path: Path) -> None:
    target = tmp_path / "models"

    assert build_repository(target)
    assert not build_repository(target)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("damage", ["missing", "shorter", "extra", "manifest"])
def test_a_damaged_repository_is_built_again(tmp_path: Path, damage: str) -> None:
    target = tmp_path / "models"
    build_repository(target)
    graph = target / "fusion" / "1" / "model.onnx"
    match damage:
        case "missing":
            graph.unlink()
        case "shorter":
            graph.write_bytes(b"gra")
        case "extra":
            (target / "fusion" / "1" / "stray").write_bytes(b"")
        case "manifest":
            (target / MANIFEST_NAME).write_text("{")

    assert not is_up_to_date(target)
    assert build_repository(target)
    assert graph.read_bytes() == b"graph"
    assert is_up_to_date(target)


@pytest.mark.usefixtures("quick")
def test_what_python_caches_in_it_does_not_make_it_stale(tmp_path: Path) -> None:
    target = tmp_path / "models"
    build_repository(target)
    cache = target / "text_tokenizer" / "__pycache__"
    cache.mkdir()
    (cache / "model.cpython-311.pyc").write_bytes(b"")

    assert is_up_to_date(target)


@pytest.mark.usefixtures("quick")
def test_another_version_of_a_package_makes_it_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "models"
    build_repository(target)

    monkeypatch.setattr(build, "_installed_version", lambda _package: "0")

    assert not is_up_to_date(target)


@pytest.mark.usefixtures("quick")
def test_another_precision_makes_it_stale(tmp_path: Path) -> None:
    target = tmp_path / "models"
    build_repository(target, precision=Precision.FP32)

    assert is_up_to_date(target, Precision.FP32)
    assert not is_up_to_date(target, Precision.INT8)


@pytest.mark.usefixtures("quick")
def test_another_fusion_file_or_another_checkpoint_makes_it_stale(tmp_path: Path) -> None:
    target, trained = tmp_path / "models", tmp_path / "fusion.safetensors"
    trained.write_bytes(b"weights")
    plan = ModelPlan(fusion=trained, video="some/checkpoint")
    build_repository(target, plan=plan)

    assert is_up_to_date(target, plan=plan)
    assert not is_up_to_date(target)
    assert not is_up_to_date(target, plan=ModelPlan(fusion=trained))
    assert json.loads((target / MANIFEST_NAME).read_text())["plan"] == plan.identity()
    trained.write_bytes(b"weightz")
    assert not is_up_to_date(target, plan=plan)


@pytest.mark.usefixtures("quick")
def test_versions_that_were_added_neither_make_it_stale_nor_are_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, source = tmp_path / "models", tmp_path / "better.onnx"
    build_repository(target)
    source.write_bytes(b"better graph")
    add_version(target / "fusion", 7, source)

    assert is_up_to_date(target)
    monkeypatch.setattr(build, "_installed_version", lambda _package: "0")
    assert build_repository(target)
    assert (target / "fusion" / "7" / "model.onnx").read_bytes() == b"better graph"
    assert is_up_to_date(target)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "thesis.txt"
    precious.write_text("years of work")

    with pytest.raises(ModelError, match="left alone"):
        build_repository(tmp_path)

    assert precious.read_text() == "years of work"


def test_a_fusion_file_that_is_not_there_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone\.safetensors is not there"):
        build_repository(tmp_path / "models", plan=ModelPlan(fusion=tmp_path / "gone.safetensors"))

    assert list(tmp_path.iterdir()) == []


def test_a_failed_build_leaves_no_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_repository: Path, _plan: object, _precision: object, _progress: object) -> None:
        raise ModelError("the graph differs")

    monkeypatch.setattr(build, "_fill", fail)

    with pytest.raises(ModelError, match="differs"):
        build_repository(tmp_path / "models")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("quick")
def test_a_failed_build_leaves_the_last_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "models"
    build_repository(target)
    graph = target / "fusion" / "1" / "model.onnx"

    def fail(_repository: Path, _plan: object, _precision: object, _progress: object) -> None:
        raise ModelError("the graph differs")

    monkeypatch.setattr(build, "_fill", fail)
    monkeypatch.setattr(build, "_installed_version", lambda _package: "0")
    with pytest.raises(ModelError):
        build_repository(target)

    assert graph.read_bytes() == b"graph"


@pytest.mark.usefixtures("quick")
def test_the_server_may_read_the_repository_as_another_user(tmp_path: Path) -> None:
    build_repository(tmp_path / "models")

    assert (tmp_path / "models").stat().st_mode & 0o055 == 0o055


def test_the_backend_is_a_file_that_can_be_copied() -> None:
    assert ONNXRUNTIME_BACKEND.name == "model.py"
    assert "class TritonPythonModel" in ONNXRUNTIME_BACKEND.read_text(encoding="utf-8")

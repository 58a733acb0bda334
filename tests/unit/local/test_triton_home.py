"""What the embedded Triton needs, and what is said when it is missing."""

import ctypes.util
import os
import sys
import sysconfig
from pathlib import Path

import pytest

from streams.errors import ConfigurationError, DependencyUnavailable
from streams.local.triton import EmbeddedTriton, build_backends, find_libpython
from streams.settings import ModelSettings

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def set_library_directory(monkeypatch: pytest.MonkeyPatch, directory: Path, *, known_to_loader: bool) -> None:
    monkeypatch.setattr(
        sysconfig, "get_config_var", lambda name: str(directory) if name in {"LIBDIR", "LIBPL"} else None
    )
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: f"lib{name}.so" if known_to_loader else None)


def test_libpython_is_found_beside_the_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / f"libpython{PYTHON}.so.1.0").touch()
    set_library_directory(monkeypatch, tmp_path, known_to_loader=False)
    assert find_libpython() == tmp_path


def test_libpython_of_the_system_will_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_library_directory(monkeypatch, tmp_path, known_to_loader=True)
    assert find_libpython().is_dir()


def test_no_libpython_names_the_file_and_the_mend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_library_directory(monkeypatch, tmp_path, known_to_loader=False)
    with pytest.raises(ConfigurationError) as caught:
        find_libpython()
    assert f"libpython{PYTHON}.so.1.0" in str(caught.value)
    assert f"apt install libpython{PYTHON}" in str(caught.value)
    assert caught.value.exit_code == 2


def lay_out_pytriton(home: Path, python: str) -> Path:
    stub = home / "tritonserver" / "python_backend_stubs" / python / "triton_python_backend_stub"
    backend = home / "tritonserver" / "backends" / "python" / "libtriton_python.so"
    for file in (stub, backend):
        file.parent.mkdir(parents=True)
        file.write_text(file.name)
    return home


def test_the_backends_are_tritons_own_with_our_stub_and_ours_for_onnx(tmp_path: Path) -> None:
    target = tmp_path / "backends"
    for _ in range(2):
        build_backends(lay_out_pytriton(tmp_path / f"pytriton{_}", PYTHON), target)
    found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert found == {"python/libtriton_python.so", "python/triton_python_backend_stub", "onnxruntime/model.py"}
    assert os.access(target / "python" / "triton_python_backend_stub", os.X_OK)


def test_a_python_without_a_stub_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"no backend for Python {PYTHON}.*BRAID_TRITON__GRPC"):
        build_backends(lay_out_pytriton(tmp_path / "pytriton", "2.7"), tmp_path / "backends")


async def test_the_models_are_built_from_what_the_settings_name(tmp_path: Path) -> None:
    settings = ModelSettings(fusion_file=tmp_path / "gone.safetensors")
    triton = EmbeddedTriton(tmp_path / "triton", tmp_path, tmp_path / "models", (1, 2, 3), build=settings)
    with pytest.raises(DependencyUnavailable, match=r"gone\.safetensors is not there"):
        await triton._have_models()

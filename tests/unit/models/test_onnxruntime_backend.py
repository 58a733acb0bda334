"""The Python-based backend computes where Triton says, if it can. Requests are answered under `tests/integration`."""

import importlib.util
import sys
from types import ModuleType

import onnxruntime
import pytest

from processors.models.build import ONNXRUNTIME_BACKEND

CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"
ASKED = {"optimization": {"execution_accelerators": {"gpu_execution_accelerator": [{"name": "tensorrt"}]}}}
ON_DEVICE = {"device_id": "1"}


@pytest.fixture
def backend(monkeypatch):
    monkeypatch.setitem(sys.modules, "triton_python_backend_utils", ModuleType("triton_python_backend_utils"))
    spec = importlib.util.spec_from_file_location("backend", ONNXRUNTIME_BACKEND)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def instance(kind):
    return {"model_instance_kind": kind, "model_instance_device_id": "1"}


@pytest.mark.parametrize(
    ("kind", "available", "expected"),
    [
        ("CPU", [CUDA, "CPUExecutionProvider"], ["CPUExecutionProvider"]),
        ("GPU", [CUDA, "CPUExecutionProvider"], [(CUDA, {"device_id": "1"}), "CPUExecutionProvider"]),
        ("GPU", ["CPUExecutionProvider"], ["CPUExecutionProvider"]),
    ],
)
def test_an_instance_computes_on_the_gpu_that_it_was_given(backend, monkeypatch, kind, available, expected):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    assert backend._providers(instance(kind), {}) == expected


@pytest.mark.parametrize(
    ("kind", "available", "expected"),
    [
        ("GPU", [TENSORRT, CUDA, CPU], [(TENSORRT, ON_DEVICE), (CUDA, ON_DEVICE), CPU]),
        ("GPU", [CUDA, CPU], [(CUDA, ON_DEVICE), CPU]),
        ("GPU", [CPU], [CPU]),
        ("CPU", [TENSORRT, CUDA, CPU], [CPU]),
    ],
)
def test_tensorrt_goes_first_on_a_gpu_where_it_is_asked_for(backend, monkeypatch, kind, available, expected):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: available)
    assert backend._providers(instance(kind), ASKED) == expected


def test_tensorrt_is_not_used_unasked(backend, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [TENSORRT, CUDA, CPU])
    assert backend._providers(instance("GPU"), {"optimization": {}}) == [(CUDA, ON_DEVICE), CPU]

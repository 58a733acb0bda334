"""The Python-based backend computes where Triton says, if it can. Requests are answered under `tests/integration`."""

import importlib.util
import sys
from types import ModuleType

import onnxruntime
import pytest

from processors.models.build import ONNXRUNTIME_BACKEND

CUDA = "CUDAExecutionProvider"


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
    assert backend._providers(instance(kind)) == expected
